"""A report as a mail: HTML with its charts inside, and the same in plain lines."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.template.loader import render_to_string

from wattkeep.alerts.notify_links import address
from wattkeep.alerts.reports_chart import bar_chart

if TYPE_CHECKING:
    from typing import Any

    from wattkeep.alerts.reports import Report, SiteReport, Use

REPORTS_PATH = "/alerts/reports/"
# A label for each day of a week; every fifth of a month.
LABELS_UP_TO, LABEL_EVERY = 7, 5
FLAT = 0.005


@dataclass(frozen=True, slots=True)
class Mail:
    """A report ready to be sent; images stand in the HTML as data."""

    subject: str
    body: str
    html: str


def write_mail(report: Report) -> Mail:
    """Return a report as it is sent."""
    lines = [report.span.title]
    for site in report.sites:
        lines += ["", *_lines(site)]
    page = address(REPORTS_PATH)
    if page:
        lines += ["", page]
    return Mail(_subject(report), "\n".join(lines), render_html(report))


def render_html(report: Report) -> str:
    """Return the mail's HTML, complete in itself."""
    return render_to_string(
        "mail/report.html",
        {
            "report": report,
            "sites": [_shown(site) for site in report.sites],
            "page": address(REPORTS_PATH),
        },
    )


def change_text(use: Use) -> str:
    """Return a change in words: 12 % more, 3 % less, as before."""
    if use.change is None:
        return ""
    if abs(use.change) < FLAT:
        return "as before"
    return f"{abs(use.change) * 100:.0f} % {'more' if use.change > 0 else 'less'}"


def coverage_text(use: Use) -> str:
    """Return how much was measured in words."""
    if use.coverage is None:
        return "nothing measured"
    return f"{int(use.coverage * 1000) / 10:g} % measured"


def _subject(report: Report) -> str:
    used = sum(site.total.kwh for site in report.sites)
    return f"{used:,.1f} kWh · {report.span.title}"


def _lines(site: SiteReport) -> list[str]:
    compared = change_text(site.total)
    lines = [f"{site.name}: {site.total.kwh:,.1f} kWh{f', {compared}' if compared else ''}"]
    for use in site.devices:
        told = ", ".join(filter(None, [change_text(use), coverage_text(use)]))
        lines.append(f"- {use.name}: {use.kwh:,.1f} kWh ({told})")
    lines.append(f"Incidents: {site.incident_count} (before: {site.incident_count_before})")
    lines += [
        f"- {one.title}, {one.place}: {one.count} ×, {one.lasted} in all" for one in site.incidents
    ]
    return lines


def _shown(site: SiteReport) -> dict[str, Any]:
    image = bar_chart([(day.before_kwh, day.kwh) for day in site.days])
    is_week = len(site.days) <= LABELS_UP_TO
    highest = max(site.days, key=lambda day: day.kwh)
    return {
        "site": site,
        "change": change_text(site.total),
        "chart": base64.b64encode(image).decode(),
        "highest": highest if highest.kwh > 0 else None,
        "labels": [
            f"{day.day:%a}" if is_week else str(day.day.day) * (day.day.day % LABEL_EVERY == 0)
            for day in site.days
        ],
        "devices": [
            {
                "use": use,
                "change": change_text(use),
                "coverage": coverage_text(use),
                "percent": max(round(use.share * 100), 1) if use.kwh > 0 else 0,
            }
            for use in site.devices
        ],
    }

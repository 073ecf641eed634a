"""A report as a mail: HTML with its charts inside, and the same in plain lines."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from wattkeep.alerts.notify_links import address
from wattkeep.alerts.reports_chart import bar_chart
from wattkeep.monitoring.wording import date_text, exact_text, short_text

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
            "language": get_language(),
        },
    )


def change_text(use: Use) -> str:
    """Return a change in words: 12 % more, 3 % less, as before."""
    if use.change is None:
        return ""
    if abs(use.change) < FLAT:
        return _("as before")
    count = exact_text(abs(use.change) * 100, 0)
    return (_("%(count)s %% more") if use.change > 0 else _("%(count)s %% less")) % {"count": count}


def against_text(use: Use) -> str:
    """Return the same as the beginning of a sentence: 12 % more than before."""
    if use.change is None or abs(use.change) < FLAT:
        return change_text(use)
    return _("%(change)s than before") % {"change": change_text(use)}


def coverage_text(use: Use) -> str:
    """Return how much was measured in words."""
    if use.coverage is None:
        return _("nothing measured")
    return _("%(count)s %% measured") % {"count": short_text(int(use.coverage * 1000) / 10)}


def _subject(report: Report) -> str:
    used = sum(site.total.kwh for site in report.sites)
    return f"{exact_text(used, 1)} kWh · {report.span.title}"


def _lines(site: SiteReport) -> list[str]:
    compared = change_text(site.total)
    lines = [
        f"{site.name}: {exact_text(site.total.kwh, 1)} kWh{f', {compared}' if compared else ''}"
    ]
    for use in site.devices:
        told = ", ".join(filter(None, [change_text(use), coverage_text(use)]))
        lines.append(f"- {use.name}: {exact_text(use.kwh, 1)} kWh ({told})")
    lines.append(
        _("Incidents: %(count)s (before: %(before)s)")
        % {
            "count": site.incident_count,
            "before": site.incident_count_before,
        }
    )
    for one in site.incidents:
        lasted = _("%(lasted)s in all") % {"lasted": one.lasted}
        lines.append(f"- {one.title}, {one.place}: {one.count} ×, {lasted}")
    return lines


def _shown(site: SiteReport) -> dict[str, Any]:
    image = bar_chart([(day.before_kwh, day.kwh) for day in site.days])
    is_week = len(site.days) <= LABELS_UP_TO
    highest = max(site.days, key=lambda day: day.kwh)
    return {
        "site": site,
        "change": change_text(site.total),
        "against": against_text(site.total),
        "chart": base64.b64encode(image).decode(),
        "highest": highest if highest.kwh > 0 else None,
        "labels": [
            date_text(day.day, "D")
            if is_week
            else str(day.day.day) * (day.day.day % LABEL_EVERY == 0)
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

"""What a household's use tells: always on, the month, a typical week, peaks; and the voltage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wattkeep.api.access import devices_of
from wattkeep.domain.insights import LEAST_DAYS
from wattkeep.domain.voltage import NOMINALS_V
from wattkeep.history.insights import gather_insights, voltage_report
from wattkeep.monitoring.wording import date_text
from wattkeep.web.insights_words import (
    always_on_words,
    excursion_rows,
    kwh_text,
    month_rows,
    outlook_words,
    peak_rows,
    quality_words,
    week_rows,
)
from wattkeep.web.wording import number_text

if TYPE_CHECKING:
    from datetime import date

    from django.http import HttpRequest, HttpResponse

    from wattkeep.history.insights import VoltageReport
    from wattkeep.monitoring.models import Device

REPORT_DAYS = (7, 28)
USUAL_DAYS = 7


@never_cache
@login_required
@require_safe
def insights(request: HttpRequest) -> HttpResponse:
    """Show what a device's last weeks tell, or how many days are missing."""
    owned = list(devices_of(request).order_by("parent_id", "id"))
    if not owned:
        return render(request, "web/insights_empty.html")
    device = _chosen(request, owned)
    now = timezone.now()
    found = gather_insights(device, now)
    today = now.astimezone(device.site.zone).date()
    context: dict[str, Any] = {
        "device": device,
        "devices": _by_name(owned),
        "complete_days": found.complete_days,
        "least_days": LEAST_DAYS,
        "blind": number_text(found.blind_w, 1),
        "always_on": found.floor and always_on_words(found.floor, found, device.site),
        "month": date_text(today, "F Y"),
        "used": kwh_text(found.used_wh),
        "outlook": found.outlook and outlook_words(found.outlook, device.site),
        "week": week_rows(found.week) if found.complete_days else None,
        "peaks": peak_rows(found.peaks),
        "months": month_rows(found.month_peaks),
    }
    return render(request, "web/insights.html", context)


@never_cache
@login_required
@require_safe
def voltage(request: HttpRequest) -> HttpResponse:
    """Show the quality of the voltage over some days, as a page to print."""
    owned = list(devices_of(request).order_by("parent_id", "id"))
    if not owned:
        return render(request, "web/insights_empty.html")
    device = _chosen(request, owned)
    count = _number(request, "days", REPORT_DAYS) or USUAL_DAYS
    nominal_v = _number(request, "nominal", NOMINALS_V)
    zone = device.site.zone
    today = timezone.now().astimezone(zone).date()
    report = voltage_report(device, today, count, nominal_v)
    context: dict[str, Any] = {
        "device": device,
        "devices": _by_name(owned),
        "count": count,
        "counts": REPORT_DAYS,
        "nominals": NOMINALS_V,
        "chosen_nominal": nominal_v,
        "made": today,
        **(_report_words(report, device) if report else {}),
    }
    return render(request, "web/voltage.html", context)


def _report_words(report: VoltageReport, device: Device) -> dict[str, Any]:
    nominal_v = report.whole.nominal_v
    return {
        "report": quality_words(report.whole),
        "nominal_v": nominal_v,
        "low_v": number_text(nominal_v * 0.9, 1),
        "high_v": number_text(nominal_v * 1.1, 1),
        "first": report.days[0][0] if report.days else None,
        "last": report.days[-1][0] if report.days else None,
        "days": [{"day": _day_text(day), **quality_words(one)} for day, one in report.days],
        "excursions": excursion_rows(report.whole, device.site.zone),
    }


def _day_text(day: date) -> str:
    return date_text(day, "D j M")


def _chosen(request: HttpRequest, owned: list[Device]) -> Device:
    """Return the device asked for, or the first one that no other is above.

    Raises:
        Http404: it is nobody's, or somebody else's.
    """
    wanted = request.GET.get("device")
    if wanted is None:
        return next((one for one in owned if one.parent_id is None), owned[0])
    found = next((one for one in owned if str(one.pk) == wanted), None)
    if found is None:
        raise Http404
    return found


def _by_name(owned: list[Device]) -> list[Device]:
    return sorted(owned, key=lambda one: (one.name, one.pk))


def _number(request: HttpRequest, name: str, choices: tuple[int, ...]) -> int | None:
    """Return one of some numbers from the address; None for anything else."""
    wanted = request.GET.get(name)
    return next((choice for choice in choices if str(choice) == wanted), None)

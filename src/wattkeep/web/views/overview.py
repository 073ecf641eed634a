"""The start page: a site's devices at a glance."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wattkeep.api.access import shown_devices
from wattkeep.api.overview import overview_payload
from wattkeep.monitoring.wording import date_text
from wattkeep.web.wording import change_text, than_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.http import HttpRequest, HttpResponse

    from wattkeep.monitoring.models import Device, Site

# Up to so many devices one looks; above, one searches and sorts.
SEARCH_FROM = 9
SORT_FROM = 4
# Meters are read at different moments: so much less than nothing is nothing.
SLACK_W = 10
SLACK_SHARE = 0.03


@never_cache
@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show a site's power, day and month, and each device's part; or where a device is added."""
    owned = shown_devices(request)
    if not owned:
        return redirect("web:devices")
    sites = sorted({device.site for device in owned}, key=lambda site: (site.name, site.pk))
    site = _site_asked_for(sites, request.GET.get("site"))
    at_site = [one for one in owned if one.site_id == site.pk]
    context = {**site_context(site, at_site, timezone.now()), "sites": sites}
    return render(request, "web/overview.html", context)


def site_context(site: Site, devices: Sequence[Device], now: datetime) -> dict[str, Any]:
    """Return what the page shows of a site and its devices."""
    payload = overview_payload(site, devices, now)
    rows = payload["devices"]
    most = max((row["power"] or 0 for row in rows), default=0)
    has_tree = any(row["parent"] for row in rows)
    before_end = datetime.fromisoformat(payload["before_end"]).astimezone(site.zone)
    by = before_end - timedelta(minutes=1)
    by_day = date_text(by, "j M")
    change = change_text(payload["month"], payload["month_before"])
    return {
        "site": site,
        "payload": payload,
        "lines": [_line(row, most, is_rest=is_rest) for row, is_rest in _in_order(rows)],
        "online": sum(row["is_online"] for row in rows),
        "missing": sum(row["parent"] is None and not row["is_online"] for row in rows),
        "by": by_day,
        "change": change,
        "than": than_text(change, by_day),
        "has_search": len(rows) >= SEARCH_FROM,
        "has_sort": len(rows) >= SORT_FROM,
        "has_tree": has_tree,
    }


def _site_asked_for(sites: Sequence[Site], number: str | None) -> Site:
    if number is None:
        # The one that is there longest, as on the energy page.
        return min(sites, key=lambda site: site.pk)
    found = next((site for site in sites if str(site.pk) == number), None)
    if found is None:
        raise Http404
    return found


Row = dict[str, Any]


def _in_order(rows: Sequence[Row]) -> Iterator[tuple[Row, bool]]:
    """Yield each device's row, and after the last of its sub-meters its rest."""
    open_rows: list[Row] = []
    for row in rows:
        while open_rows and open_rows[-1]["depth"] >= row["depth"]:
            yield from _rest_of(open_rows.pop())
        yield row, False
        open_rows.append(row)
    while open_rows:
        yield from _rest_of(open_rows.pop())


def _rest_of(row: Row) -> Iterator[tuple[Row, bool]]:
    if row["rest"] is not None:
        yield row, True


def _line(row: Row, most: float, *, is_rest: bool) -> dict[str, Any]:
    shown = row["rest"] if is_rest else row
    line = {
        "row": row,
        "is_rest": is_rest,
        "depth": min(row["depth"] + is_rest, 4),
        "power": shown["power"],
        "today": shown["today"],
        "month": shown["month"],
        "change": "" if is_rest else change_text(row["month"], row["month_before"]),
        "share": _share(shown["power"], most),
    }
    if is_rest and shown["power"] is not None and shown["power"] < 0:
        is_slack = -shown["power"] <= max(SLACK_W, SLACK_SHARE * row["power"])
        line["is_more"] = not is_slack
        line["power"] = 0.0 if is_slack else shown["power"]
    return line


def _share(power: float | None, most: float) -> str:
    """Return a power as a part of the greatest, as the width of a bar in per cent."""
    if not power or not most:
        return "0"
    return f"{min(100, max(0, 100 * power / most)):.1f}"

"""A device's page."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import dropwhile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wattkeep.api.access import device_or_404, devices_of
from wattkeep.api.board_payloads import health_row
from wattkeep.api.payloads import dashboard_payload
from wattkeep.boards.health import health_of
from wattkeep.monitoring.access import may, principal_of
from wattkeep.monitoring.models import EnergySlot, Role
from wattkeep.monitoring.wording import date_text
from wattkeep.web.addresses import post_address
from wattkeep.web.board_wording import health_words
from wattkeep.web.wording import POWER, TILES, labelled_days, labelled_hours, number_text

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from wattkeep.monitoring.models import Device
    from wattkeep.web.wording import Tile

# The page shows the last seven days.
PAST = timedelta(days=7)


@never_cache
@login_required
@require_safe
def device(request: HttpRequest, device_id: int) -> HttpResponse:
    """Show a device: values now, today by hour, the last seven days, open alerts."""
    shown = device_or_404(request, device_id)
    now = timezone.now()
    live = live_context(shown, now)
    context = {
        **live,
        "devices": devices_of(request),
        "may_change": may(principal_of(request), shown, Role.EDITOR),
        "post_address": post_address(request),
        "board_words": _board_words(shown, now),
        "past": _past_of(shown, live["payload"], now),
    }
    return render(request, "web/device.html", context)


def live_context(shown: Device, now: datetime) -> dict[str, Any]:
    """Return what a device's page shows of its values."""
    payload = dashboard_payload(shown, now)
    return {
        "device": shown,
        "payload": payload,
        "zone": shown.site.zone,
        "now": now,
        "hours": labelled_hours(payload["hourly_consumption"], shown.site.zone),
        "days": labelled_days(payload["weekly_consumption"]),
        **_totals(payload, shown),
        "power": _tile(POWER, payload),
        "tiles": [_tile(tile, payload) for tile in TILES],
    }


def _past_of(device: Device, payload: dict[str, Any], now: datetime) -> dict[str, str]:
    """Return where the last of what is stored can be seen, if that is not on this page."""
    newest = payload["latest_reading"]
    known = [datetime.fromisoformat(newest["timestamp"])] if newest else []
    if known and now - known[0] < PAST:
        return {}
    slots = EnergySlot.objects.filter(device=device).order_by("-start")
    known += slots.values_list("start", flat=True)[:1]
    if not known or now - max(known) < PAST:
        return {}
    day = max(known).astimezone(device.site.zone).date()
    query = urlencode({"device": device.pk, "span": "month", "date": day.isoformat()})
    return {"day": date_text(day, "j F Y"), "address": f"{reverse('web:energy')}?{query}"}


def _board_words(device: Device, now: datetime) -> list[tuple[str, str]]:
    """Return what is told at once of a device's board: firmware, run, signal, memory."""
    health = health_of(device.pk)
    return health_words(health_row(health, now))[:4] if health else []


def _tile(tile: Tile, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "of": tile,
        "text": number_text(payload[tile.key], tile.decimals),
        "extremes": payload["today_extremes"].get(tile.key),
    }


def _totals(payload: dict[str, Any], device: Device) -> dict[str, float | None]:
    days = payload["weekly_consumption"]
    made = device.created_at.astimezone(device.site.zone).date().isoformat()
    # Since the device is there, or since the first that anything was measured on.
    finished = [
        day["consumption"]
        for day in dropwhile(lambda day: not day["consumption"] and day["date"] < made, days[:-1])
    ]
    return {
        "week_total": sum(day["consumption"] for day in days),
        "week_average": sum(finished) / len(finished) if finished else None,
        "yesterday": finished[-1] if finished else None,
    }

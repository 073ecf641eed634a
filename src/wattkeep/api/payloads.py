"""The JSON bodies people and programs read back; the pages render from the same ones."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from wattkeep.domain.calendar import day_start
from wattkeep.domain.presence import Status
from wattkeep.history.consumption import recent_use
from wattkeep.history.standing import extremes
from wattkeep.history.tails import Tails
from wattkeep.live.presence import presence_of, presences_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from wattkeep.live.presence import Presence
    from wattkeep.monitoring.models import Alert, Device, EnergyReading

VALUES = ("voltage", "current", "power", "energy", "frequency", "power_factor")
DAYS_SHOWN = 7
ALERTS_SHOWN = 5


def iso(instant: datetime | None) -> str | None:
    """Return an instant as the API writes it: UTC, milliseconds, `Z`."""
    if instant is None:
        return None
    text = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def realtime_payload(device: Device, now: datetime) -> dict[str, Any] | None:
    """Return the newest values and status; None before the first reading."""
    presence = presence_of(device, now)
    if presence.latest is None:
        return None
    return {
        "device": device.pk,
        **_values(presence.latest),
        "timestamp": iso(presence.latest.timestamp),
        **_status(presence),
    }


def dashboard_payload(device: Device, now: datetime) -> dict[str, Any]:
    """Return everything a device's page shows: values, today's hours, seven days, open alerts."""
    presence = presence_of(device, now)
    latest = presence.latest
    tails = Tails([device])
    recent = recent_use(device, now, DAYS_SHOWN, tails)
    today, today_kwh = recent.days[-1]
    today_start = day_start(today, device.site.zone)
    # Five notes must not hide what is urgent.
    worst = device.alerts.filter(is_resolved=False).order_by("-severity", "-created_at", "-id")
    alerts = sorted(worst[:ALERTS_SHOWN], key=lambda one: (one.created_at, one.pk), reverse=True)
    return {
        "device": device_row(device, presence),
        **(_values(latest) if latest else dict.fromkeys(VALUES)),
        "latest_reading": (
            {**_values(latest), "timestamp": iso(latest.timestamp)} if latest else None
        ),
        **_status(presence),
        "time_zone": device.site.time_zone,
        "site_date": today.isoformat(),
        "today_consumption": round(today_kwh, 3),
        "today_extremes": {
            name: {"min": found.least, "max": found.greatest}
            for name, found in extremes(device, today_start, now, tails).items()
        },
        "hourly_consumption": [
            {
                "hour": start.astimezone(device.site.zone).hour,
                "start": iso(start),
                "consumption": round(used, 3),
            }
            for start, used in recent.hours
        ],
        "weekly_consumption": [
            {"date": day.isoformat(), "day": f"{day:%a}", "consumption": round(used, 3)}
            for day, used in recent.days
        ],
        "alerts": [alert_row(alert) for alert in alerts],
    }


def device_rows(devices: Iterable[Device], now: datetime) -> list[dict[str, Any]]:
    """Return what a list of devices shows, in a number of queries that does not grow with it."""
    devices = list(devices)
    presences = presences_of(devices, now)
    return [device_row(device, presences[device.pk]) for device in devices]


def alert_row(alert: Alert) -> dict[str, Any]:
    """Return one incident."""
    return {
        "id": alert.pk,
        "alert_type": alert.alert_type,
        "severity": alert.severity,
        "message": alert.message,
        "value": alert.value,
        "is_resolved": alert.is_resolved,
        "created_at": iso(alert.created_at),
        "resolved_at": iso(alert.resolved_at),
    }


def device_row(device: Device, presence: Presence) -> dict[str, Any]:
    """Return a device as lists show it."""
    is_now = presence.latest is not None and presence.status == Status.ONLINE
    return {
        "id": device.pk,
        "name": device.name,
        "location": device.location,
        "site": device.site_id,
        "parent": device.parent_id,
        "is_active": device.is_active,
        "key_prefix": device.key_prefix,
        "interval_s": device.interval_s,
        "created_at": iso(device.created_at),
        "power": presence.latest.power if is_now and presence.latest else None,
        **_status(presence),
    }


def _values(reading: EnergyReading) -> dict[str, float | None]:
    return {name: getattr(reading, name) for name in VALUES}


def _status(presence: Presence) -> dict[str, Any]:
    return {
        "status": presence.status.value,
        "is_online": presence.status == Status.ONLINE,
        "last_seen": iso(presence.last_seen),
    }

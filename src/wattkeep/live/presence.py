"""Each device's newest reading, newest contact and status."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from django.db.models import Max

from wattkeep.domain.instants import from_ms
from wattkeep.domain.presence import MOST_QUIET, Status, status_of
from wattkeep.ledger.readings import COLUMNS, last_reading
from wattkeep.monitoring.models import Device, DeviceBoot, EnergyReading

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Presence:
    """What is true of a device now. `latest` may be old; `status` says so."""

    latest: EnergyReading | None
    last_seen: datetime | None
    status: Status


def presence_of(device: Device, now: datetime) -> Presence:
    """Return one device's presence, with its newest reading however old."""
    return _presence(device, _newest_reading(device.pk), device.last_seen, now)


def presences_of(devices: Iterable[Device], now: datetime) -> dict[int, Presence]:
    """Return device id → presence in two queries, with newest readings of the last minutes only."""
    devices = list(devices)
    ids = [device.pk for device in devices]
    latest: dict[int, EnergyReading] = {}
    recent = EnergyReading.objects.filter(device_id__in=ids, timestamp__gte=now - MOST_QUIET)
    for reading in recent.order_by("device_id", "timestamp"):
        latest[reading.device_id] = reading
    seen = dict(
        DeviceBoot.objects.filter(device_id__in=ids)
        .values_list("device_id")
        .annotate(Max("last_seen"))
    )
    return {
        device.pk: _presence(device, latest.get(device.pk), seen.get(device.pk), now)
        for device in devices
    }


def _newest_reading(device_id: int) -> EnergyReading | None:
    """Return a device's newest reading, whether it is a row or its day is sealed."""
    newest = last_reading(device_id)
    if newest is None:
        return None
    _, at_ms, *numbers = newest
    # What is not known is NaN there; the API's readers know it as null.
    values = [None if isnan(number) else number for number in numbers]
    return EnergyReading(
        device_id=device_id,
        timestamp=from_ms(at_ms),
        **dict(zip(COLUMNS, values, strict=True)),
    )


def _presence(
    device: Device, latest: EnergyReading | None, last_seen: datetime | None, now: datetime
) -> Presence:
    status = status_of(
        reading_at=latest.timestamp if latest else None,
        seen_at=last_seen,
        interval_s=device.interval_s,
        now=now,
    )
    return Presence(latest, last_seen, status)

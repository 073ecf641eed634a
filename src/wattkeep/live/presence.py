"""Each device's newest reading, newest contact and status."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Max

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.presence import MOST_QUIET, Status, status_of
from wattkeep.history.reach import begin_of
from wattkeep.ledger.each import instant_ms
from wattkeep.ledger.readings import COLUMNS, instant_parameter, last_reading
from wattkeep.monitoring.models import Device, DeviceBoot, EnergyReading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Presence:
    """What is true of a device now. `latest` may be old; `status` says so."""

    latest: EnergyReading | None
    last_seen: datetime | None
    status: Status


def presence_of(device: Device, now: datetime) -> Presence:
    """Return one device's presence, with its newest reading however old."""
    latest = _newest_reading(device.pk)
    if latest is None and device.last_seen is None and _with_history([device.pk]):
        return Presence(None, None, Status.OFFLINE)
    return _presence(device, latest, device.last_seen, now)


def presences_of(devices: Iterable[Device], now: datetime) -> dict[int, Presence]:
    """Return device id → presence with newest readings of the last minutes only.

    Two queries, and two more where there are devices that were never heard.
    """
    devices = list(devices)
    ids = [device.pk for device in devices]
    latest = _newest_readings(ids, now - MOST_QUIET)
    seen = dict(
        DeviceBoot.objects.filter(device_id__in=ids)
        .values_list("device_id")
        .annotate(Max("last_seen"))
    )
    unheard = [pk for pk in ids if latest.get(pk) is None and seen.get(pk) is None]
    imported = _with_history(unheard)
    return {
        device.pk: Presence(None, None, Status.OFFLINE)
        if device.pk in imported
        else _presence(device, latest.get(device.pk), seen.get(device.pk), now)
        for device in devices
    }


def _with_history(device_ids: list[int]) -> set[int]:
    """Return those of which something is stored though they were never heard: imports."""
    begins = begin_of(device_ids)
    return {pk for pk, begin in begins.items() if begin.first_slot or begin.first_row}


def _newest_readings(device_ids: list[int], since: datetime) -> dict[int, EnergyReading]:
    """Return device id → its newest reading since an instant.

    The database looks for it: a hundred devices that report every second have 12,000 rows in the
    last two minutes, and this is asked every other second while a page is open.
    """
    if not device_ids:
        return {}
    ids = ", ".join(["%s"] * len(device_ids))
    columns = ", ".join(COLUMNS)
    sql = (
        f"SELECT r.device_id, r.timestamp, {columns} FROM monitoring_energyreading r JOIN ("  # noqa: S608 - of our own words
        "SELECT device_id, MAX(timestamp) AS newest FROM monitoring_energyreading "
        f"WHERE device_id IN ({ids}) AND timestamp >= %s GROUP BY device_id"
        ") n ON r.device_id = n.device_id AND r.timestamp = n.newest"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*device_ids, instant_parameter(to_ms(since))])
        return {row[0]: _reading(row[0], instant_ms(row[1]), row[2:]) for row in cursor.fetchall()}


def _newest_reading(device_id: int) -> EnergyReading | None:
    """Return a device's newest reading, whether it is a row or its day is sealed."""
    newest = last_reading(device_id)
    if newest is None:
        return None
    _, at_ms, *numbers = newest
    # What is not known is NaN there; the API's readers know it as null.
    return _reading(device_id, at_ms, [None if isnan(number) else number for number in numbers])


def _reading(device_id: int, at_ms: int, values: Sequence[float | None]) -> EnergyReading:
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

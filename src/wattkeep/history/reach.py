"""Since when and until when devices have figures, asked of telemetry alone.

Device ids come first, then their rows: where telemetry is spread over several servers, a statement
that goes from devices into it would be sent to each of them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Max

from wattkeep.domain.instants import from_ms
from wattkeep.ledger.each import fetch_each, instant_ms
from wattkeep.monitoring.models import EnergyReading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from wattkeep.monitoring.models import Device

# Of whoever was heard within this time, one statement finds the newest reading.
LATELY = timedelta(minutes=2)
FIRST_SLOT = """
    SELECT device_id, start FROM monitoring_energyslot WHERE device_id = %s ORDER BY start LIMIT 1
"""
LAST_SLOT = FIRST_SLOT.replace("ORDER BY start", "ORDER BY start DESC")
FIRST_ROW = """
    SELECT device_id, timestamp FROM monitoring_energyreading WHERE device_id = %s
    ORDER BY timestamp LIMIT 1
"""
LAST_ROW = FIRST_ROW.replace("ORDER BY timestamp", "ORDER BY timestamp DESC")
LAST_COUNTER = """
    SELECT device_id, counter_at FROM monitoring_energyslot
    WHERE device_id = %s AND counter_at IS NOT NULL ORDER BY start DESC LIMIT 1
"""


class Reach(NamedTuple):
    """A device's first and last quarter-hour, and its first and last reading that is a row."""

    first_slot: datetime | None = None
    last_slot: datetime | None = None
    first_row: datetime | None = None
    last_row: datetime | None = None


def first_slots(device_ids: Sequence[int]) -> dict[int, datetime]:
    """Return device id → its first stored quarter-hour, of those that have one."""
    return _ask(FIRST_SLOT, device_ids)


def reach_of(device_ids: Sequence[int]) -> dict[int, Reach]:
    """Return device id → what it has; the same few statements for up to 200 devices."""
    found = [_ask(select, device_ids) for select in (FIRST_SLOT, LAST_SLOT, FIRST_ROW, LAST_ROW)]
    return {one: Reach(*(of_kind.get(one) for of_kind in found)) for one in device_ids}


def begin_of(device_ids: Sequence[int]) -> dict[int, Reach]:
    """Return the same without the ends."""
    slots, rows = (_ask(select, device_ids) for select in (FIRST_SLOT, FIRST_ROW))
    return {one: Reach(first_slot=slots.get(one), first_row=rows.get(one)) for one in device_ids}


def annotate(devices: Sequence[Device], reaches: Mapping[int, Reach]) -> None:
    """Give each device what it has as attributes of its own, as a query's annotations are."""
    for device in devices:
        for name, at in reaches[device.pk]._asdict().items():
            setattr(device, name, at)


def newest_instants(device_ids: Sequence[int], now: datetime) -> dict[int, datetime]:
    """Return device id → when its newest reading was taken; such as never had one are left out."""
    lately = (
        EnergyReading.objects.filter(device_id__in=device_ids, timestamp__gte=now - LATELY)
        .values_list("device_id")
        .annotate(Max("timestamp"))
    )
    found: dict[int, datetime] = dict(lately.order_by())
    found |= _ask(LAST_ROW, [one for one in device_ids if one not in found])
    # Of a device that has been quiet for long, all readings may be sealed.
    return found | _ask(LAST_COUNTER, [one for one in device_ids if one not in found])


def _ask(select: str, device_ids: Sequence[int]) -> dict[int, datetime]:
    rows: list[tuple[Any, ...]] = list(fetch_each(select, [(one,) for one in device_ids]))
    return {device_id: from_ms(instant_ms(at)) for device_id, at in rows}

"""Retention: single readings older than their site wants them go; quarter-hours stay for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import F

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.ledger.blocks import DAY_MS
from wattkeep.ledger.marks import are_slots_made
from wattkeep.ledger.readings import oldest_row_ms
from wattkeep.monitoring.models import (
    Device,
    EnergyReading,
    LedgerState,
    ReadingBlock,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class DroppedDay(NamedTuple):
    """A device's day whose single readings were deleted just now."""

    device_id: int
    day_ms: int
    readings: int


def apply_retention(now: datetime) -> list[DroppedDay]:
    """Delete the single readings that their sites do not want to keep any longer."""
    return list(drop_days(now))


def drop_days(now: datetime) -> Iterator[DroppedDay]:
    """Do the same a day at a time, oldest first: whoever stops asking stops the deleting."""
    kept = Device.objects.filter(site__keep_raw_days__isnull=False).order_by("pk")
    for device_id, days in kept.values_list("pk", "site__keep_raw_days"):
        until_ms = to_ms(now) // DAY_MS * DAY_MS - (days or 0) * DAY_MS
        while (dropped := _drop_oldest(device_id, until_ms)) is not None:
            yield dropped


def _drop_oldest(device_id: int, until_ms: int) -> DroppedDay | None:
    """Delete a device's oldest day if it ends by `until_ms`, and say so in its ledger state.

    None if there is none, or if the slots of that day are not made of all its readings yet. One
    transaction; the state's version tells whoever is making slots to look again.
    """
    with transaction.atomic():
        state = LedgerState.objects.select_for_update().filter(device_id=device_id).first()
        day_ms = _oldest_day(device_id)
        if state is None or day_ms is None or day_ms + DAY_MS > until_ms:
            return None
        end = from_ms(day_ms + DAY_MS)
        if not are_slots_made(state, end):
            return None
        day = {"device_id": device_id, "day": from_ms(day_ms)}
        sealed = ReadingBlock.objects.filter(**day).values_list("count", flat=True).first() or 0
        ReadingBlock.objects.filter(**day).delete()
        rows, _ = EnergyReading.objects.filter(device_id=device_id, timestamp__lt=end).delete()
        LedgerState.objects.filter(device_id=device_id).update(
            raw_from=end if state.raw_from is None else max(end, state.raw_from),
            version=F("version") + 1,
        )
    return DroppedDay(device_id, day_ms, sealed + rows)


def _oldest_day(device_id: int) -> int | None:
    blocks = ReadingBlock.objects.filter(device_id=device_id).order_by("day")
    days = [to_ms(day) for day in blocks.values_list("day", flat=True)[:1]]
    if (row_ms := oldest_row_ms(device_id)) is not None:
        days.append(row_ms // DAY_MS * DAY_MS)
    return min(days, default=None)

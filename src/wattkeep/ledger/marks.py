"""Marks: which slots of a device have to be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import SLOT_MS, slot_start
from wattkeep.ledger.readings import instant_parameter
from wattkeep.monitoring.models import LedgerMark, LedgerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

# Marks closer than this are run as one.
JOINED_WITHIN_MS = 8 * SLOT_MS

# Whoever finds the mark there touches it, so that it outlives a run which began before.
LEAVE = """
    INSERT INTO monitoring_ledgermark AS mark (device_id, start, until, touched)
    VALUES (%s, %s, %s, 0) ON CONFLICT (device_id, start) DO UPDATE SET
        touched = mark.touched + 1,
        until = CASE WHEN mark.until >= excluded.until THEN mark.until
                     WHEN mark.until < excluded.until THEN excluded.until END
"""


class Dirty(NamedTuple):
    """Slots to be made again, both by their start; without an end all that follow."""

    start_ms: int
    until_ms: int | None


class Mark(NamedTuple):
    """A stored mark as it was read."""

    slots: Dirty
    touched: int


def leave_mark(device_id: int, start_ms: int, until_ms: int | None = None) -> None:
    """Have the slots between two instants made again, or all from the first one on.

    To be called in the transaction that changes what they are made of.
    """
    first = instant_parameter(slot_start(start_ms))
    last = None if until_ms is None else instant_parameter(slot_start(until_ms))
    with connection.cursor() as cursor:
        cursor.execute(LEAVE, [device_id, first, last])


def read_marks(device_id: int) -> list[Mark]:
    """Return a device's marks, oldest slot first."""
    return read_all_marks([device_id])[device_id]


def read_all_marks(device_ids: Sequence[int]) -> dict[int, list[Mark]]:
    """Return the same for each of some devices."""
    rows = LedgerMark.objects.filter(device_id__in=device_ids).order_by("start")
    marks: dict[int, list[Mark]] = {device_id: [] for device_id in device_ids}
    for device_id, start, until, touched in rows.values_list(
        "device_id", "start", "until", "touched"
    ):
        slots = Dirty(to_ms(start), None if until is None else to_ms(until))
        marks[device_id].append(Mark(slots, touched))
    return marks


def are_slots_made(state: LedgerState | None, end: datetime) -> bool:
    """Tell whether slots before `end` are made of all readings; None: none was ever made.

    Marks older than the single readings that are kept do not count: nothing can be made there.
    """
    if state is None or state.done_to < end:
        return False
    marks = LedgerMark.objects.filter(device_id=state.device_id, start__lt=end)
    if state.raw_from is not None:
        marks = marks.exclude(until__lt=state.raw_from)
    return not marks.exists()


def delete_marks(device_id: int, marks: Sequence[Mark]) -> None:
    """Take away marks that nobody touched since they were read."""
    for mark in marks:
        start = from_ms(mark.slots.start_ms)
        own = LedgerMark.objects.filter(device_id=device_id, start=start)
        own.filter(touched=mark.touched).delete()


def join_dirty(spans: Iterable[Dirty]) -> list[Dirty]:
    """Return spans in order, those that overlap or nearly so as one."""
    joined: list[Dirty] = []
    for span in sorted(spans, key=lambda one: one.start_ms):
        last = joined[-1] if joined else None
        if last is not None and last.until_ms is None:
            break
        if last is None or span.start_ms > (last.until_ms or 0) + JOINED_WITHIN_MS:
            joined.append(span)
        elif span.until_ms is None:
            joined[-1] = Dirty(last.start_ms, None)
        else:
            joined[-1] = Dirty(last.start_ms, max(last.until_ms or 0, span.until_ms))
    return joined

"""Everything made again from the readings, and compared with what is stored."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction

from wattkeep.domain.instants import from_ms
from wattkeep.domain.slots import WeekSums
from wattkeep.ledger.folding import begin, find_end, next_stretch
from wattkeep.ledger.marks import Dirty, leave_mark
from wattkeep.ledger.stored import StoredRows, load_events, load_slots
from wattkeep.ledger.update import open_job, update_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from wattkeep.domain.counter import CounterState
    from wattkeep.domain.slots import Slot
    from wattkeep.ledger.folding import Source, Stretch


class SlotDifference(NamedTuple):
    """A quarter-hour that is not what its readings make."""

    start: datetime
    stored_mwh: int
    made_mwh: int


class EventDifference(NamedTuple):
    """An event that is stored and not made, or the other way round, or otherwise."""

    kind: str
    start: datetime
    is_stored: bool
    is_made: bool


class Comparison(NamedTuple):
    """What a device's stored slots and events are, beside what its readings make."""

    device_id: int
    slots: list[SlotDifference]
    events: list[EventDifference]
    # From here on the ledger has still to be brought up to date: nothing was compared.
    up_to: datetime
    made_slots: int

    @property
    def is_same(self) -> bool:
        return not (self.slots or self.events)


def compare_device(device_id: int, now: datetime) -> Comparison:
    """Make everything of a device again from its readings, and write nothing.

    Only what the ledger has done is compared: the last minutes, and what follows a mark, are left
    out. So a system that works has no differences, whatever arrives meanwhile.
    """
    job = open_job(device_id, now)
    up_to_ms = min(begin(job.source, span.start_ms)[0] for span in job.spans)
    # A stretch may begin before the end of the last one.
    slots: dict[datetime, SlotDifference] = {}
    events: dict[tuple[str, datetime], EventDifference] = {}
    made: set[int] = set()
    for stretch in _stretches(find_end(job.source)):
        made.update(slot.start_ms for slot in stretch.slots if slot.start_ms < up_to_ms)
        for slot in _slot_differences(device_id, stretch, up_to_ms):
            slots[slot.start] = slot
        for event in _event_differences(device_id, stretch, up_to_ms):
            events[event.kind, event.start] = event
        if stretch.end_ms is None or stretch.end_ms >= up_to_ms:
            break
    return Comparison(
        device_id, [*slots.values()], [*events.values()], from_ms(max(up_to_ms, 0)), len(made)
    )


def rebuild_device(device_id: int, now: datetime) -> Comparison:
    """Bring a device up to date, compare, and put right what differs.

    What was wrong is made again the way late readings are, so others may work beside it.
    """
    update_device(device_id, now)
    comparison = compare_device(device_id, now)
    if not comparison.is_same:
        with transaction.atomic():
            leave_mark(device_id, 0)
        update_device(device_id, now)
    return comparison


class _MadeRows(StoredRows):
    """The slots of this pass, in memory; before its beginning, those that are stored."""

    def __init__(self, device_id: int, from_ms_: int | None) -> None:
        super().__init__(device_id)
        self._from_ms = from_ms_
        self._starts: list[int] = []
        self._slots: list[Slot] = []

    def add(self, start_ms: int, slots: Sequence[Slot]) -> None:
        first = bisect_left(self._starts, start_ms)
        self._starts[first:] = [slot.start_ms for slot in slots]
        self._slots[first:] = slots

    def states_before(self, slot_ms: int, count: int) -> list[tuple[int, CounterState]]:
        last = bisect_left(self._starts, slot_ms)
        made = [(one.start_ms, one.state) for one in self._slots[max(0, last - count) : last]]
        found = made[::-1]
        if len(found) < count and self._from_ms is not None:
            found += super().states_before(self._from_ms, count - len(found))
        return found

    def week(self, start_ms: int, end_ms: int) -> WeekSums:
        week = WeekSums()
        if self._from_ms is not None and start_ms < self._from_ms:
            week = super().week(start_ms, min(end_ms, self._from_ms))
        first, last = bisect_left(self._starts, start_ms), bisect_left(self._starts, end_ms)
        made = [one for one in self._slots[first:last] if one.samples]
        week.add((one.start_ms, one.measured_mwh, 1) for one in made)
        return week


def _stretches(source: Source) -> Iterator[Stretch]:
    rows = _MadeRows(source.device_id, source.floor_ms)
    own = source._replace(rows=rows)
    at_ms: int | None = source.floor_ms or 0
    while at_ms is not None:
        stretch = next_stretch(own, Dirty(at_ms, None))
        rows.add(stretch.start_ms, stretch.slots)
        yield stretch
        at_ms = None if stretch.is_end else stretch.end_ms


def _slot_differences(device_id: int, stretch: Stretch, up_to_ms: int) -> Iterator[SlotDifference]:
    differences = stretch.differences
    changed = sorted({*differences.slots, *differences.gone_slots})
    if not changed or changed[0] >= up_to_ms:
        return
    stored = {one.start_ms: one for one in load_slots(device_id, changed[0], changed[-1] + 1)}
    for at_ms in changed:
        if at_ms < up_to_ms:
            old, new = stored.get(at_ms), differences.slots.get(at_ms)
            yield SlotDifference(from_ms(at_ms), _energy_mwh(old), _energy_mwh(new))


def _event_differences(
    device_id: int, stretch: Stretch, up_to_ms: int
) -> Iterator[EventDifference]:
    differences = stretch.differences
    changed = sorted({*differences.events, *differences.gone_events}, key=lambda key: key[1])
    if not changed:
        return
    stored = load_events(device_id, changed[0][1], changed[-1][1] + 1)
    for kind, at_ms in changed:
        if at_ms < up_to_ms:
            key = kind, at_ms
            yield EventDifference(kind, from_ms(at_ms), key in stored, key in differences.events)


def _energy_mwh(slot: Slot | None) -> int:
    return 0 if slot is None else slot.measured_mwh + slot.estimated_mwh

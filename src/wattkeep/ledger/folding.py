"""Readings folded into slots, a stretch at a time, each beginning where the stored slots allow."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.domain.counter import CounterState
from wattkeep.domain.slots import METRICS, SLOT_MS, Start, fold_slots, slot_start
from wattkeep.ledger.readings import (
    END_OF_TIME_MS,
    last_reading,
    readings_after,
    readings_between,
)
from wattkeep.ledger.stored import (
    StoredProfiles,
    StoredRows,
    find_differences,
    load_events,
    load_slots,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wattkeep.domain.counter import Meter, Swap
    from wattkeep.domain.slots import Folded, Slot, SlotEvent
    from wattkeep.ledger.marks import Dirty
    from wattkeep.ledger.stored import Differences

# 35,000 readings, if there is one every 10 s.
STRETCH_MS = 4 * 86_400_000
# So far beyond late readings the counter is looked at, to see whether it is where it was.
LOOK_BEYOND_MS = 4 * SLOT_MS
COLUMNS = ("energy", *METRICS)
# Nearly always the slot of the last accepted sample, and the one before it, are among these.
STATES_AT_ONCE = 4


class Source(NamedTuple):
    """What a device's slots are made of, and from when on."""

    device_id: int
    meter: Meter
    swaps: Sequence[Swap]
    # Where readings begin that can still be read; slots before are left alone.
    raw_from_ms: int | None
    # Where the slots before a stretch come from.
    rows: StoredRows
    # The end of the last slot that has anything in it; None: near enough to be read at once.
    end_ms: int | None = None

    @property
    def floor_ms(self) -> int | None:
        """The first slot all of whose readings are there."""
        return None if self.raw_from_ms is None else -(-self.raw_from_ms // SLOT_MS) * SLOT_MS


class Stretch(NamedTuple):
    """New slots and events from `start_ms` to before `end_ms` (None: all that follow)."""

    start_ms: int
    end_ms: int | None
    slots: Sequence[Slot]
    events: Mapping[tuple[str, int], SlotEvent]
    # Nothing that follows can differ from what is stored.
    is_end: bool
    differences: Differences


def find_end(source: Source) -> Source:
    """Look up how far a source reaches, so that it can be folded in stretches."""
    last = last_reading(source.device_id)
    ends = [swap.at_ms for swap in source.swaps[-1:]] + ([last.timestamp_ms] if last else [])
    return source._replace(end_ms=slot_start(max(ends)) + SLOT_MS if ends else 0)


def first_instant_ms(source: Source, from_ms: int) -> int | None:
    """Return when the first reading or swap at or after an instant was."""
    found = readings_after(source.device_id, from_ms, 1)
    firsts = [swap.at_ms for swap in source.swaps if swap.at_ms >= from_ms][:1]
    firsts += found.timestamps.tolist()
    return min(firsts, default=None)


def next_stretch(source: Source, dirty: Dirty) -> Stretch:
    """Fold on from the first slot of `dirty`, as far as one stretch reaches.

    The stretch may begin earlier: energy is counted between two accepted samples, so it goes back
    to the slot of the last one that was accepted before.
    """
    save_from_ms, start = begin(source, dirty.start_ms)
    length_ms = STRETCH_MS
    if dirty.until_ms is not None and dirty.start_ms <= dirty.until_ms:
        length_ms = min(length_ms, dirty.until_ms + SLOT_MS + LOOK_BEYOND_MS - dirty.start_ms)
    while True:
        stop_ms = max(dirty.start_ms, start.at_ms) + length_ms
        stretch = _fold(source, dirty, save_from_ms, start, stop_ms)
        if stretch is not None:
            return stretch
        # Not one sample was accepted: look further.
        length_ms *= 2


def begin(source: Source, slot_ms: int) -> tuple[int, Start]:
    """Return the first slot to be saved, and where folding has to begin for it."""
    before = source.rows.states_before(slot_ms, STATES_AT_ONCE)
    if not before:
        first_ms = first_instant_ms(source, slot_ms)
        at_ms = slot_ms if first_ms is None else slot_start(first_ms)
        return slot_ms, Start(max(at_ms, slot_ms), CounterState())
    _, state = before[0]
    if state.last is None:
        return slot_ms, Start(slot_ms, state)
    at_ms = slot_start(state.last.at_ms)
    if source.floor_ms is not None:
        at_ms = min(max(at_ms, source.floor_ms), slot_ms)
    if before[-1][0] >= at_ms:
        before = source.rows.states_before(at_ms, 1)
    earlier = next((state for start_ms, state in before if start_ms < at_ms), CounterState())
    return at_ms, Start(at_ms, earlier)


def _fold(
    source: Source, dirty: Dirty, save_from_ms: int, start: Start, stop_ms: int
) -> Stretch | None:
    """Fold up to before `stop_ms`; None if nothing of it is final yet."""
    is_last = source.end_ms is None or stop_ms >= source.end_ms
    readings = readings_between(
        source.device_id,
        start.at_ms,
        END_OF_TIME_MS if is_last else stop_ms,
        COLUMNS,
    )
    swaps = [
        swap
        for swap in source.swaps
        if start.at_ms <= swap.at_ms and (is_last or swap.at_ms < stop_ms)
    ]
    profiles = StoredProfiles(source.device_id, start.at_ms, source.rows)
    folded = fold_slots(readings, swaps, source.meter, start, profiles)
    stored = load_slots(source.device_id, save_from_ms, None if is_last else stop_ms)
    new = _From(folded.slots, {(e.event.kind, e.event.start_ms): e for e in folded.events})
    old = _From(stored, load_events(source.device_id, save_from_ms, None if is_last else stop_ms))
    met_ms = None
    if dirty.until_ms is not None:
        met_ms = _meeting(folded.slots, stored, dirty.until_ms)
    if met_ms is not None or is_last:
        return _stretch(save_from_ms, met_ms, old, new, is_end=True)
    final_ms = _final_before(folded, stop_ms)
    if final_ms <= dirty.start_ms:
        return None
    return _stretch(save_from_ms, final_ms, old, new, is_end=False)


class _From(NamedTuple):
    """Slots and events from some instant on."""

    slots: Sequence[Slot]
    events: Mapping[tuple[str, int], SlotEvent]

    def before(self, end_ms: int | None) -> _From:
        if end_ms is None:
            return self
        return _From(
            [slot for slot in self.slots if slot.start_ms < end_ms],
            {key: one for key, one in self.events.items() if one.event.start_ms < end_ms},
        )


def _stretch(start_ms: int, end_ms: int | None, old: _From, new: _From, *, is_end: bool) -> Stretch:
    slots, events = new.before(end_ms)
    differences = find_differences(old.before(end_ms), (slots, events))
    return Stretch(start_ms, end_ms, slots, events, is_end, differences)


def _final_before(folded: Folded, stop_ms: int) -> int:
    """Return the slot up to which nothing that follows can change anything.

    The next accepted sample's energy goes back to the last accepted one, no further.
    """
    last = folded.state.last
    return stop_ms if last is None else slot_start(last.at_ms)


def _meeting(new: Sequence[Slot], stored: Sequence[Slot], until_ms: int) -> int | None:
    """Return the first slot after `until_ms` from which on old and new are the same.

    There the counter's state is the stored one, at the slot's end and before it, nothing waits to
    be confirmed, and a sample of the slot itself was accepted: so what was used within it, and
    after it, comes from the same samples as before.
    """
    before = {slot.start_ms: last for last, slot in pairwise(stored)}
    old = {slot.start_ms: slot for slot in stored}
    for last, slot in pairwise(new):
        state = slot.state
        if (
            slot.start_ms > until_ms
            and not state.pending
            and state.last is not None
            and state.last.at_ms >= slot.start_ms
            and slot.start_ms in before
            and old[slot.start_ms].state == state
            and before[slot.start_ms].state == last.state
        ):
            return slot.start_ms
    return None

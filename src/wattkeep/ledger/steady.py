"""Many devices brought up to date at once, as long as their readings come steadily.

It is the usual case: nothing late, nothing odd in the counter; at most was there nothing for a
while. A few queries find what is needed of some dozen devices, one fold makes their slots, one
short transaction writes them. Whatever is not plainly so is left to `update.py`, which knows every
case.
"""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import Count

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import METRICS, REPEATING, SlotEvent, slot_start, to_wh
from wattkeep.domain.steady import Mixed, SteadyStart, fold_steady
from wattkeep.ledger.bulk import (
    MovedError,
    delete_marks_of,
    fetch_newest,
    fetch_since,
    move_states,
)
from wattkeep.ledger.due import LOOK_BACK_MS, SHORT_MS
from wattkeep.ledger.gaps import Gap, share_out
from wattkeep.ledger.lookups import first_counters, next_instants, sealed_since
from wattkeep.ledger.marks import read_all_marks
from wattkeep.ledger.stored import SLOT_COLUMNS, save_events, save_slot_rows
from wattkeep.monitoring.models import EnergyReading, LedgerState, MeterEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from wattkeep.domain.columns import Flags
    from wattkeep.domain.counter import CounterEvent
    from wattkeep.domain.steady import Steady, SteadySlots
    from wattkeep.ledger.marks import Mark

READING_COLUMNS = ("timestamp", "energy", *METRICS)
START, COUNTER_AT, COUNTER_WH, _, PENDING, MEASURED, ESTIMATED, SAMPLES = range(8)
NO_ENVELOPES = (None,) * 3 * len(METRICS)
# Whoever was away for longer has sealed days, or much that nobody has counted yet.
MOST_AWAY_MS = 2 * 86_400_000


class _Device(NamedTuple):
    """A device as it was found."""

    pk: int
    version: int
    range_w: float
    # Everything before is in the slots, or marked.
    look_from_ms: int
    # Readings from here on can still be read.
    raw_from_ms: int
    # It was looked at last so long ago that there may be more readings than are done at once.
    was_away: bool


class _Open(NamedTuple):
    """A device whose newest slot may be gone on with where it ends."""

    device: _Device
    # Those that unmarked readings could still come to, as SLOT_COLUMNS; the newest is the last.
    slots: Sequence[tuple[Any, ...]]
    marks: list[Mark]
    # The slot is only what its first reading makes: nothing is stored of it.
    is_new: bool = False

    @property
    def newest(self) -> tuple[Any, ...]:
        return self.slots[-1]

    @property
    def from_ms(self) -> int:
        at_ms: int = self.newest[START]
        return at_ms

    @property
    def start(self) -> SteadyStart:
        return SteadyStart(self.newest[COUNTER_AT], self.newest[COUNTER_WH], self.device.range_w)

    @property
    def samples_before(self) -> int:
        return sum(slot[SAMPLES] for slot in self.slots[:-1])


def update_steady(device_ids: Sequence[int], now: datetime) -> set[int]:
    """Bring those of some devices up to date that were steady; return which these are.

    If somebody else has written one's slots meanwhile, nothing is done for those beside it either.
    """
    done: set[int] = set()
    devices = _find_devices(device_ids, now)
    for look_from_ms, known in _alike([one for one in devices if one.version], "look_from_ms"):
        for _, some in _alike(_find_open(known, look_from_ms, now), "from_ms"):
            done |= _update(some, now)
    for _, some in _alike(_find_new([one for one in devices if not one.version], now), "from_ms"):
        done |= _update(some, now)
    return done


def _alike(some: Sequence[Any], name: str) -> Iterator[tuple[int, list[Any]]]:
    """Yield those that agree in an instant together: nearly always all of them."""
    instant = attrgetter(name)
    for value, members in groupby(sorted(some, key=instant), instant):
        yield value, list(members)


def _find_devices(device_ids: Sequence[int], now: datetime) -> list[_Device]:
    rows = LedgerState.objects.filter(
        device_id__in=device_ids, device__has_counter=True
    ).values_list("device_id", "version", "device__range_w", "done_to", "raw_from")
    now_ms = to_ms(now)
    found = []
    for pk, version, range_w, done_to, raw_from in rows:
        done_to_ms = min(to_ms(done_to), now_ms)
        away_ms = now_ms - done_to_ms
        look_from_ms = slot_start(done_to_ms - LOOK_BACK_MS)
        raw_from_ms = 0 if raw_from is None else to_ms(raw_from)
        # Nothing has ever been made of a new one's readings.
        if (raw_from_ms <= look_from_ms and away_ms < MOST_AWAY_MS) or not version:
            one = pk, version, float(range_w), look_from_ms, raw_from_ms, away_ms >= SHORT_MS
            found.append(_Device(*one))
    return found


def _find_new(devices: Sequence[_Device], now: datetime) -> list[_Open]:
    """Return those of devices without any slots whose few readings can make the first ones."""
    firsts = first_counters([one.pk for one in devices])
    earliest_ms = to_ms(now) - SHORT_MS
    begun = {pk: first for pk, first in firsts.items() if first[0] >= earliest_ms}
    marks = read_all_marks(list(begun))
    found = []
    for device in devices:
        if device.pk not in begun:
            continue
        at_ms, kwh = begun[device.pk]
        from_ms_ = slot_start(at_ms)
        slot = (from_ms_, at_ms, float(to_wh(np.array([kwh]))[0]), None, "", 0, 0, 1)
        one = _Open(device._replace(look_from_ms=from_ms_), [slot], marks[device.pk], is_new=True)
        if all(mark.slots.start_ms >= from_ms_ for mark in one.marks):
            found.append(one)
    return _without_oddities(found)


def _find_open(devices: Sequence[_Device], look_from_ms: int, now: datetime) -> list[_Open]:
    """Return those of some devices whose newest slot can be taken by itself."""
    ids = [one.pk for one in devices]
    marks = read_all_marks(ids)
    stored = _stored_slots(ids, look_from_ms)
    found = []
    for device in devices:
        one = _Open(device, stored.get(device.pk, ()), marks[device.pk])
        if (
            _is_open(one.slots)
            and device.raw_from_ms <= one.from_ms
            and all(mark.slots.start_ms >= one.from_ms for mark in one.marks)
        ):
            found.append(one)
    return _without_many(_without_oddities(found), now)


def _is_open(slots: Sequence[tuple[Any, ...]]) -> bool:
    """Tell whether the last of these was made of samples that were accepted, none after the last.

    Only then is it known by their number whether others have come to them since. What waits, and
    what was dropped (`_without_oddities`), is not in the counter's state.
    """
    if not slots:
        return False
    at_ms, counter_at_ms = slots[-1][START], slots[-1][COUNTER_AT]
    return counter_at_ms is not None and counter_at_ms >= at_ms and not slots[-1][PENDING]


def _without_oddities(some: Sequence[_Open]) -> list[_Open]:
    """Leave out devices of which samples were dropped in the newest slot, or the meter replaced.

    So are those with a gap after the last sample: the readings that ended it have gone.
    """
    if not some:
        return []
    by_pk = {one.device.pk: one for one in some}
    found = MeterEvent.objects.filter(
        device_id__in=list(by_pk),
        kind__in=[*REPEATING, MeterEvent.Kind.SWAP, MeterEvent.Kind.GAP],
        timestamp__gte=from_ms(min(one.from_ms for one in some)),
    )
    for pk, kind, at in found.values_list("device_id", "kind", "timestamp"):
        if (one := by_pk.get(pk)) is None:
            continue
        since_ms = one.newest[COUNTER_AT] if kind == MeterEvent.Kind.GAP else one.from_ms
        if to_ms(at) >= since_ms:
            del by_pk[pk]
    return list(by_pk.values())


def _without_many(some: Sequence[_Open], now: datetime) -> list[_Open]:
    """Leave out devices that have more since their newest slots than the last hours' rows.

    Those are devices that were away and sent a backlog, and any with sealed days, which come from
    an import: only rows are read here.
    """
    last_ms = {one.device.pk: one.newest[COUNTER_AT] for one in some if one.device.was_away}
    earliest_ms = to_ms(now) - SHORT_MS
    many = {pk for pk, at_ms in next_instants(last_ms).items() if at_ms < earliest_ms}
    doubtful = [one for one in some if one.marks or one.device.was_away]
    many |= sealed_since({one.device.pk: one.from_ms for one in doubtful})
    return [one for one in some if one.device.pk not in many]


def _stored_slots(device_ids: Sequence[int], since_ms: int) -> dict[int, list[tuple[Any, ...]]]:
    """Return each device's slots from an instant on, or the newest before it, as SLOT_COLUMNS."""
    stored: dict[int, list[tuple[Any, ...]]] = {}
    for rows in fetch_since("monitoring_energyslot", SLOT_COLUMNS, device_ids, since_ms):
        for pk, of_device in groupby(rows, itemgetter(0)):
            stored.setdefault(pk, []).extend(row[1:] for row in of_device)
    silent = [pk for pk in device_ids if pk not in stored]
    for pk, *row in fetch_newest("monitoring_energyslot", SLOT_COLUMNS, silent):
        stored[pk] = [tuple(row)]
    return stored


def _update(some: Sequence[_Open], now: datetime) -> set[int]:
    """Fold and write devices whose newest slots begin at the same instant."""
    some = sorted(_without_late_before(some), key=lambda one: one.device.pk)
    if not some:
        return set()
    readings = _read(some)
    steady = fold_steady(readings, [one.start for one in some])
    is_done = steady.are & _are_known(readings, some)
    done = [some[place] for place in np.flatnonzero(is_done).tolist()]
    if not done:
        return set()
    made, events = _make(steady, is_done, some)
    rows = [
        (some[owner].device.pk, *row)
        for (owner, _), row in sorted(made.items())
        if some[owner].is_new or row != some[owner].newest
    ]
    try:
        with transaction.atomic():
            move_states({one.device.pk: one.device.version for one in done}, to_ms(now))
            save_slot_rows(rows)
            save_events(events)
            delete_marks_of({one.device.pk: one.marks for one in done})
    except MovedError:
        return set()
    return {one.device.pk for one in done}


Made = dict[tuple[int, int], tuple[Any, ...]]


def _make(
    steady: Steady, is_done: Flags, some: Sequence[_Open]
) -> tuple[Made, list[tuple[int, SlotEvent]]]:
    """Return (owner, start) → slot of those who are done, and their gaps as events to be stored."""
    newest = [one.newest for one in some]
    made = {
        (owner, row[START]): row
        for owner, row in _slot_rows(steady.slots, newest)
        if is_done[owner]
    }
    gaps = [(owner, event) for owner, event in steady.gaps if is_done[owner]]
    _fill_gaps(made, gaps, some)
    return made, [(some[owner].device.pk, SlotEvent(event, 1)) for owner, event in gaps]


def _fill_gaps(
    made: Made, found: Sequence[tuple[int, CounterEvent]], some: Sequence[_Open]
) -> None:
    """Add what is estimated for gaps; a slot without readings has the state from before its gap."""
    gaps = [
        Gap(some[owner].device.pk, event, _slots_before(event.start_ms, made, owner, some))
        for owner, event in found
    ]
    for (owner, event), parts in zip(found, share_out(gaps, some[0].from_ms), strict=True):
        before = made[owner, slot_start(event.start_ms)]
        for start_ms, estimated_mwh in parts:
            empty = (start_ms, *before[COUNTER_AT:MEASURED], 0, 0, 0, *NO_ENVELOPES)
            row = made.get((owner, start_ms), empty)
            energy_mwh = row[ESTIMATED] + estimated_mwh
            made[owner, start_ms] = (*row[:ESTIMATED], energy_mwh, *row[ESTIMATED + 1 :])


def _slots_before(
    at_ms: int, made: Made, owner: int, some: Sequence[_Open]
) -> list[tuple[int, int]]:
    """Return start and measured mWh of the slots with readings before the one of an instant."""
    until_ms = slot_start(at_ms)
    if until_ms == some[owner].from_ms:
        return []
    return [
        (start_ms, row[MEASURED])
        for (one, start_ms), row in made.items()
        if one == owner and start_ms < until_ms
    ]


def _without_late_before(some: Sequence[_Open]) -> Sequence[_Open]:
    """Leave out devices to whose slots before the newest readings have come."""
    from_ms_, look_from_ms = some[0].from_ms, some[0].device.look_from_ms
    if look_from_ms >= from_ms_:
        return some
    found = EnergyReading.objects.filter(
        device_id__in=[one.device.pk for one in some],
        timestamp__gte=from_ms(look_from_ms),
        timestamp__lt=from_ms(from_ms_),
    )
    counted = dict(found.values_list("device_id").annotate(Count("timestamp")))
    return [one for one in some if counted.get(one.device.pk, 0) == one.samples_before]


def _read(some: Sequence[_Open]) -> Mixed:
    """Return the readings from the newest slots on."""
    ids = [one.device.pk for one in some]
    parts = [
        np.array(rows, np.float64)
        for rows in fetch_since("monitoring_energyreading", READING_COLUMNS, ids, some[0].from_ms)
    ]
    table = np.concatenate([np.empty((0, 1 + len(READING_COLUMNS))), *parts])
    owners = np.searchsorted(ids, table[:, 0].astype(np.int64))
    values = {name: table[:, place].copy() for place, name in enumerate(READING_COLUMNS[1:], 2)}
    return Mixed(owners, table[:, 1].astype(np.int64), values)


def _are_known(readings: Mixed, some: Sequence[_Open]) -> Flags:
    """Tell whose readings up to the newest slot's last one are those that the slot has."""
    last_ms = np.array([one.newest[COUNTER_AT] for one in some], np.int64)
    samples = np.array([one.newest[SAMPLES] for one in some], np.int64)
    upto = readings.owners[readings.timestamps <= last_ms[readings.owners]]
    are: Flags = np.bincount(upto, minlength=len(some)) == samples
    return are


def _slot_rows(
    slots: SteadySlots, newest: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield each slot's owner, and its row as SLOT_COLUMNS; the newest ones have energy already."""
    powers_w, *envelopes = (
        [None if value != value else value for value in column]  # noqa: PLR0124 - NaN
        for column in (slots.last_w, *slots.envelopes)
    )
    for owner, start_ms, last_ms, last_wh, power_w, added_mwh, samples, values in zip(
        slots.owners,
        slots.starts,
        slots.last_ms,
        slots.last_wh,
        powers_w,
        slots.measured_mwh,
        slots.samples,
        zip(*envelopes, strict=True),
        strict=True,
    ):
        measured_mwh = estimated_mwh = 0
        if start_ms == newest[owner][START]:
            measured_mwh, estimated_mwh = newest[owner][MEASURED], newest[owner][ESTIMATED]
        energy_mwh = measured_mwh + added_mwh, estimated_mwh
        yield owner, (start_ms, last_ms, last_wh, power_w, "", *energy_mwh, samples, *values)

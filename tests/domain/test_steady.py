"""Steady readings folded at once: the very same slots that one device after the other gets."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wattkeep.domain.columns import Columns
from wattkeep.domain.counter import GAP_MS, CounterReader, CounterState, Meter, Sample, Span
from wattkeep.domain.slots import (
    METRICS,
    NO_ENVELOPES,
    SLOT_MS,
    Envelope,
    Slot,
    SlotEvent,
    Start,
    fold_slots,
    slot_start,
    split_span,
)
from wattkeep.domain.steady import Mixed, SteadyStart, fold_steady

FROM_MS = 1_900_000 * SLOT_MS
NAMES = ("energy", *METRICS)
numbers = st.floats(0, 400) | st.sampled_from([0.1, 229.9, np.nan])


@st.composite
def devices(draw):
    """Return one device: its meter's range, its readings, and how many of these are known."""
    range_w = draw(st.sampled_from([2300.0, 23_000.0]))
    at_ms, rows = FROM_MS, []
    wh = draw(st.integers(0, 9_000_000)) / draw(st.sampled_from([1, 3, 1000]))
    for _ in range(draw(st.integers(1, 30))):
        longest_ms = draw(st.sampled_from([10_000, 200_000, GAP_MS, GAP_MS + 1, 5 * SLOT_MS]))
        at_ms += draw(st.integers(1, longest_ms))
        if draw(st.integers(0, 9)) == 0:
            at_ms = -(-at_ms // SLOT_MS) * SLOT_MS + SLOT_MS * (at_ms % SLOT_MS == 0)
        wh += draw(st.sampled_from([0, 0, 1, 0.125, 3, 7, 7 / 3, -1, 2000])) * (
            draw(st.integers(0, 20)) > 0
        )
        rows.append((at_ms, max(wh, 0) / 1000, *(draw(numbers) for _ in METRICS)))
    device = Device(range_w, rows, draw(st.integers(1, len(rows))))
    assume(device.known.state.last.at_ms == rows[device.count - 1][0])
    assume(not device.known.state.pending)
    return device


class Device(NamedTuple):
    range_w: float
    rows: list
    count: int

    @property
    def known(self):
        return fold(self.range_w, self.rows[: self.count])

    @property
    def start(self):
        last = self.known.state.last
        return SteadyStart(last.at_ms, last.counter_wh, self.range_w)

    @property
    def newest(self):
        """Return the newest known slot."""
        return self.known.slots[-1]

    @property
    def open_rows(self):
        return [row for row in self.rows if row[0] >= self.newest.start_ms]

    @property
    def slots(self):
        """Return the slots of all readings, from the newest known one on."""
        slots = fold(self.range_w, self.rows).slots
        return [slot for slot in slots if slot.start_ms >= self.newest.start_ms]

    @property
    def gaps(self):
        """Return the gaps among the readings that are not known yet."""
        events = fold(self.range_w, self.rows).events
        return [one for one in events if one.event.start_ms >= self.start.last_ms]

    @property
    def is_odd(self):
        reader = CounterReader(Meter(self.range_w), self.known.state)
        for at_ms, kwh, power_w, *_ in self.rows[self.count :]:
            reader.take(Sample(at_ms, round(kwh * 1e6) / 1000, power_w))
        return bool(reader.state.pending or {one.kind for one in reader.events} - {"gap"})


def fold(range_w, rows):
    table = np.array(rows, np.float64).reshape(len(rows), 1 + len(NAMES))
    columns = Columns(
        table[:, 0].astype(np.int64),
        {name: table[:, place].copy() for place, name in enumerate(NAMES, 1)},
    )
    return fold_slots(columns, [], Meter(range_w), Start(FROM_MS, CounterState()))


def mixed(some):
    rows = [(owner, *row) for owner, one in enumerate(some) for row in one.open_rows]
    table = np.array(rows, np.float64).reshape(len(rows), 2 + len(NAMES))
    return Mixed(
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        {name: table[:, place].copy() for place, name in enumerate(NAMES, 2)},
    )


def known(value):
    return None if value != value else value  # noqa: PLR0124 - NaN


def slots_by_owner(steady, some):
    """Return owner → slots, with the energy of gaps, which is spread evenly."""
    by_owner = slots_with_readings(steady.slots, some)
    for owner, event in steady.gaps:
        slots = {slot.start_ms: slot for slot in by_owner[owner]}
        state = slots[slot_start(event.start_ms)].state
        span = Span(event.start_ms, event.end_ms, event.energy_wh, estimated=True)
        for at_ms, mwh in split_span(span, None):
            if mwh:
                slot = slots.get(at_ms) or Slot(at_ms, 0, 0, 0, NO_ENVELOPES, state)
                slots[at_ms] = replace(slot, estimated_mwh=slot.estimated_mwh + mwh)
        by_owner[owner] = [slots[at_ms] for at_ms in sorted(slots)]
    return by_owner


def slots_with_readings(found, some):
    by_owner = {}
    for place, owner in enumerate(found.owners):
        parts = [known(column[place]) for column in found.envelopes]
        last = Sample(found.last_ms[place], found.last_wh[place], known(found.last_w[place]))
        newest = some[owner].newest
        is_newest = found.starts[place] == newest.start_ms
        by_owner.setdefault(owner, []).append(
            Slot(
                found.starts[place],
                found.measured_mwh[place] + is_newest * newest.measured_mwh,
                is_newest * newest.estimated_mwh,
                found.samples[place],
                {
                    metric: Envelope(*parts[3 * number : 3 * number + 3])
                    for number, metric in enumerate(METRICS)
                },
                CounterState(last),
            )
        )
    return by_owner


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(devices(), max_size=5))
def test_steady_devices_get_the_slots_that_each_would_alone(some):
    steady = fold_steady(mixed(some), [one.start for one in some])

    # One whose start is a dip is odd as well, though nothing after it is.
    assert not any(one.is_odd for one, is_steady in zip(some, steady.are, strict=True) if is_steady)
    assert slots_by_owner(steady, some) == {
        owner: one.slots for owner, one in enumerate(some) if steady.are[owner]
    }
    assert [(owner, SlotEvent(event, 1)) for owner, event in steady.gaps] == [
        (owner, gap) for owner, one in enumerate(some) if steady.are[owner] for gap in one.gaps
    ]


def test_a_hundred_readings_have_the_same_mean_wherever_they_stand():
    dice = np.random.default_rng(5)
    rows = [
        (FROM_MS + 9000 * number, 1.0 + number / 1e4, *dice.uniform(0, 300, len(METRICS)))
        for number in range(250)
    ]
    some = [Device(23_000.0, rows, count) for count in (30, 70, 99)]

    steady = fold_steady(mixed(some), [one.start for one in some])

    assert slots_by_owner(steady, some) == {owner: one.slots for owner, one in enumerate(some)}


def test_nobody_is_steady_without_readings():
    nobody = Mixed(np.empty(0, np.int64), np.empty(0, np.int64), {})

    steady = fold_steady(nobody, [SteadyStart(FROM_MS, 1000.0, 23_000.0)])

    assert (steady.are.tolist(), steady.slots.owners) == ([False], [])


def test_a_known_reading_without_a_counter_makes_a_device_odd():
    row = (FROM_MS, 1.0, *[0.0] * len(METRICS))
    device = Device(23_000.0, [row, (FROM_MS + 10, 1.0, *row[2:])], 2)
    readings = mixed([device])
    readings.values["energy"][0] = np.nan

    assert fold_steady(readings, [device.start]).are.tolist() == [False]

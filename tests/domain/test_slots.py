"""Folding readings into slots: laws that hold whatever the meter does."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.test_counter import histories
from wattkeep.domain.columns import Columns
from wattkeep.domain.counter import (
    CounterReader,
    CounterState,
    Meter,
    Sample,
)
from wattkeep.domain.slots import (
    METRICS,
    MWH_PER_WH,
    SLOT_MS,
    Envelope,
    Start,
    fold_slots,
    slot_start,
)

METER = Meter(23_000)
BEGIN = Start(0, CounterState())


def columns(samples, **others):
    """Return samples as columns; a value that is not given is not known."""
    nothing = np.full(len(samples), np.nan)
    powers = [np.nan if one.power_w is None else one.power_w for one in samples]
    return Columns(
        np.array([one.at_ms for one in samples], np.int64),
        dict.fromkeys(METRICS, nothing)
        | {
            "energy": np.array([one.counter_wh for one in samples], float) / 1000,
            "power": np.array(powers, float),
        }
        | others,
    )


def sums(slots):
    return sum(slot.measured_mwh + slot.estimated_mwh for slot in slots)


@given(histories())
def test_slots_are_never_negative_and_add_up_to_what_was_accepted(history):
    reader = CounterReader(METER)
    for sample in history:
        reader.take(sample)

    slots = fold_slots(columns(history), [], METER, BEGIN).slots

    accepted_mwh = math.fsum(round(span.energy_wh * MWH_PER_WH) for span in reader.spans)
    assert sums(slots) == accepted_mwh
    assert all(slot.measured_mwh >= 0 and slot.estimated_mwh >= 0 for slot in slots)
    assert sum(slot.samples for slot in slots) == len(history)


@given(histories())
def test_power_alone_adds_up_to_half_a_mwh_a_slot(history):
    meter = Meter(23_000, has_counter=False)
    reader = CounterReader(meter)
    for sample in history:
        reader.take(sample)

    slots = fold_slots(columns(history), [], meter, BEGIN).slots

    exact_mwh = math.fsum(span.energy_wh for span in reader.spans) * MWH_PER_WH
    assert abs(sums(slots) - exact_mwh) <= 0.5 * len(slots) + 1e-3
    assert all(slot.measured_mwh >= 0 and slot.estimated_mwh == 0 for slot in slots)


@given(histories(), st.integers(0, 30))
def test_a_reader_goes_on_where_another_stopped(history, cut):
    whole = CounterReader(METER)
    for sample in history:
        whole.take(sample)
    first = CounterReader(METER)
    for sample in history[:cut]:
        first.take(sample)
    last = first.state.last
    stored = CounterState.from_stored(last, first.state.pending_text())
    second = CounterReader(METER, stored)
    for sample in history[cut:]:
        second.take(sample)

    assert second.state == whole.state
    assert first.spans + second.spans == whole.spans
    assert first.events + second.events == whole.events


@given(histories(), st.integers(0, 40))
def test_folding_on_from_a_slot_makes_what_one_pass_makes(history, number):
    """From the slot of the last accepted sample on, nothing else is needed."""
    whole = fold_slots(columns(history), [], METER, BEGIN)
    if not whole.slots:
        return
    after = whole.slots[number % len(whole.slots)]
    last = after.state.last
    from_ms = slot_start(last.at_ms)
    earlier = [slot for slot in whole.slots if slot.start_ms < from_ms]
    start = Start(from_ms, earlier[-1].state if earlier else CounterState())

    again = fold_slots(columns([s for s in history if s.at_ms >= from_ms]), [], METER, start)

    assert again.slots == [slot for slot in whole.slots if slot.start_ms >= from_ms]
    assert again.state == whole.state
    assert again.events == [one for one in whole.events if one.event.start_ms >= from_ms]


def test_envelopes_leave_out_what_is_not_known():
    history = [Sample(0, 0, 100), Sample(1000, 0, None), Sample(2000, 0, 50)]
    nothing = Envelope(None, None, None)

    [slot] = fold_slots(
        columns(history, voltage=np.array([230.0, 231.0, np.nan])), [], METER, BEGIN
    ).slots

    assert slot.samples == 3
    assert slot.envelopes == {
        "power": Envelope(50, 75, 100),
        "voltage": Envelope(230, 230.5, 231),
        "current": nothing,
        "frequency": nothing,
        "power_factor": nothing,
    }


def test_slots_of_a_gap_have_its_energy_and_no_samples():
    history = [Sample(0, 0, 0), Sample(4 * SLOT_MS, 400, 0)]

    slots = fold_slots(columns(history), [], METER, BEGIN).slots

    assert [(slot.estimated_mwh, slot.samples) for slot in slots] == [
        (100_000, 1), (100_000, 0), (100_000, 0), (100_000, 0), (0, 1),
    ]  # fmt: skip
    assert [slot.state.last.at_ms for slot in slots] == [0, 0, 0, 0, 4 * SLOT_MS]


def test_no_readings_make_no_slots():
    folded = fold_slots(columns([]), [], METER, BEGIN)

    assert (folded.slots, folded.events, folded.state) == ([], [], CounterState())


@pytest.mark.parametrize("kwh", [12.456, 0.001, 9999.999, 1234.567])
def test_counters_are_taken_to_the_whole_mwh(kwh):
    samples = [Sample(0, 0, 0), Sample(10_000, 0, 0)]
    known = columns(samples, energy=np.array([kwh, kwh + 0.001]))

    [slot] = fold_slots(known, [], METER, BEGIN).slots

    assert slot.measured_mwh == 1000
    assert slot.state.last.counter_wh == round((kwh + 0.001) * 1000)


def test_waiting_samples_survive_being_stored():
    waiting = (Sample(5, 0.1, None), Sample(6, 2.5, 7.25))
    text = CounterState(Sample(1, 2, 3), waiting).pending_text()

    assert json.loads(text) == [[5, 0.1, None], [6, 2.5, 7.25]]
    assert CounterState.from_stored(None, text).pending == waiting
    assert CounterState(None).pending_text() == ""


def test_absurd_counters_end_in_a_glitch():
    history = [Sample(n * 10_000, wh, 100) for n, wh in enumerate([5000, 0, 0, 5001, 5002])]
    energy = np.array([5.0, 1.7e308, 1e305, 5.001, 5.002])

    folded = fold_slots(columns(history, energy=energy), [], METER, BEGIN)

    assert [slot.measured_mwh for slot in folded.slots] == [2000]
    assert [one.event.kind for one in folded.events] == ["glitch"]
    assert folded.state == CounterState(Sample(40_000, 5002, 100))

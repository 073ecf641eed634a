"""A counter's history and what was used: every event that breaks a plain difference."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.counter import GAP_MS, MODULUS_WH, CounterReader, Meter, Sample, Span, Swap

RANGE_W = 23_000


def samples(*rows):
    """Make samples of (second, counter Wh, power W)."""
    return [Sample(second * 1000, wh, w) for second, wh, w in rows]


def read_counter(history, range_w):
    reader = CounterReader(Meter(range_w))
    for sample in history:
        reader.take(sample)
    return reader.spans


def test_rise_at_the_meters_limit_is_accepted_and_above_it_is_not():
    most = 23_000 * 1.3 * 36 / 3600 + 2
    accepted = read_counter(samples((0, 0, 0), (36, most, 0)), RANGE_W)
    refused = read_counter(samples((0, 0, 0), (36, most + 1, 0)), RANGE_W)

    assert list(accepted) == [Span(0, 36_000, most, estimated=False)]
    assert list(refused) == []


def test_smaller_meter_has_a_smaller_limit():
    history = samples((0, 0, 0), (36, 200, 0))

    assert len(list(read_counter(history, 23_000))) == 1
    assert list(read_counter(history, 2_300)) == []


@pytest.mark.parametrize(("seconds", "is_estimated"), [(300, False), (301, True)])
def test_span_longer_than_five_minutes_is_estimated(seconds, is_estimated):
    history = samples((0, 100, 60), (seconds, 105, 60))

    assert list(read_counter(history, RANGE_W)) == [
        Span(0, seconds * 1000, 5, estimated=is_estimated)
    ]


counters = st.one_of(
    st.integers(0, 30),
    st.integers(4_990, 5_010),
    st.integers(MODULUS_WH - 20, MODULUS_WH + 20),
    st.integers(0, 2 * MODULUS_WH),
)


@st.composite
def histories(draw):
    rows = draw(
        st.lists(st.tuples(st.integers(1, 4_000_000), counters, st.floats(0, 23_000)), max_size=30)
    )
    at_ms, history = 0, []
    for step_ms, counter_wh, power_w in rows:
        at_ms += step_ms
        history.append(Sample(at_ms, counter_wh, power_w))
    return history


@given(histories())
def test_no_history_gives_negative_energy_or_overlapping_time(history):
    spans = list(read_counter(history, RANGE_W))

    assert all(span.energy_wh >= 0 and math.isfinite(span.energy_wh) for span in spans)
    assert all(span.start_ms < span.end_ms for span in spans)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(spans))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_steady_counter_gives_exactly_its_difference(steps):
    readings, counter_wh = [], 1000
    for number, step_wh in enumerate(steps):
        counter_wh += step_wh
        readings.append(Sample(number * 10_000, counter_wh, 100))

    used = sum(span.energy_wh for span in read_counter(readings, RANGE_W))

    assert used == counter_wh - 1000 - steps[0]


@given(histories())
def test_events_say_what_was_counted_and_lie_in_the_history(history):
    reader = CounterReader(Meter(RANGE_W))
    for sample in history:
        reader.take(sample)

    known = {sample.at_ms for sample in history}
    assert all({event.start_ms, event.end_ms} <= known for event in reader.events)
    assert all(event.start_ms <= event.end_ms for event in reader.events)
    assert len({(event.kind, event.start_ms) for event in reader.events}) == len(reader.events)
    gaps = {(one.start_ms, one.end_ms): one.energy_wh for one in reader.events if one.kind == "gap"}
    long = {
        (one.start_ms, one.end_ms): one.energy_wh
        for one in reader.spans
        if one.end_ms - one.start_ms > GAP_MS
    }
    assert {key: energy for key, energy in gaps.items() if energy} == long


@given(histories(), st.integers(0, 30), st.none() | counters, st.none() | counters)
def test_a_swap_never_makes_energy_out_of_two_meters(history, place, closing_wh, opening_wh):
    reader = CounterReader(Meter(RANGE_W))
    swap_ms = history[min(place, len(history) - 1)].at_ms if history else 0
    for sample in history:
        if sample.at_ms == swap_ms:
            reader.take_swap(Swap(swap_ms, closing_wh, opening_wh))
        reader.take(sample)

    assert all(span.energy_wh >= 0 for span in reader.spans)
    assert all(not span.start_ms < swap_ms < span.end_ms for span in reader.spans)

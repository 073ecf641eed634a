"""A counter's history and what was used: every event that breaks a plain difference."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.counter import MODULUS_WH, Sample, Span, read_counter, spread

RANGE_W = 23_000
QUARTER_MS = 900_000


def samples(*rows):
    """Make samples of (second, counter Wh, power W)."""
    return [Sample(second * 1000, wh, w) for second, wh, w in rows]


def by_quarter(history):
    """Return what each 15 minutes used as {index: (measured, estimated)}, nothing left out."""
    spans = list(read_counter(history, RANGE_W))
    edges = list(range(0, 8 * QUARTER_MS + 1, QUARTER_MS))
    measured = spread([span for span in spans if not span.estimated], edges)
    estimated = spread([span for span in spans if span.estimated], edges)
    return {
        index: (round(sure, 9), round(guess, 9))
        for index, (sure, guess) in enumerate(zip(measured, estimated, strict=True))
        if sure or guess
    }


CASES = {
    "steady": (
        samples((0, 1000, 360), (300, 1030, 360), (600, 1060, 360), (900, 1090, 360),
                (1200, 1120, 360)),
        {0: (90, 0), 1: (30, 0)},
    ),
    "across a slot's edge": (samples((840, 500, 720), (960, 524, 720)), {0: (12, 0), 1: (12, 0)}),
    "reset seen at zero": (
        samples((0, 5000, 72), (60, 0, 72), (120, 2, 72), (180, 3, 72)), {0: (3, 0)},
    ),
    "reset seen later": (
        samples((0, 5000, 720), (60, 12, 720), (120, 24, 720), (180, 36, 720)), {0: (36, 0)},
    ),
    "one zero": (
        samples((0, 5000, 60), (60, 0, 60), (120, 5001, 60), (180, 5002, 60)), {0: (2, 0)},
    ),
    "two zeros, then back": (
        samples((0, 5000, 60), (10, 0, 60), (20, 0, 60), (30, 5001, 60), (40, 5001, 60),
                (50, 5001, 60)),
        {0: (1, 0)},
    ),
    "a zero, then back a little lower": (
        samples((0, 5000, 60), (10, 0, 60), (20, 4999, 60), (30, 4999, 60), (40, 4999, 60),
                (50, 5001, 60)),
        {0: (1, 0)},
    ),
    "jitter": (samples((0, 5000, 60), (60, 4999, 60), (120, 5001, 60)), {0: (1, 0)}),
    "jitter that stays": (
        samples((0, 5000, 60), (60, 4995, 60), (120, 4995, 60), (180, 4995, 60), (240, 4996, 60),
                (250, 5003, 60)),
        {0: (3, 0)},
    ),
    "one low sample of a small counter": (
        samples((0, 2000, 60), (60, 1700, 60), (120, 2001, 60), (180, 2002, 60)), {0: (2, 0)},
    ),
    "rollover": (
        samples((0, 9_999_995, 300), (100, 3, 300), (200, 11, 300), (300, 20, 300)),
        {0: (25, 0)},
    ),
    "impossible rise, then back": (
        samples((0, 100, 1000), (10, 65_636, 1000), (20, 105, 1000), (30, 108, 1000)),
        {0: (8, 0)},
    ),
    "another meter": (
        samples((0, 5000, 600), (60, 812_345, 600), (120, 812_355, 600), (180, 812_365, 600)),
        {0: (20, 10)},
    ),
    "a meter beyond the modulus is reset": (
        samples((0, 12_000_000, 720), (60, 12, 720), (120, 24, 720), (180, 36, 720)),
        {0: (36, 0)},
    ),
    "an hour without readings": (
        samples((0, 0, 1000), (900, 250, 1000), (4500, 1250, 1000), (4800, 1333, 1000)),
        {0: (0, 250), 1: (0, 250), 2: (0, 250), 3: (0, 250), 4: (0, 250), 5: (83, 0)},
    ),
    "nothing moves": (samples((0, 77, 0), (300, 77, 0), (600, 77, 0)), {}),
    "a single sample": (samples((0, 12_456, 500)), {}),
    "no sample": ([], {}),
}  # fmt: skip


@pytest.mark.parametrize(("history", "expected"), CASES.values(), ids=CASES)
def test_counter_gives_what_was_used(history, expected):
    assert by_quarter(history) == expected


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


spans = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 2_000), st.floats(0, 1e6)), max_size=20
).map(
    lambda rows: [
        Span(
            start := sum(pause + length for pause, length, _ in rows[:at]) + rows[at][0],
            start + rows[at][1],
            rows[at][2],
            estimated=False,
        )
        for at in range(len(rows))
    ]
)


@given(spans, st.lists(st.integers(1, 50_000), max_size=20))
def test_spread_gives_away_everything_once(parts, inner):
    end = max([span.end_ms for span in parts], default=1)
    edges = sorted({0, end, *(edge for edge in inner if edge < end)})

    totals = spread(parts, edges)

    assert len(totals) == len(edges) - 1
    assert all(total >= 0 for total in totals)
    assert math.isclose(math.fsum(totals), math.fsum(span.energy_wh for span in parts))


@given(spans, st.lists(st.integers(0, 60_000), min_size=3, max_size=20, unique=True).map(sorted))
def test_spread_over_finer_edges_adds_up_to_the_coarser(parts, edges):
    whole = spread(parts, [edges[0], edges[-1]])

    assert math.isclose(math.fsum(spread(parts, edges)), whole[0], abs_tol=1e-6)


def test_spread_leaves_out_what_lies_outside():
    parts = [Span(0, 100, 10, estimated=False), Span(100, 300, 20, estimated=False)]

    assert spread(parts, [50, 150, 200]) == [5 + 5, 5]
    assert spread(parts, [300, 400]) == [0]
    assert spread(parts, [50, 50, 100]) == [0, 5]

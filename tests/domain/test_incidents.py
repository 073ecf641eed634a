"""When a value becomes an incident: tables of courses, and laws that hold for every course."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.incidents import (
    FLAPPING_FROM,
    MEMORY_MS,
    MOST_DOUBLINGS,
    Change,
    Episode,
    Limits,
    Phase,
    State,
    elapse,
    find_episodes,
    step,
)

HIGH = Limits(5000, 4500, hold_ms=30_000, recovery_hold_ms=60_000, most_gap_ms=60_000)
LOW = Limits(200, 205, is_above=False, hold_ms=30_000, recovery_hold_ms=60_000, most_gap_ms=60_000)
INSTANT = Limits(5000, 5000)
OPENED, RELAPSED, CLOSED = Change.OPENED, Change.RELAPSED, Change.CLOSED


def course(limits, *samples):
    """Return (second, change) of each change in samples of (second, value), and the last state."""
    state, changes = State(), []
    for second, value in samples:
        state, change = step(limits, state, second * 1000, value)
        if change is not None:
            changes.append((second, change))
    return changes, state


COURSES = {
    "over for the hold": (HIGH, [(0, 5001), (10, 6000), (20, 5001), (30, 5001)], [(30, OPENED)]),
    "over for less": (HIGH, [(0, 6000), (20, 6000), (29, 300)], []),
    "at the limit": (HIGH, [(s, 5000) for s in range(0, 200, 10)], []),
    "a dip begins the hold anew": (
        HIGH,
        [(0, 6000), (20, 4999), (25, 6000), (45, 6000), (55, 6000)],
        [(55, OPENED)],
    ),
    "recovers slowly": (
        HIGH,
        [(0, 6000), (30, 6000), (40, 300), (99, 300), (100, 300)],
        [(30, OPENED), (100, CLOSED)],
    ),
    "between recovery and limit is no recovery": (
        HIGH,
        [(0, 6000), (30, 6000), *((s, 4600) for s in range(40, 400, 10))],
        [(30, OPENED)],
    ),
    "comes back during recovery": (
        HIGH,
        [(0, 6000), (30, 6000), (40, 300), (50, 6000), (60, 300), (120, 300), (180, 300)],
        [(30, OPENED), (50, RELAPSED), (180, CLOSED)],
    ),
    "a gap begins the hold anew": (HIGH, [(0, 6000), (90, 6000), (120, 6000)], [(120, OPENED)]),
    "a gap during recovery ends it": (
        HIGH,
        [(0, 6000), (30, 6000), (40, 300), (200, 6000), (230, 6000)],
        [(30, OPENED), (200, CLOSED), (230, OPENED)],
    ),
    "low": (
        LOW,
        [(0, 199), (30, 180), (40, 201), (50, 205), (110, 230)],
        [(30, OPENED), (110, CLOSED)],
    ),
    "without holds": (
        INSTANT,
        [(0, 5000), (1, 5001), (2, 5000), (3, 5001)],
        [(1, OPENED), (2, CLOSED), (3, OPENED)],
    ),
    "what is not judged is fine": (
        LOW,
        [(0, 100), (30, 100), (40, None), (100, None)],
        [(30, OPENED), (100, CLOSED)],
    ),
    "no number says nothing": (
        HIGH,
        [(0, 6000), (10, math.nan), (30, 6000), (40, 300), (50, math.nan), (100, 300)],
        [(30, OPENED), (100, CLOSED)],
    ),
    "late and repeated samples change nothing": (
        HIGH,
        [(0, 6000), (30, 6000), (20, 300), (30, 300), (40, 300), (35, 9000), (100, 300)],
        [(30, OPENED), (100, CLOSED)],
    ),
}


@pytest.mark.parametrize(("limits", "samples", "changes"), COURSES.values(), ids=COURSES)
def test_course(limits, samples, changes):
    assert course(limits, *samples)[0] == changes


def test_state_knows_start_peak_and_end():
    _, state = course(HIGH, (0, 5100), (10, 7000), (30, 5200), (40, 300), (100, 200))

    assert state == State(
        phase=Phase.CALM,
        since_ms=40_000,
        start_ms=0,
        last_ms=100_000,
        last=200,
        peak=7000,
        ended_ms=40_000,
    )


def test_peak_of_a_low_value_is_the_lowest():
    _, state = course(LOW, (0, 199), (10, 150), (30, 190))

    assert (state.peak, state.last, state.is_open) == (150, 190, True)


def test_recovery_hold_grows_with_each_relapse_and_is_told():
    samples = [(0, 6000), (30, 6000)]
    for second in range(40, 40 + 20 * FLAPPING_FROM, 20):
        samples += [(second, 300), (second + 10, 6000)]
    changes, state = course(HIGH, *samples)

    assert [change for _, change in changes] == [OPENED, *[RELAPSED] * FLAPPING_FROM]
    assert state.is_flapping
    assert HIGH.hold_after(state.relapses) == 60_000 << FLAPPING_FROM
    assert HIGH.hold_after(1000) == 60_000 << MOST_DOUBLINGS


def test_next_incident_inherits_the_trouble_only_if_it_comes_soon():
    ended_s = 40
    once = [(0, 6000), (30, 6000), (ended_s, 300), (100, 300)]
    soon, late = ended_s + MEMORY_MS // 1000 - 1, ended_s + MEMORY_MS // 1000

    assert course(HIGH, *once, (soon, 6000), (soon + 30, 6000))[1].relapses == 1
    assert course(HIGH, *once, (late, 6000), (late + 30, 6000))[1].relapses == 0


def test_recovery_elapses_without_samples_once_the_next_one_is_overdue():
    _, state = course(HIGH, (0, 6000), (30, 6000), (40, 300), (95, 300))

    assert elapse(HIGH, state, 154_000) == (state, None)
    closed, change = elapse(HIGH, state, 160_000)
    assert (change, closed.phase, closed.ended_ms) == (CLOSED, Phase.CALM, 40_000)


def test_episodes_are_what_the_steps_say():
    samples = [(0, 6000), (30, 6000), (40, 300), (100, 300), (200, 7000), (230, 8000)]

    assert list(find_episodes(HIGH, ((s * 1000, v) for s, v in samples))) == [
        Episode(0, 40_000, 6000),
        Episode(200_000, None, 8000),
    ]


values = st.one_of(st.sampled_from([4400.0, 4500.0, 4700.0, 5000.0, 5200.0, math.nan]), st.none())
courses = st.lists(st.tuples(st.integers(1, 90), values), max_size=80)
limits = st.builds(
    Limits,
    threshold=st.just(5000.0),
    recovery=st.sampled_from([4500.0, 5000.0]),
    hold_ms=st.sampled_from([0, 30_000, 100_000]),
    recovery_hold_ms=st.sampled_from([0, 60_000, 200_000]),
    most_gap_ms=st.sampled_from([30_000, 120_000]),
)


def timed(gaps):
    at_s, samples = 0, []
    for gap, value in gaps:
        at_s += gap
        samples.append((at_s * 1000, value))
    return samples


def walk(limits, samples):
    state = State()
    for at_ms, value in samples:
        before = state
        state, change = step(limits, state, at_ms, value)
        yield at_ms, before, state, change


def news(limits, samples):
    found = walk(limits, samples)
    return [(at_ms, change) for at_ms, _, _, change in found if change is not None]


@given(limits, courses)
def test_law_never_two_open(limits, gaps):
    is_open = False
    for _, _, state, change in walk(limits, timed(gaps)):
        assert change is not OPENED or not is_open
        assert change not in {CLOSED, RELAPSED} or is_open
        is_open = change is not CLOSED and (is_open or change is OPENED)
        assert state.is_open is is_open


@given(limits, courses)
def test_law_opening_needs_the_hold(limits, gaps):
    samples = timed(gaps)
    for at_ms, _, state, change in walk(limits, samples):
        if change is OPENED:
            inside = [
                (ms, value)
                for ms, value in samples
                if state.start_ms <= ms <= at_ms and not (value and math.isnan(value))
            ]
            assert at_ms - state.start_ms >= limits.hold_ms
            assert all(limits.is_broken_by(value) for _, value in inside)
            assert all(b[0] - a[0] <= limits.most_gap_ms for a, b in pairwise(inside))


@given(limits, courses)
def test_law_closing_needs_the_recovery_hold(limits, gaps):
    samples = timed(gaps)
    for at_ms, before, state, change in walk(limits, samples):
        if change is CLOSED:
            assert at_ms - state.ended_ms >= limits.hold_after(before.relapses)
            last_ms = at_ms if state.phase is Phase.CALM else before.last_ms
            for ms, value in samples:
                if state.ended_ms <= ms <= min(last_ms, before.last_ms):
                    assert limits.is_kept_by(value) or math.isnan(value)


@given(limits, courses)
def test_law_incidents_are_in_order_and_apart(limits, gaps):
    found = list(find_episodes(limits, timed(gaps)))

    assert all(one.end_ms is None or one.start_ms < one.end_ms for one in found)
    assert all(a.end_ms is not None and a.end_ms <= b.start_ms for a, b in pairwise(found))


@given(limits, courses, st.data())
def test_law_late_samples_change_nothing(limits, gaps, data):
    samples = [one for one in timed(gaps) if one[1] is None or not math.isnan(one[1])]
    shuffled = []
    for sample in samples:
        shuffled.append(sample)
        if data.draw(st.booleans()):
            shuffled.append((sample[0] - data.draw(st.integers(0, 1000)), 9000.0))

    assert news(limits, shuffled) == news(limits, samples)


@given(limits, courses)
def test_law_every_long_breach_is_inside_an_incident(limits, gaps):
    samples = [one for one in timed(gaps) if one[1] is None or not math.isnan(one[1])]
    found = list(find_episodes(limits, samples))
    run = []
    for sample in [*samples, (1 << 60, None)]:
        if limits.is_broken_by(sample[1]) and (
            not run or sample[0] - run[-1][0] <= limits.most_gap_ms
        ):
            run.append(sample)
            continue
        # Without a hold the sample that ends a recovery across a gap is confirmed by the next.
        if run and run[-1][0] - run[0][0] >= limits.hold_ms and len(run) > 1:
            assert any(
                one.start_ms <= run[0][0] and (one.end_ms is None or run[-1][0] <= one.end_ms)
                for one in found
            )
        run = [sample] if limits.is_broken_by(sample[1]) else []

"""Of many readings only the last ones decide where a rule that is not open stands."""

import math

from hypothesis import given
from hypothesis import strategies as st

from wattkeep.alerts.rules import ReadingRule
from wattkeep.domain.incidents import Change, Limits, State, step
from wattkeep.domain.readings import Reading
from wattkeep.monitoring.models import AlertRule

POWERS_W = st.sampled_from([10.0, 90.0, 110.0, 500.0, math.nan])


def rule_of(hold_s, only_above_w):
    limits = Limits(100.0, 80.0, hold_ms=hold_s * 1000, recovery_hold_ms=60_000)
    return ReadingRule(1, AlertRule.Metric.POWER, limits, only_above_w)


def follow(rule, state, readings):
    """Step through readings; return the state, and when it opened first."""
    opened = None
    for one in readings:
        state, change = step(rule.limits, state, one.timestamp_ms, rule.value_of(one))
        if change is Change.OPENED and opened is None:
            opened = one.timestamp_ms
    return state, opened


@st.composite
def runs(draw, begin_ms=0):
    readings = []
    for pause_s, power_w in draw(st.lists(st.tuples(st.integers(1, 150), POWERS_W), min_size=1)):
        begin_ms += pause_s * 1000
        readings.append(Reading(1, begin_ms, 230.0, 1.0, power_w, 1.0, 50.0, 1.0))
    return readings


@given(
    before=runs(),
    run=runs(begin_ms=10_000_000),
    hold_s=st.sampled_from([0, 5, 60, 400]),
    only_above_w=st.sampled_from([None, 200.0]),
)
def test_it_opens_then_and_stands_there(before, run, hold_s, only_above_w):
    rule = rule_of(hold_s, only_above_w)
    state, _ = follow(rule, State(), before)
    if state.is_open:
        state = State(last_ms=state.last_ms)

    chosen = rule.decisive(state, run)

    assert list(chosen) == run[len(run) - len(chosen) :]
    of_all, opened_of_all = follow(rule, state, run)
    of_chosen, opened = follow(rule, state, chosen)
    assert opened == opened_of_all
    assert (of_chosen.phase, of_chosen.last_ms) == (of_all.phase, of_all.last_ms)
    if of_all.phase.value != "calm":
        assert (of_chosen.since_ms, of_chosen.start_ms) == (of_all.since_ms, of_all.start_ms)


def test_a_value_that_goes_up_and_down_is_hardly_looked_at():
    rule = rule_of(3 * 3600, None)
    run = [
        Reading(1, number * 10_000, 230.0, 1.0, 500.0 if number % 3 else 10.0, 1.0, 50.0, 1.0)
        for number in range(3000)
    ]

    assert len(rule.decisive(State(), run)) <= 3

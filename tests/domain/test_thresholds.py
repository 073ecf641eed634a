"""A value against a limit: what opens an incident and what closes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.thresholds import Transition, judge


@pytest.mark.parametrize(
    ("value", "is_open", "expected"),
    [
        (5000, False, Transition.NONE),
        (5000.1, False, Transition.OPEN),
        (9000, True, Transition.NONE),
        (5000, True, Transition.CLOSE),
        (0, True, Transition.CLOSE),
        (0, False, Transition.NONE),
    ],
)
def test_judge_opens_above_the_limit_and_closes_at_it(value, is_open, expected):
    assert judge(value, 5000, is_open=is_open) is expected


@given(st.lists(st.floats(0, 10_000)))
def test_incident_is_open_exactly_while_the_value_is_above(values):
    is_open = False
    for value in values:
        transition = judge(value, 5000, is_open=is_open)
        if transition is not Transition.NONE:
            is_open = transition is Transition.OPEN
        assert is_open is (value > 5000)

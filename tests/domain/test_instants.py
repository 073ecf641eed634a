"""Instants and epoch milliseconds, there and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.instants import from_ms, to_ms

offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)  # noqa: DTZ001


@given(instants)
def test_instant_comes_back_cut_to_the_millisecond(instant):
    back = from_ms(to_ms(instant))

    assert back.tzinfo is UTC
    assert timedelta() <= instant - back < timedelta(milliseconds=1)


@given(st.integers(-(10**13), 10**14))
def test_milliseconds_come_back_exactly(ms):
    assert to_ms(from_ms(ms)) == ms


def test_to_ms_of_a_known_instant():
    assert to_ms(datetime(2026, 11, 23, 10, 0, 0, 123_999, tzinfo=UTC)) == 1_795_428_000_123


def test_naive_time_is_refused():
    with pytest.raises(TypeError):
        to_ms(datetime(2026, 11, 23))  # noqa: DTZ001

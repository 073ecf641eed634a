"""Online, silent, offline, never: told from two times."""

from datetime import UTC, datetime, timedelta

import pytest

from wattkeep.domain.presence import quiet_limit, status_of

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def ago(seconds):
    return None if seconds is None else NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("interval_s", "limit_s"), [(1, 3), (10, 30), (40, 120), (41, 120), (3600, 120)]
)
def test_quiet_limit_is_three_intervals_and_at_most_two_minutes(interval_s, limit_s):
    assert quiet_limit(interval_s) == timedelta(seconds=limit_s)


def test_quiet_limit_of_an_absurd_interval_is_two_minutes():
    assert quiet_limit(10**18) == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("reading_s", "seen_s", "expected"),
    [
        pytest.param(None, None, "never", id="nothing ever came"),
        pytest.param(0, 0, "online", id="a reading just now"),
        pytest.param(-60, 0, "online", id="a reading from a clock a minute ahead"),
        pytest.param(-60, 41, "offline", id="a clock ahead, and long not heard"),
        pytest.param(30, 30, "online", id="three intervals"),
        pytest.param(30.1, 30.1, "offline", id="three intervals ago, both at once"),
        pytest.param(38, 39, "offline", id="the contact is written late"),
        pytest.param(31, 1, "silent", id="the board talks, the meter does not"),
        pytest.param(86_400, 12, "silent", id="the meter is gone since yesterday"),
        pytest.param(None, 5, "silent", id="the board talks, the meter never did"),
        pytest.param(300, 100, "offline", id="first the meter went, then the board"),
        pytest.param(None, 100, "offline", id="a board that never measured is gone"),
        pytest.param(10, None, "online", id="imported readings, no contact known"),
        pytest.param(100, None, "offline", id="old imported readings"),
    ],
)  # fmt: skip
def test_status_of_a_device_that_reports_every_ten_seconds(reading_s, seen_s, expected):
    status = status_of(reading_at=ago(reading_s), seen_at=ago(seen_s), interval_s=10, now=NOW)

    assert status == expected


def test_status_goes_from_online_to_offline_without_a_word_of_silence():
    """A power cut takes board and meter at once; the contact was written up to 10 s before."""
    for lag_s in range(11):
        seen = {
            str(status_of(reading_at=ago(s), seen_at=ago(s + lag_s), interval_s=10, now=NOW))
            for s in range(120)
        }
        assert seen == {"online", "offline"}


def test_status_of_a_meter_that_stops_is_silent_for_as_long_as_the_board_talks():
    for since_s in range(31, 3600, 7):
        status = status_of(
            reading_at=ago(since_s), seen_at=ago(since_s % 10), interval_s=10, now=NOW
        )
        assert status == "silent"

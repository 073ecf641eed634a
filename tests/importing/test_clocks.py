"""Times in files: told by their look, and local ones right through both changes of the clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wattkeep.importing.clocks import Clock

PARIS = ZoneInfo("Europe/Paris")
AT_MS = int(datetime(2024, 3, 17, 1, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    "text",
    [
        "1710637200",
        "1710637200.0",
        "1710637200000",
        " 2024-03-17T01:00:00Z ",
        "2024-03-17T01:00:00.000Z",
        "2024-03-17 02:00:00+01:00",
        "2024-03-17 02:00:00",
        "2024-03-17T02:00",
        "17.03.2024 02:00",
        "17.03.2024 02:00:00",
        "17/03/2024 02:00:00",
    ],
)
def test_a_time_is_read_as_it_is_written(text):
    assert Clock(PARIS).read(text) == AT_MS


@pytest.mark.parametrize(
    "text", ["", "yesterday", "nan", "inf", "-5", "1e30", "2024-13-01 00:00", "31.02.2024 00:00"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="not a time"):
        Clock(PARIS).read(text)


def test_the_hour_that_comes_twice_is_counted_twice():
    clock = Clock(PARIS)
    faces = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]

    read = [clock.read(f"2024-10-27 {face}:00") for face in faces]

    start_ms = int(datetime(2024, 10, 26, 23, 30, tzinfo=UTC).timestamp() * 1000)
    assert read == [start_ms + 30 * 60_000 * number for number in range(7)]


def test_the_hour_that_is_skipped_is_refused():
    clock = Clock(PARIS)
    before = clock.read("2024-03-31 01:59:00")

    with pytest.raises(ValueError, match="the clocks of Europe/Paris skip this time"):
        clock.read("2024-03-31 02:30:00")

    assert clock.read("2024-03-31 03:00:00") == before + 60_000


def test_half_an_hours_change_is_followed():
    clock = Clock(ZoneInfo("Australia/Lord_Howe"))
    faces = ["01:15", "01:45", "01:30", "01:45", "02:00"]

    read = [clock.read(f"2024-04-07 {face}:00") for face in faces]

    assert [(at - read[0]) // 60_000 for at in read] == [0, 30, 45, 60, 75]

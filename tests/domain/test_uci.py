"""The UCI household data set's rows: both layouts, its clock, exact sums."""

import pytest

from wattkeep.domain.uci import Minute, power_factor, read_one_stamp, read_two_stamps

VALUES = ("4.216", "0.418", "234.840", "18.400")
# 17:24 on a clock that is one hour ahead of UTC.
MINUTE = Minute(1_166_286_240, 4_216_000, 418_000, 234.84, 18.4)


@pytest.mark.parametrize(
    ("read", "cells"),
    [
        (read_two_stamps, ("16/12/2006", "17:24:00", *VALUES)),
        (read_one_stamp, ("2006-12-16 17:24:00", *VALUES)),
        (read_one_stamp, ("2006-12-16T17:24:00", *VALUES)),
    ],
    ids=["the data set's", "a copy's", "with a T"],
)
def test_a_row_is_a_minute_of_utc(read, cells):
    assert read(cells) == MINUTE


@pytest.mark.parametrize("day", ["16/12/2006", "16/6/2006"])
def test_the_clock_is_the_same_in_summer_and_winter(day):
    assert read_two_stamps((day, "01:00:00", *VALUES)).start_s % 86_400 == 0


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        (("31/2/2007", "00:00:00", *VALUES), "not a date: '31/2/2007'"),
        (("1/1/2007", "25:00:00", *VALUES), "not a time of day: '25:00:00'"),
        (("1/1/2007", "00:00:00", "-1", *VALUES[1:]), "global_active_power is below zero: '-1'"),
        (("1/1/2007", "00:00:00", *VALUES[:2], "x", "1"), "voltage is not a number: 'x'"),
        (("1/1/2007", "00:00:00", *VALUES[:3], "inf"), "global_intensity is not a finite number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_that_makes_no_sense_is_refused_in_words(cells, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_two_stamps(cells)


@pytest.mark.parametrize(
    ("active", "reactive", "expected"),
    [(100, 0, 1.0), (0, 0, 0.0), (0, 50, 0.0), (60, 80, 0.6), (200, 96, 0.9)],
)
def test_power_factor_is_active_over_apparent_power(active, reactive, expected):
    assert power_factor(active, reactive) == expected

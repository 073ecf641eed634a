"""Days and hours of every time zone: without a hole, without an overlap."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.calendar import (
    By,
    bounds,
    day_bounds,
    day_start,
    days_until,
    is_time_zone,
    local_hours,
    periods,
    time_zone_names,
)

HALF_HOUR = timedelta(minutes=30)
HOUR = timedelta(hours=1)

zones = st.sampled_from(time_zone_names()).map(ZoneInfo)
dates = st.dates(date(1970, 1, 2), date(2100, 1, 1))


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


DAYS = [
    ("UTC", "2026-11-23", utc(2026, 11, 23), 24),
    ("Europe/Paris", "2026-11-23", utc(2026, 11, 22, 23), 24),
    ("Europe/Paris", "2026-03-29", utc(2026, 3, 28, 23), 23),
    ("Europe/Paris", "2026-10-25", utc(2026, 10, 24, 22), 25),
    ("America/New_York", "2026-03-08", utc(2026, 3, 8, 5), 23),
    ("Australia/Lord_Howe", "2026-04-05", utc(2026, 4, 4, 13), 24.5),
    ("Australia/Lord_Howe", "2026-10-04", utc(2026, 10, 3, 13, 30), 23.5),
    ("Asia/Kathmandu", "2026-11-23", utc(2026, 11, 22, 18, 15), 24),
    ("Antarctica/Troll", "2026-03-29", utc(2026, 3, 29), 22),
    # The clock jumps from 24:00 to 01:00: the day starts at 01:00.
    ("America/Asuncion", "2023-10-01", utc(2023, 10, 1, 4), 23),
    ("Africa/Cairo", "2026-04-24", utc(2026, 4, 23, 22), 23),
    ("Asia/Beirut", "2026-03-29", utc(2026, 3, 28, 22), 23),
    ("America/Havana", "2026-03-08", utc(2026, 3, 8, 5), 23),
    # Midnight comes twice: the day starts at the first.
    ("America/Havana", "2026-11-01", utc(2026, 11, 1, 4), 25),
    # The clock falls from midnight back to 23:00: the day before is the long one.
    ("Asia/Beirut", "2026-10-24", utc(2026, 10, 23, 21), 25),
    ("America/Asuncion", "2024-03-23", utc(2024, 3, 23, 3), 25),
    # The clock jumps from 23:30 to 00:30, over a midnight that is not where it jumps.
    ("America/Toronto", "1919-03-31", utc(1919, 3, 31, 4, 30), 23.5),
    # Samoa had no 30th of December: it went over the date line.
    ("Pacific/Apia", "2011-12-29", utc(2011, 12, 29, 10), 24),
    ("Pacific/Apia", "2011-12-30", utc(2011, 12, 30, 10), 0),
    ("Pacific/Apia", "2011-12-31", utc(2011, 12, 30, 10), 24),
]


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"), DAYS, ids=[f"{zone} {day}" for zone, day, *_ in DAYS]
)
def test_day_starts_and_lasts_as_the_clock_on_the_wall_says(zone, day, start, hours):
    bounds = day_bounds(date.fromisoformat(day), ZoneInfo(zone))

    assert bounds == (start, start + timedelta(hours=hours))


@given(zones, dates)
def test_days_of_every_zone_follow_each_other_without_hole_or_overlap(zone, day):
    before = day_bounds(day - timedelta(days=1), zone)
    start, end = day_bounds(day, zone)

    assert before[1] == start
    assert timedelta() <= end - start <= timedelta(hours=50)


@given(zones, dates)
def test_a_day_that_exists_starts_when_its_date_begins(zone, day):
    start, end = day_bounds(day, zone)

    if start != end:
        assert start.astimezone(zone).date() == day
        assert (start - timedelta(seconds=1)).astimezone(zone).date() < day
        # What belongs to a day by the wall clock lies inside it.
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
        assert start <= noon.astimezone(UTC) < end


@given(zones, dates)
def test_hours_of_a_day_tile_it(zone, day):
    start, end = day_bounds(day, zone)
    hours = local_hours(day, zone)

    assert [hour[0] for hour in hours[:1]] == ([start] if start != end else [])
    assert [hour[1] for hour in hours[-1:]] == ([end] if start != end else [])
    assert all(one[1] == other[0] for one, other in pairwise(hours))
    assert all(timedelta() < stop - begin <= HOUR for begin, stop in hours)


def wall_clock(zone, day):
    return [
        (f"{start.astimezone(ZoneInfo(zone)):%H:%M}", stop - start)
        for start, stop in local_hours(date.fromisoformat(day), ZoneInfo(zone))
    ]


def test_hours_of_an_ordinary_day_are_24():
    assert wall_clock("Europe/Paris", "2026-11-23") == [(f"{h:02}:00", HOUR) for h in range(24)]


def test_hours_in_a_45_minute_zone_start_when_its_clock_shows_a_full_hour():
    assert wall_clock("Asia/Kathmandu", "2026-11-23") == [(f"{h:02}:00", HOUR) for h in range(24)]


def test_hours_of_a_short_day_leave_out_the_one_that_was_jumped_over():
    expected = [(f"{h:02}:00", HOUR) for h in range(24) if h != 2]

    assert wall_clock("Europe/Paris", "2026-03-29") == expected


def test_hours_of_a_long_day_have_one_twice():
    expected = [(f"{h:02}:00", HOUR) for h in [0, 1, 2, 2, *range(3, 24)]]

    assert wall_clock("Europe/Paris", "2026-10-25") == expected


def test_hours_of_a_day_without_midnight_start_at_one():
    expected = [(f"{h:02}:00", HOUR) for h in range(1, 24)]

    assert wall_clock("Africa/Cairo", "2026-04-24") == expected


def test_hours_around_a_half_hour_change_have_a_half_hour_piece():
    forward = wall_clock("Australia/Lord_Howe", "2026-10-04")
    back = wall_clock("Australia/Lord_Howe", "2026-04-05")

    assert forward[:4] == [
        ("00:00", HOUR),
        ("01:00", HOUR),
        ("02:30", HALF_HOUR),
        ("03:00", HOUR),
    ]
    assert back[:4] == [("00:00", HOUR), ("01:00", HOUR), ("01:30", HALF_HOUR), ("02:00", HOUR)]


def test_hours_of_a_day_that_never_was_are_none():
    assert local_hours(date(2011, 12, 30), ZoneInfo("Pacific/Apia")) == []


def test_days_until_are_oldest_first_and_end_with_the_day():
    assert days_until(date(2026, 3, 1), 3) == [
        date(2026, 2, 27),
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Europe/Paris", True), ("UTC", True), ("America/Argentina/Ushuaia", True),
        ("", False), ("Europe", False), ("europe/paris ", False), ("+01:00", False),
        ("../../etc/passwd", False), ("/etc/localtime", False),
    ],
)  # fmt: skip
def test_is_time_zone_knows_iana_names_only(name, expected):
    assert is_time_zone(name) is expected


def test_every_zone_people_choose_from_is_one():
    assert all(is_time_zone(name) for name in time_zone_names())
    assert list(time_zone_names()) == sorted(set(time_zone_names()))


def test_day_start_is_in_utc():
    assert day_start(date(2026, 7, 1), ZoneInfo("Asia/Tokyo")).tzinfo is UTC


def test_files_that_name_no_place_are_no_zones():
    assert not {"localtime", "Factory"} & set(time_zone_names())
    assert not is_time_zone("localtime")
    assert is_time_zone("Europe/Paris")


instants = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
LENGTHS = {
    By.QUARTER: (timedelta(hours=30), timedelta(minutes=15)),
    By.HOUR: (timedelta(days=4), timedelta(hours=1)),
    By.DAY: (timedelta(days=90), timedelta(hours=50)),
    By.WEEK: (timedelta(days=400), timedelta(days=9)),
    By.MONTH: (timedelta(days=1500), timedelta(days=33)),
    By.YEAR: (timedelta(days=4000), timedelta(days=368)),
}


@given(zones, instants, st.sampled_from(By), st.floats(0.001, 1))
def test_periods_cover_the_span_and_no_more(zone, start, by, share):
    most, longest = LENGTHS[by]
    end = start + most * share

    edges = periods(by, start, end, zone)

    assert edges[0] <= start < edges[1]
    assert edges[-2] < end <= edges[-1]
    assert all(timedelta() < b - a <= longest for a, b in pairwise(edges))


@given(zones, instants, st.sampled_from([By.HOUR, By.DAY, By.WEEK, By.MONTH, By.YEAR]))
def test_edges_do_not_depend_on_where_the_span_begins(zone, start, by):
    end = start + LENGTHS[by][0] / 2
    edges = periods(by, start, end, zone)

    later = periods(by, edges[1], end, zone) if edges[1] < end else edges[1:]

    assert later == edges[1:]


@given(zones, instants)
def test_finer_periods_begin_where_the_coarser_do(zone, start):
    end = start + timedelta(days=3)
    days, hours, quarters = (
        set(periods(by, start, end, zone)) for by in (By.DAY, By.HOUR, By.QUARTER)
    )

    inside = {day for day in days if start < day < end}
    assert inside <= hours
    assert {hour for hour in hours if start < hour < end} <= quarters


def local(edges, zone):
    return [f"{edge.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for edge in edges]


PERIODS = [
    ("Europe/Paris", By.WEEK, utc(2026, 1, 1, 12), utc(2026, 1, 6),
     ["2025-12-29 00:00", "2026-01-05 00:00", "2026-01-12 00:00"]),
    ("Europe/Paris", By.MONTH, utc(2026, 2, 28, 23), utc(2026, 4, 1),
     ["2026-03-01 00:00", "2026-04-01 00:00", "2026-05-01 00:00"]),
    ("Europe/Paris", By.YEAR, utc(2025, 12, 31, 22, 59), utc(2025, 12, 31, 23, 1),
     ["2025-01-01 00:00", "2026-01-01 00:00", "2027-01-01 00:00"]),
    ("Asia/Kathmandu", By.DAY, utc(2026, 11, 22, 18, 15), utc(2026, 11, 23, 18, 15),
     ["2026-11-23 00:00", "2026-11-24 00:00"]),
    ("Pacific/Apia", By.DAY, utc(2011, 12, 29, 12), utc(2011, 12, 31),
     ["2011-12-29 00:00", "2011-12-31 00:00", "2012-01-01 00:00"]),
    ("Europe/Paris", By.QUARTER, utc(2026, 3, 29, 0, 50), utc(2026, 3, 29, 1, 20),
     ["2026-03-29 01:45", "2026-03-29 03:00", "2026-03-29 03:15", "2026-03-29 03:30"]),
    ("America/Toronto", By.HOUR, utc(1919, 3, 31, 3, 30), utc(1919, 3, 31, 6),
     ["1919-03-30 22:00", "1919-03-30 23:00", "1919-03-31 00:30", "1919-03-31 01:00",
      "1919-03-31 02:00"]),
    ("UTC", By.DAY, utc(2026, 1, 1), utc(2026, 1, 1), []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "by", "start", "end", "expected"),
    PERIODS,
    ids=[f"{zone} {by}" for zone, by, *_ in PERIODS],
)
def test_periods_begin_where_the_wall_clock_says(zone, by, start, end, expected):
    assert local(periods(by, start, end, ZoneInfo(zone)), zone) == expected


def test_bounds_are_neighbouring_edges():
    start, end = utc(2026, 3, 28, 12), utc(2026, 3, 30, 12)
    zone = ZoneInfo("Europe/Paris")

    days = bounds(By.DAY, start, end, zone)

    assert [(stop - begin) / HOUR for begin, stop in days] == [24, 23, 24]
    assert list(pairwise(periods(By.DAY, start, end, zone))) == days

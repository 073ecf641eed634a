"""What quarter-hours tell, where the answer is known before."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattkeep.domain.calendar import QUARTER, day_bounds
from wattkeep.domain.insights import (
    AlwaysOn,
    Outlook,
    Quarter,
    always_on,
    blind_floor_w,
    highest_quarters,
    month_outlook,
    split_days,
    typical_week,
)

PARIS = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 9, 7)


def quarters_of(day, power_at, zone=PARIS):
    """Return a day's quarter-hours, whose power is a function of the hour, 0 to 23.75."""
    start, end = day_bounds(day, zone)
    found = []
    while start < end:
        local = start.astimezone(zone)
        power = power_at(local.hour + local.minute / 60)
        found.append(Quarter(local, power / 4, power))
        start += QUARTER
    return found


def days_of(first, powers, zone=PARIS):
    """Return days from `first` on, each with one power all day long."""
    quarters = []
    for ahead, power in enumerate(powers):
        quarters += quarters_of(first + timedelta(days=ahead), lambda _, power=power: power, zone)
    return split_days(quarters, zone)


def test_days_are_split_where_the_date_changes():
    days = days_of(MONDAY, [100, 200])

    assert [(day.day, day.energy_wh, day.is_complete) for day in days] == [
        (MONDAY, 2400, True),
        (MONDAY + timedelta(days=1), 4800, True),
    ]


@pytest.mark.parametrize(
    ("day", "count"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)], ids=["spring", "autumn"]
)
def test_day_of_a_changed_clock_is_complete_with_its_own_count(day, count):
    (found,) = days_of(day, [100])

    assert (len(found.quarters), found.is_complete) == (count, True)


@pytest.mark.parametrize(("missing", "is_complete"), [(9, True), (10, False)])
def test_day_with_a_tenth_missing_is_not_complete(missing, is_complete):
    (found,) = split_days(quarters_of(MONDAY, lambda _: 100)[missing:], PARIS)

    assert found.is_complete == is_complete


# -- always on ------------------------------------------------------------------------------------


def test_always_on_is_the_middle_of_the_quietest_hours():
    quarters = []
    for ahead, at_night in enumerate((80, 120, 90)):
        quarters += quarters_of(
            MONDAY + timedelta(days=ahead), lambda hour, night=at_night: night if hour < 5 else 900
        )

    found = always_on(split_days(quarters, PARIS))

    assert found == AlwaysOn(90, 80, 120, 3)
    assert found.energy_a_year_wh == 90 * 8760


def test_a_refrigerator_that_rests_is_not_off():
    day = [
        quarter._replace(power_w=120.0 if place % 2 else 0.0)
        for place, quarter in enumerate(quarters_of(MONDAY, lambda _: 60))
    ]
    days = split_days(day, PARIS) * 3

    assert always_on(days) == AlwaysOn(60, 60, 60, 3)


def test_too_few_days_tell_nothing_of_what_is_always_on():
    assert always_on(days_of(MONDAY, [100, 100])) is None
    assert always_on([]) is None


def test_unmeasured_quarters_are_not_the_quietest():
    days = [
        type(day)(
            day.day,
            [q._replace(power_w=None) if q.start.hour < 6 else q for q in day.quarters],
            day.is_complete,
        )
        for day in days_of(MONDAY, [100, 100, 100])
    ]

    assert always_on(days) == AlwaysOn(100, 100, 100, 3)


@pytest.mark.parametrize(
    ("range_w", "volts", "floor_w"),
    [(23_000, 230, 4.6), (2300, 230, 2.3), (23_000, 120, 2.4)],
    ids=["100 A", "10 A", "120 V"],
)
def test_blind_floor_is_that_of_the_meter(range_w, volts, floor_w):
    assert blind_floor_w(range_w, volts) == pytest.approx(floor_w)


# -- where the month goes -------------------------------------------------------------------------


def test_outlook_goes_from_the_thriftiest_week_to_the_hungriest():
    # Three weeks of 1, 2 and 4 kWh a day up to yesterday; eight full days of the month are left.
    weeks = [1000 / 24] * 7 + [2000 / 24] * 7 + [4000 / 24] * 7
    days = days_of(MONDAY, weeks)
    midnight = datetime(2026, 9, 28, tzinfo=PARIS)

    found = month_outlook(50_000, days, midnight, date(2026, 10, 1))

    assert found == Outlook(
        50_000, *(pytest.approx(50_000 + 3 * kwh * 1000) for kwh in (1, 2, 4)), 3
    )


def test_outlook_keeps_weekdays_apart():
    # 1 kWh from Monday to Friday, 10 on Saturdays and Sundays.
    week = [1000 / 24] * 5 + [10_000 / 24] * 2
    days = days_of(MONDAY, week * 3)
    midnight = datetime(2026, 9, 28, tzinfo=PARIS)

    to_friday = month_outlook(0, days, midnight, date(2026, 10, 3))
    to_sunday = month_outlook(0, days, midnight, date(2026, 10, 5))

    assert to_friday.middle_wh == pytest.approx(5000)
    assert to_sunday.middle_wh == pytest.approx(25_000)


def test_outlook_counts_only_what_is_left_of_today():
    days = days_of(MONDAY, [2400 / 24] * 14)
    evening = datetime(2026, 9, 21, 18, 7, 30, tzinfo=PARIS)

    found = month_outlook(0, days, evening, date(2026, 9, 22))

    assert found.middle_wh == pytest.approx(2400 * (5.875 / 24))


def test_outlook_needs_two_full_weeks():
    midnight = datetime(2026, 9, 21, tzinfo=PARIS)
    days = days_of(MONDAY, [100] * 14)

    assert month_outlook(0, days[1:], midnight, date(2026, 10, 1)) is None
    assert month_outlook(0, days, midnight, date(2026, 10, 1)).weeks == 2
    assert month_outlook(0, [], midnight, date(2026, 10, 1)) is None


@settings(deadline=None)
@given(
    powers=st.lists(st.floats(0, 20_000), min_size=14, max_size=70),
    used_wh=st.floats(0, 1e7),
    hour=st.integers(0, 23),
    ahead=st.integers(1, 31),
)
def test_outlook_never_falls_below_what_is_used_and_is_in_order(powers, used_wh, hour, ahead):
    days = days_of(MONDAY, powers, UTC)
    today = MONDAY + timedelta(days=len(powers))
    now = datetime(today.year, today.month, today.day, hour, tzinfo=UTC)

    found = month_outlook(used_wh, days, now, today + timedelta(days=ahead))

    assert used_wh <= found.least_wh <= found.middle_wh <= found.greatest_wh
    slack = 1e-6 * (1 + found.greatest_wh)
    assert found.greatest_wh <= used_wh + max(powers) * 24 * ahead + slack


# -- a typical week -------------------------------------------------------------------------------


def test_typical_week_is_the_middle_of_each_hour():
    days = days_of(MONDAY, [100, 200] + [0] * 5 + [300, 200] + [0] * 5 + [900, 200])

    monday, tuesday, wednesday, *_, sunday = typical_week(days)

    assert (monday.days, monday.power_w[8], monday.energy_wh) == (3, 300, 7200)
    assert (tuesday.days, tuesday.power_w[8]) == (3, 200)
    assert (wednesday.days, wednesday.power_w[8]) == (2, 0)
    assert sunday.days == 2


def test_typical_week_says_where_nothing_is_known():
    monday, tuesday, *_ = typical_week(days_of(MONDAY, [100]))

    assert monday.power_w == [100] * 24
    assert (tuesday.power_w, tuesday.energy_wh, tuesday.days) == ([None] * 24, None, 0)


def test_hour_that_the_clock_leaves_out_is_not_known():
    *_, sunday = typical_week(days_of(date(2026, 3, 29), [100]))

    assert sunday.power_w[2] is None
    assert sunday.power_w[3] == 100


# -- peaks ----------------------------------------------------------------------------------------


def test_highest_quarters_are_one_a_day_highest_first():
    quarters = []
    for ahead, peak in enumerate((3000, 5000, 4000)):
        quarters += quarters_of(
            MONDAY + timedelta(days=ahead),
            lambda hour, peak=peak: peak if hour in {18, 18.25} else 9,
        )

    found = highest_quarters(split_days(quarters, PARIS), 2)

    assert [(one.power_w, one.start.day, one.start.hour) for one in found] == [
        (5000, 8, 18),
        (4000, 9, 18),
    ]


def test_estimated_quarters_are_no_peaks():
    estimated = [Quarter(q.start, 9999, None) for q in quarters_of(MONDAY, lambda _: 1)]

    assert highest_quarters(split_days(estimated, PARIS), 3) == []

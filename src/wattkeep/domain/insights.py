"""What quarter-hours tell of a household: what is always on, a typical week, where a month goes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.domain.calendar import QUARTER, day_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

QUARTERS_AN_HOUR = 4
HOURS = range(24)
WEEKDAYS = range(7)
WEEK_DAYS = 7
# A day of which more is missing says little about what a day takes.
LEAST_KNOWN = 0.9
LEAST_DAYS = 3
LEAST_WEEKS = 2
# So many weeks back, people, seasons and devices are mostly what they are now.
WEEKS = 8

# What the meter cannot see: below these it shows 0. The 10 A type, told by its range, sees more.
BLIND_A = 0.02
BLIND_A_SMALL = 0.01
BLIND_W = 0.4
SMALL_RANGE_W = 2300


class Quarter(NamedTuple):
    """A quarter-hour on the site's clock; power is None where nothing was measured."""

    start: datetime
    energy_wh: float
    power_w: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """A local day's quarter-hours, as far as they are known."""

    day: date
    quarters: Sequence[Quarter]
    is_complete: bool

    @property
    def energy_wh(self) -> float:
        return sum(quarter.energy_wh for quarter in self.quarters)


def split_days(quarters: Iterable[Quarter], zone: ZoneInfo) -> list[Day]:
    """Return days in order, from quarter-hours in order; days without any are left out."""
    days = []
    for day, of_day in groupby(quarters, lambda quarter: quarter.start.date()):
        known = list(of_day)
        start, end = day_bounds(day, zone)
        days.append(Day(day, known, len(known) >= LEAST_KNOWN * ((end - start) / QUARTER)))
    return days


# -- always on ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AlwaysOn:
    """The power that is never off: the middle of the days' quietest hours, and both ends."""

    power_w: float
    least_w: float
    greatest_w: float
    days: int

    @property
    def energy_a_year_wh(self) -> float:
        return self.power_w * 24 * 365


def always_on(days: Iterable[Day]) -> AlwaysOn | None:
    """Return what the quietest hours of complete days say; None if there are too few.

    An hour, not a moment: a refrigerator that rests for a while is not switched off.
    """
    quietest = [
        found
        for day in days
        if day.is_complete and (found := _quietest_hour_w(day.quarters)) is not None
    ]
    if len(quietest) < LEAST_DAYS:
        return None
    return AlwaysOn(median(quietest), min(quietest), max(quietest), len(quietest))


def _quietest_hour_w(quarters: Sequence[Quarter]) -> float | None:
    """Return the least mean of four measured quarter-hours in a row."""
    means = []
    for first in range(len(quarters) - QUARTERS_AN_HOUR + 1):
        some = quarters[first : first + QUARTERS_AN_HOUR]
        powers = [quarter.power_w for quarter in some if quarter.power_w is not None]
        is_one_hour = some[-1].start - some[0].start == QUARTER * (QUARTERS_AN_HOUR - 1)
        if len(powers) == QUARTERS_AN_HOUR and is_one_hour:
            means.append(fmean(powers))
    return min(means, default=None)


def blind_floor_w(range_w: int, voltage: float) -> float:
    """Return the load below which a meter of this range shows nothing, at a power factor of 1."""
    least_a = BLIND_A_SMALL if range_w <= SMALL_RANGE_W else BLIND_A
    return max(BLIND_W, least_a * voltage)


# -- where the month goes -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a month will come to if its rest goes like one of the weeks before.

    `least` is by the thriftiest of them, `greatest` by the hungriest, `middle` by the one between.
    """

    used_wh: float
    least_wh: float
    middle_wh: float
    greatest_wh: float
    weeks: int


def month_outlook(
    used_wh: float, days: Iterable[Day], now: datetime, month_end: date
) -> Outlook | None:
    """Return where the month is heading; None if there are not two full weeks to go by.

    `now` is on the site's clock, `month_end` the first day of the next month. Whole weeks are
    compared, not days: what makes one day hungry often makes its whole week so, and a range made
    of single days would be narrower than life.
    """
    by_day = {day.day: day for day in days if day.is_complete}
    today = now.date()
    rests = [
        rest_wh
        for week in range(1, WEEKS + 1)
        if (rest_wh := _rest_like_week(by_day, today - timedelta(days=7 * week), now, month_end))
        is not None
    ]
    if len(rests) < LEAST_WEEKS:
        return None
    return Outlook(
        used_wh,
        used_wh + min(rests),
        used_wh + median(rests),
        used_wh + max(rests),
        len(rests),
    )


def _rest_like_week(
    by_day: Mapping[date, Day], first: date, now: datetime, month_end: date
) -> float | None:
    """Return the Wh from now to the month's end if each day is like that week's of its name.

    `first` is a day with today's name. None if a day of that week is not known.
    """
    week = [by_day.get(first + timedelta(days=ahead)) for ahead in range(WEEK_DAYS)]
    known = [day for day in week if day is not None]
    if len(known) < WEEK_DAYS:
        return None
    rest_wh = _later_than(known[0], now)
    days_left = (month_end - now.date()).days
    return rest_wh + sum(known[ahead % WEEK_DAYS].energy_wh for ahead in range(1, days_left))


def _later_than(day: Day, now: datetime) -> float:
    """Return what a day used after the time of day it is now, by its share of the quarter-hour."""
    of_day = timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
    later_wh = 0.0
    for quarter in day.quarters:
        begins = timedelta(hours=quarter.start.hour, minutes=quarter.start.minute)
        share = min(1.0, max(0.0, (begins + QUARTER - of_day) / QUARTER))
        later_wh += quarter.energy_wh * share
    return later_wh


# -- a typical week -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TypicalDay:
    """A weekday as it usually is: W by hour, None where nothing is known, and its energy."""

    weekday: int
    power_w: Sequence[float | None]
    energy_wh: float | None
    days: int


def typical_week(days: Iterable[Day]) -> list[TypicalDay]:
    """Return Monday to Sunday: of each hour the middle of all such hours, not their mean.

    One birthday party in eight Saturdays does not make every Saturday a feast.
    """
    complete: dict[int, list[Day]] = defaultdict(list)
    for day in days:
        if day.is_complete:
            complete[day.day.weekday()].append(day)
    return [_typical_day(weekday, complete[weekday]) for weekday in WEEKDAYS]


def _typical_day(weekday: int, days: Sequence[Day]) -> TypicalDay:
    by_hour: dict[int, list[float]] = defaultdict(list)
    for day in days:
        for hour, quarters in groupby(day.quarters, lambda quarter: quarter.start.hour):
            used_wh = [quarter.energy_wh for quarter in quarters]
            by_hour[hour].append(fmean(used_wh) * QUARTERS_AN_HOUR)
    return TypicalDay(
        weekday,
        [median(by_hour[hour]) if hour in by_hour else None for hour in HOURS],
        median(day.energy_wh for day in days) if days else None,
        len(days),
    )


# -- peaks ----------------------------------------------------------------------------------------


def highest_quarters(days: Iterable[Day], count: int) -> list[Quarter]:
    """Return the highest days' quarter-hours of the highest mean power, highest first."""
    tops = []
    for day in days:
        measured = [quarter for quarter in day.quarters if quarter.power_w is not None]
        if measured:
            tops.append(max(measured, key=_power))
    return sorted(tops, key=_power, reverse=True)[:count]


def _power(quarter: Quarter) -> float:
    return quarter.power_w or 0.0

"""What a person pages through: a day, a week, a month, a year, all there is, or any days."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from wattkeep.domain.calendar import By, day_start

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# More bars than this cannot be told apart; a year of days is less.
MOST_BARS = 400
# How long one bar is, in days: the shortest that its name allows.
DAYS_OF = {
    By.QUARTER: 1 / 96,
    By.HOUR: 1 / 24,
    By.DAY: 1,
    By.WEEK: 7,
    By.MONTH: 28,
    By.YEAR: 365,
}
ONE_DAY = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 1971, 2199


class Kind(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    ALL = "all"
    DAYS = "days"


USUAL_BARS = {
    Kind.DAY: By.HOUR,
    Kind.WEEK: By.DAY,
    Kind.MONTH: By.DAY,
    Kind.YEAR: By.MONTH,
}
# One step finer: what a bar is made of.
INSIDE = {
    By.YEAR: By.MONTH,
    By.MONTH: By.DAY,
    By.WEEK: By.DAY,
    By.DAY: By.HOUR,
    By.HOUR: By.QUARTER,
}
KIND_OF_BAR = {By.DAY: Kind.DAY, By.WEEK: Kind.WEEK, By.MONTH: Kind.MONTH, By.YEAR: Kind.YEAR}


@dataclass(frozen=True, slots=True)
class Period:
    """Local days from `first` to `last`, both part of it."""

    kind: Kind
    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return its start and its end in UTC, as a zone's clock has them."""
        return day_start(self.first, zone), day_start(self.last + ONE_DAY, zone)


def period_of(kind: Kind, day: date) -> Period:
    """Return the day, week, month or year that a date lies in."""
    if kind is Kind.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Period(kind, monday, monday + timedelta(days=6))
    if kind is Kind.MONTH:
        last = monthrange(day.year, day.month)[1]
        return Period(kind, day.replace(day=1), day.replace(day=last))
    if kind is Kind.YEAR:
        return Period(kind, date(day.year, 1, 1), date(day.year, 12, 31))
    return Period(Kind.DAY, day, day)


def any_days(first: date, last: date) -> Period:
    """Return the days between two dates, whichever is the earlier."""
    return Period(Kind.DAYS, min(first, last), max(first, last))


def all_months(first: date, today: date) -> Period:
    """Return whole months, from that in which everything began to this one."""
    return Period(Kind.ALL, first.replace(day=1), period_of(Kind.MONTH, max(first, today)).last)


def before(period: Period) -> Period | None:
    """Return the one that ends where this one begins; None where there is none."""
    if period.kind is Kind.ALL or period.first.year <= FIRST_YEAR:
        return None
    if period.kind is Kind.DAYS:
        return any_days(period.first - timedelta(days=period.days), period.first - ONE_DAY)
    return period_of(period.kind, period.first - ONE_DAY)


def after(period: Period) -> Period | None:
    """Return the one that begins where this one ends; None where there is none."""
    if period.kind is Kind.ALL or period.last.year >= LAST_YEAR:
        return None
    if period.kind is Kind.DAYS:
        return any_days(period.last + ONE_DAY, period.last + timedelta(days=period.days))
    return period_of(period.kind, period.last + ONE_DAY)


def year_before(period: Period) -> Period | None:
    """Return the same a year earlier: the same dates, for a week the same days of the week."""
    if period.kind is Kind.ALL or period.first.year <= FIRST_YEAR:
        return None
    if period.kind is Kind.WEEK:
        return period_of(Kind.WEEK, period.first - timedelta(days=364))
    if period.kind is Kind.DAYS:
        first = _year_earlier(period.first)
        return any_days(first, first + timedelta(days=period.days - 1))
    return period_of(period.kind, _year_earlier(period.first))


def bars_of(period: Period) -> list[By]:
    """Return what a period can be divided into: at least two bars, and not too many."""
    return [
        by
        for by, days in DAYS_OF.items()
        if period.days / days <= MOST_BARS and period.days >= 2 * days
    ]


def usual_bars(period: Period) -> By:
    """Return what a period is divided into unless somebody asks for something else."""
    possible = bars_of(period)
    usual = USUAL_BARS.get(period.kind)
    if usual is None:
        # About a month of bars.
        usual = min(possible, key=lambda by: abs(period.days / DAYS_OF[by] - 30))
    return usual


def _year_earlier(day: date) -> date:
    last = monthrange(day.year - 1, day.month)[1]
    return day.replace(year=day.year - 1, day=min(day.day, last))

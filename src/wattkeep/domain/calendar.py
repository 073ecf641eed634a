"""Local quarters, hours, days, weeks, months and years of a zone as UTC instants, DST included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Iterator

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Files among the zones that name no place.
NOT_ZONES = frozenset({"localtime", "Factory", "posixrules"})


class By(StrEnum):
    """What a span is divided into."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@lru_cache(maxsize=1)
def time_zone_names() -> tuple[str, ...]:
    """Return the IANA zones people choose from, sorted."""
    skipped = ("Etc/", "posix/", "right/", "SystemV/")
    return tuple(sorted(z for z in available_timezones() - NOT_ZONES if not z.startswith(skipped)))


def is_time_zone(name: str) -> bool:
    """Tell whether `name` is an IANA time zone that this system, and a browser, knows."""
    return name in available_timezones() and name not in NOT_ZONES


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, in UTC.

    Where the clock jumps over midnight, the day starts at the jump.
    """
    naive_midnight = datetime.combine(day, time.min)
    first = naive_midnight.replace(tzinfo=zone, fold=0)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive_midnight:
        return first.astimezone(UTC)
    # Midnight does not exist. By the offset before the jump it would be at the jump or after it.
    jump = naive_midnight.replace(tzinfo=UTC) - (first.utcoffset() or timedelta())
    while (jump - timedelta(minutes=1)).astimezone(zone).date() >= day:
        jump -= timedelta(minutes=1)
    return jump


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return a local day as [start, end) in UTC: 23, 24 or 25 hours on most days."""
    return day_start(day, zone), day_start(day + timedelta(days=1), zone)


def local_hours(day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Return the hours of a local day as [start, end) in UTC.

    They start where the wall clock shows a full hour, counted in elapsed time: 23 of them on the
    day the clock goes forward an hour, 25 when it goes back. A change by half an hour leaves a
    half-hour piece.
    """
    return list(pairwise(_clock_edges(day, zone, HOUR)))


def days_until(day: date, count: int) -> list[date]:
    """Return `count` days ending with `day`, oldest first."""
    return [day - timedelta(days=back) for back in range(count - 1, -1, -1)]


def periods(by: By, start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the edges, in UTC, of the local periods that [start, end) reaches into.

    The first is at or before `start`, the last at or after `end`; n periods have n + 1 edges. They
    follow each other without hole or overlap. Days and what is made of days begin where the date
    does, weeks on Mondays; hours and quarters begin where the wall clock shows a full one, in
    elapsed time, so a day has 23 or 25 hours where the clock is changed. A day that a zone left
    out has no period.
    """
    if end <= start:
        return []
    first_day = start.astimezone(zone).date()
    edges: list[datetime] = []
    for edge in _edges_from(by, first_day, zone):
        if edge <= start:
            edges[:] = [edge]
        elif edge > edges[-1]:
            edges.append(edge)
        if edge >= end:
            break
    return edges


def bounds(
    by: By, start: datetime, end: datetime, zone: ZoneInfo
) -> list[tuple[datetime, datetime]]:
    """Return the same periods as [start, end) each."""
    return list(pairwise(periods(by, start, end, zone)))


def _first_day(by: By, day: date) -> date:
    """Return the first day of the week, month or year that a day lies in."""
    if by is By.WEEK:
        return day - timedelta(days=day.weekday())
    if by is By.MONTH:
        return day.replace(day=1)
    if by is By.YEAR:
        return day.replace(month=1, day=1)
    return day


def _edges_from(by: By, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the edges of periods from that on which a day lies in, or with which it begins."""
    if by in {By.QUARTER, By.HOUR}:
        while True:
            yield from _clock_edges(day, zone, QUARTER if by is By.QUARTER else HOUR)
            day += timedelta(days=1)
    # So long that it ends in the next one, whatever the month.
    beyond = timedelta(days={By.DAY: 1, By.WEEK: 7, By.MONTH: 31, By.YEAR: 366}[by])
    while True:
        day = _first_day(by, day)
        yield day_start(day, zone)
        day += beyond


def _clock_edges(day: date, zone: ZoneInfo, step: timedelta) -> list[datetime]:
    """Return a local day's start and end, and where the clock shows a full step in between.

    Where the clock is changed, what follows is counted from there in elapsed time.
    """
    edge, end = day_bounds(day, zone)
    local = edge.astimezone(zone)
    if end - edge == DAY and local.time() == time.min:
        return [edge + step * number for number in range(DAY // step + 1)]
    edges = [edge] if edge < end else []
    while edge < end:
        local = edge.astimezone(zone)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        edge = min(edge + step - into % step, end)
        edges.append(edge)
    return edges

"""Local hours and days of a time zone as UTC instants, DST included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

HOUR = timedelta(hours=1)
# Files among the zones that name no place.
NOT_ZONES = frozenset({"localtime", "Factory", "posixrules"})


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
    start, end = day_bounds(day, zone)
    hours = []
    while start < end:
        local = start.astimezone(zone)
        into_hour = timedelta(
            minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        stop = min(start + HOUR - into_hour, end)
        hours.append((start, stop))
        start = stop
    return hours


def days_until(day: date, count: int) -> list[date]:
    """Return `count` days ending with `day`, oldest first."""
    return [day - timedelta(days=back) for back in range(count - 1, -1, -1)]

"""Whether a device is there, and whether its meter is."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

MISSED_REPORTS = 3
MOST_QUIET = timedelta(minutes=2)
# `last_seen` is written at most every 10 s, so it may be that much behind.
CONTACT_LAG = timedelta(seconds=10)


class Status(StrEnum):
    """What people are told of a device."""

    ONLINE = "online"
    SILENT = "silent"
    OFFLINE = "offline"
    NEVER = "never"


def quiet_limit(interval_s: int) -> timedelta:
    """Return how long a device may say nothing before it counts as gone."""
    return min(MISSED_REPORTS * timedelta(seconds=interval_s), MOST_QUIET)


def status_of(
    *, reading_at: datetime | None, seen_at: datetime | None, interval_s: int, now: datetime
) -> Status:
    """Return a device's status from its newest reading and its newest contact of any kind.

    A board that talks while no reading comes has a meter that does not answer.
    """
    limit = quiet_limit(interval_s)
    if reading_at is not None and now - reading_at <= limit:
        return Status.ONLINE
    if seen_at is not None and now - seen_at <= limit + CONTACT_LAG:
        return Status.SILENT
    return Status.NEVER if reading_at is None and seen_at is None else Status.OFFLINE

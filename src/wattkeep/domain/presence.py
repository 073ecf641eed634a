"""Whether a device is there, and whether its meter is."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

MISSED_REPORTS = 3
MOST_QUIET_S = 120
MOST_QUIET = timedelta(seconds=MOST_QUIET_S)
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
    return timedelta(seconds=min(MISSED_REPORTS * interval_s, MOST_QUIET_S))


def status_of(
    *, reading_at: datetime | None, seen_at: datetime | None, interval_s: int, now: datetime
) -> Status:
    """Return a device's status from its newest reading and its newest contact of any kind.

    A board that talks on after the last reading has a meter that does not answer. One whose last
    word was that reading is gone: a power cut takes both at once.
    """
    limit = quiet_limit(interval_s)
    if reading_at is not None and reading_at > now and seen_at is not None:
        # By a clock that is ahead: it came when the device was last heard.
        if now - seen_at <= limit + CONTACT_LAG:
            return Status.ONLINE
        reading_at = seen_at
    if reading_at is not None and now - reading_at <= limit:
        return Status.ONLINE
    if seen_at is None:
        return Status.NEVER if reading_at is None else Status.OFFLINE
    talked_on = reading_at is None or seen_at - reading_at > limit / (2 * MISSED_REPORTS)
    if talked_on and now - seen_at <= limit + CONTACT_LAG:
        return Status.SILENT
    return Status.OFFLINE

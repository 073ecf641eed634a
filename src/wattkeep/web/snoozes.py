"""How long an incident may be put aside, and until when that is."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as lazy

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MONDAY = "monday"
# When a working week begins for most people.
MONDAY_AT = time(7)
SNOOZES = (
    ("1", lazy("1 hour")),
    ("4", lazy("4 hours")),
    ("24", lazy("1 day")),
    (MONDAY, lazy("Until Monday, 7:00")),
    ("168", lazy("1 week")),
)


def snooze_until(asked: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant that one of SNOOZES means; the shortest for anything else."""
    if asked == MONDAY:
        return next_monday(now, zone)
    hours = int(asked) if asked in dict(SNOOZES) else int(SNOOZES[0][0])
    return now + timedelta(hours=hours)


def next_monday(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the next Monday morning on a zone's clock, which is never now."""
    local = now.astimezone(zone)
    monday = local.date() + timedelta(days=(7 - local.weekday()) % 7)
    morning = datetime.combine(monday, MONDAY_AT, zone)
    if morning <= local:
        morning = datetime.combine(monday + timedelta(days=7), MONDAY_AT, zone)
    return morning

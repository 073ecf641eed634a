"""How many messages a day a channel may get."""

from __future__ import annotations

from datetime import time
from enum import Enum
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from wattkeep.alerts.notify import Kind, site_of, tomorrow_at
from wattkeep.domain.calendar import day_start
from wattkeep.monitoring.languages import speak_to
from wattkeep.monitoring.models import Notification, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wattkeep.monitoring.models import NotificationChannel

# What was held back is told then, if it is still so.
MORNING = time(8, 0)
COUNTED = (Kind.OPENED, Kind.RECOVERED, Kind.REMINDER)


class Allowance(Enum):
    """Whether a message may go out today."""

    FREE = "free"
    LAST = "last"
    NONE = "none"


def allowance(
    channel: NotificationChannel, group: Sequence[Notification], now: datetime
) -> Allowance:
    """Return whether a channel's day has room for this message; urgent ones always have."""
    if any(row.alert is None or row.alert.severity >= Severity.CRITICAL for row in group):
        return Allowance.FREE
    sent = _sent_today(channel, _zone(group), now)
    if sent >= channel.daily_cap:
        return Allowance.NONE
    return Allowance.LAST if sent == channel.daily_cap - 1 else Allowance.FREE


def put_off(group: Sequence[Notification], now: datetime) -> None:
    """Hold a message back until tomorrow morning."""
    again_at = tomorrow_at(MORNING, _zone(group), now)
    with speak_to(group[0].channel.user_id):
        error = _("Held back: this channel has had its messages of the day.")
    Notification.objects.filter(pk__in=[row.pk for row in group]).update(
        not_before=again_at, error=error
    )


def _zone(group: Sequence[Notification]) -> ZoneInfo:
    return next(site_of(row.alert).zone for row in group if row.alert is not None)


def _sent_today(channel: NotificationChannel, zone: ZoneInfo, now: datetime) -> int:
    since = day_start(now.astimezone(zone).date(), zone)
    told = channel.notifications.filter(delivered_at__gte=since, kind__in=COUNTED)
    claims = told.values_list("claim", "alert__severity").order_by()
    urgent = {claim for claim, severity in claims if severity >= Severity.CRITICAL}
    return len({claim for claim, _ in claims} - urgent)

"""What of the outbox is still worth telling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattkeep.alerts.notify import Kind, site_of
from wattkeep.monitoring.access import people_of
from wattkeep.monitoring.models import Notification

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from wattkeep.monitoring.models import Alert, NotificationChannel

OFF = "The channel is switched off."
OVER = "It was over before it was told."
TAKEN_CARE_OF = "Somebody takes care of it."
EXPLAINED = "The site's own incident says it."
NEVER_TOLD = "That it began was not told either."
SNOOZED = "It was snoozed."
NOT_THEIRS = "You do not look after this site any more, or want to hear nothing of it."


def sort_out(
    channel: NotificationChannel, due: QuerySet[Notification], now: datetime
) -> list[Notification]:
    """Return which due rows of a channel are to be told; withhold or put off the others."""
    rows = list(
        due.select_related(
            "alert__device__site", "alert__device__user", "alert__site__owner", "alert__rule"
        ).order_by("not_before", "pk")
    )
    openings = _openings(channel, rows)
    return [row for row in rows if _is_told(channel, row, openings, now)]


def _openings(channel: NotificationChannel, rows: list[Notification]) -> dict[int, Notification]:
    """Return alert → the row that tells its beginning, for those that are over."""
    ids = [row.alert.pk for row in rows if row.alert and row.kind == Kind.RECOVERED]
    if not ids:
        return {}
    found = channel.notifications.filter(kind=Kind.OPENED, alert_id__in=ids)
    # An incident that opened again has one row a state: the newest counts.
    return {row.alert_id: row for row in found.order_by("state_number") if row.alert_id}


def _is_told(
    channel: NotificationChannel,
    row: Notification,
    openings: dict[int, Notification],
    now: datetime,
) -> bool:
    if not channel.is_enabled:
        return _withhold(row, OFF, now)
    if row.alert is None:
        return True
    site = site_of(row.alert)
    if channel.user_id != site.owner_id and channel.user_id not in people_of(site):
        return _withhold(row, NOT_THEIRS, now)
    if row.kind == Kind.RECOVERED:
        return _is_end_told(row, row.alert, openings.get(row.alert.pk), now)
    return _is_beginning_told(row, row.alert, now)


def _is_beginning_told(row: Notification, alert: Alert, now: datetime) -> bool:
    # What a channel could not be told while it lasted is told once, with its end.
    if alert.is_resolved and (row.attempts == 0 or row.kind == Kind.REMINDER):
        return _withhold(row, OVER, now)
    if alert.is_resolved:
        return True
    if alert.acknowledged_at is not None:
        return _withhold(row, TAKEN_CARE_OF, now)
    if alert.muted_by_id is not None:
        return _withhold(row, EXPLAINED, now)
    if alert.snoozed_until is not None and alert.snoozed_until > now:
        return _put_off(row, alert.snoozed_until, SNOOZED)
    return True


def _is_end_told(
    row: Notification, alert: Alert, opening: Notification | None, now: datetime
) -> bool:
    if opening is None or opening.withheld_at is not None or opening.failed_at is not None:
        return _withhold(row, NEVER_TOLD, now)
    if opening.delivered_at is None and opening.attempts == 0:
        _withhold(opening, OVER, now)
        return _withhold(row, OVER, now)
    if alert.snoozed_until is not None and alert.snoozed_until > now:
        return _withhold(row, SNOOZED, now)
    if opening.delivered_at is None and opening.not_before > now:
        # The channel does not answer: both go together when the beginning is tried again.
        return _put_off(row, opening.not_before, "")
    return True


def _withhold(row: Notification, why: str, now: datetime) -> bool:
    Notification.objects.filter(pk=row.pk).update(withheld_at=now, error=why, claimed_until=None)
    return False


def _put_off(row: Notification, until: datetime, why: str) -> bool:
    Notification.objects.filter(pk=row.pk).update(not_before=until, error=why)
    return False

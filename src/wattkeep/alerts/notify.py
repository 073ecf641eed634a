"""Queueing what people are told of an incident."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from wattkeep.monitoring.access import people_of
from wattkeep.monitoring.models import Alert, Notification, NotificationChannel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from django.db.models import QuerySet

    from wattkeep.monitoring.models import AlertRule, Site

Kind = Notification.Kind
# What happens together at a site within this time is one message.
GATHER = timedelta(seconds=10)
WAITING = Q(delivered_at__isnull=True, failed_at__isnull=True, withheld_at__isnull=True)


def site_of(alert: Alert) -> Site:
    """Return where an incident is."""
    if alert.device is not None:
        return alert.device.site
    if alert.site is None:
        raise ValueError(f"incident {alert.pk} has neither device nor site")
    return alert.site


def queue(alert: Alert, kind: str, now: datetime) -> None:
    """Put an incident's state into the outbox of every channel that fits; twice does nothing.

    To be called inside the transaction that changed the incident. That one is over goes to the
    channels that were, or are about to be, told that it began.
    """
    if kind == Kind.RECOVERED:
        told = Notification.objects.filter(
            alert=alert, kind=Kind.OPENED, withheld_at__isnull=True, failed_at__isnull=True
        )
        channel_ids: Iterable[int] = told.values_list("channel_id", flat=True)
    else:
        channel_ids = _fitting(alert).values_list("pk", flat=True)
    _put(alert, kind, alert.state_number, channel_ids, now)


def queue_reminders(now: datetime) -> None:
    """Queue the news that what somebody snoozed is still so, once for each time it was snoozed."""
    reminded = Notification.objects.filter(
        alert=OuterRef("pk"), kind=Kind.REMINDER, created_at__gte=OuterRef("snoozed_until")
    )
    told = Notification.objects.filter(
        alert=OuterRef("pk"), kind=Kind.OPENED, delivered_at__lt=OuterRef("snoozed_until")
    )
    still_so = Alert.objects.filter(
        ~Exists(reminded),
        Exists(told),
        is_resolved=False,
        snoozed_until__lte=now,
        acknowledged_at__isnull=True,
    )
    for alert in still_so.select_related("device__site", "device__user", "site__owner", "rule"):
        rows = alert.notifications.all()
        channel_ids = rows.filter(kind=Kind.OPENED, delivered_at__isnull=False).values_list(
            "channel_id", flat=True
        )
        times = rows.filter(kind=Kind.REMINDER).values("created_at").distinct().count()
        _put(alert, Kind.REMINDER, times + 1, channel_ids, now)


def quiet_end(rule: AlertRule | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return when the quiet hours end that a rule is in; None outside of them."""
    if rule is None or rule.quiet_from is None or rule.quiet_until is None:
        return None
    local = now.astimezone(zone)
    start, end, clock = rule.quiet_from, rule.quiet_until, local.time()
    is_quiet = start <= clock < end if start < end else clock >= start or clock < end
    if not is_quiet:
        return None
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, zone)


def tomorrow_at(clock: time, zone: ZoneInfo, now: datetime) -> datetime:
    """Return a local time of the next day."""
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), clock, zone)


def _fitting(alert: Alert) -> QuerySet[NotificationChannel]:
    site = site_of(alert)
    return NotificationChannel.objects.filter(
        Q(sites__isnull=True) | Q(sites=site),
        user_id__in=people_of(site),
        is_enabled=True,
        minimum_severity__lte=alert.severity,
    ).distinct()


def _put(alert: Alert, kind: str, number: int, channel_ids: Iterable[int], now: datetime) -> None:
    site = site_of(alert)
    # The site's own incident already stands for many.
    gathered = now if alert.device is None else now + GATHER
    not_before = quiet_end(alert.rule, site.zone, now) or gathered
    Notification.objects.bulk_create(
        [
            Notification(
                channel_id=channel_id,
                alert=alert,
                kind=kind,
                state_number=number,
                group_key=f"site-{site.pk}",
                subject=alert.message[:200],
                created_at=now,
                not_before=not_before,
            )
            for channel_id in channel_ids
        ],
        ignore_conflicts=True,
    )

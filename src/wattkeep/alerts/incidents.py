"""Opening, following and closing incidents, and what people do with them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from wattkeep.alerts.notify import queue
from wattkeep.alerts.wording import opening_message
from wattkeep.monitoring.access import devices_for, sites_for
from wattkeep.monitoring.languages import speak_to
from wattkeep.monitoring.models import Alert, AlertRule, Device, Notification, Role

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from wattkeep.monitoring.access import Principal

logger = logging.getLogger(__name__)

OPENED, RECOVERED = Notification.Kind.OPENED, Notification.Kind.RECOVERED


@dataclass(frozen=True, slots=True)
class Course:
    """What was measured of an incident; `ended_at` is None while it goes on.

    `relapses` counts how often it came back, `recovery_hold_s` is what that made of the hold.
    """

    started_at: datetime
    value: float
    peak: float
    last: float
    last_at: datetime
    ended_at: datetime | None = None
    relapses: int = 0
    is_flapping: bool = False
    recovery_hold_s: int = 0


def incidents_of(who: Principal, at_least: Role = Role.VIEWER) -> QuerySet[Alert]:
    """Return the incidents of where `who` has this role or more, newest first."""
    own = Q(device__in=devices_for(who, at_least).values("pk"))
    own |= Q(site__in=sites_for(who, at_least).values("pk"))
    return Alert.objects.filter(own).select_related(
        "device__site", "site", "rule", "acknowledged_by", "snoozed_by", "resolved_by"
    )


def record(  # noqa: PLR0913 - an incident is that much, all of it named
    rule: AlertRule,
    course: Course,
    now: datetime,
    *,
    device: Device | None = None,
    message: str = "",
    cause: str = "",
    muted_by: Alert | None = None,
    is_fresh: bool = True,
) -> Alert | None:
    """Store an incident and announce it if it is true now; None if another process was first.

    `is_fresh` tells that the last sample is of this moment: what came late is announced only by
    a later sample that says that it is still so.
    """
    if not message:
        owner_id = device.user_id if device else rule.site.owner_id  # type: ignore[union-attr]
        with speak_to(owner_id):
            message = opening_message(rule, course.value)
    alert = Alert(
        rule=rule,
        device=device,
        site_id=None if device else rule.site_id,
        alert_type=rule.alert_type,
        severity=rule.severity,
        message=message,
        noticed_at=now,
        cause=cause,
        muted_by=muted_by,
        **_bounds(course),
        **_progress(course),
    )
    try:
        with transaction.atomic():
            if device is not None and not Device.objects.filter(pk=device.pk).exists():
                return None
            alert.save(force_insert=True)
            if is_fresh and course.ended_at is None:
                announce(alert, now)
    except IntegrityError:
        logger.debug("rule %s: another process opened the incident, or it was deleted", rule.pk)
        return None
    return alert


def record_of(
    rule_id: int, device_id: int, course: Course, now: datetime, *, is_fresh: bool
) -> Alert | None:
    """Store an incident of a device, as `record` does; None also if rule or device is gone."""
    rule = AlertRule.objects.filter(pk=rule_id).first()
    device = Device.objects.select_related("site").filter(pk=device_id).first()
    if rule is None or device is None:
        return None
    return record(rule, course, now, device=device, is_fresh=is_fresh)


def announce(alert: Alert, now: datetime) -> None:
    """Queue the news that an incident is open, once; not of a muted one."""
    if alert.muted_by_id is not None:
        return
    with transaction.atomic():
        waiting = Alert.objects.filter(
            pk=alert.pk, is_resolved=False, announced_at__isnull=True, muted_by__isnull=True
        )
        if waiting.update(announced_at=now):
            alert.announced_at = now
            queue(alert, OPENED, now)


def follow(alert_id: int, course: Course, *, is_above: bool) -> None:
    """Write what an open incident has come to: peak, last value, flapping."""
    open_alert = Alert.objects.filter(pk=alert_id, is_resolved=False)
    open_alert.update(**_progress(course))
    worse = Q(peak_value__lt=course.peak) if is_above else Q(peak_value__gt=course.peak)
    open_alert.filter(worse | Q(peak_value__isnull=True)).update(peak_value=course.peak)


def close(alert_id: int, ended_at: datetime, now: datetime) -> bool:
    """Close an incident that recovered, and say so if it was announced; False if it was closed."""
    with transaction.atomic():
        closed = Alert.objects.filter(pk=alert_id, is_resolved=False).update(
            is_resolved=True, resolved_at=ended_at, state_number=F("state_number") + 1
        )
        if closed:
            alert = Alert.objects.select_related("device__site", "site", "rule").get(pk=alert_id)
            if alert.announced_at is not None and alert.resolved_at is not None:
                queue(alert, RECOVERED, now)
    return bool(closed)


def widen(alert: Alert, course: Course, *, is_above: bool) -> None:
    """Let an incident cover what late readings add to it."""
    worst = max if is_above else min
    if alert.is_resolved and alert.resolved_at and course.ended_at:
        alert.resolved_at = max(alert.resolved_at, course.ended_at)
    alert.created_at = min(alert.created_at, course.started_at)
    alert.peak_value = (
        course.peak if alert.peak_value is None else worst(alert.peak_value, course.peak)
    )
    alert.save(update_fields=["created_at", "resolved_at", "peak_value"])


def acknowledge(alert: Alert, user: User, now: datetime) -> None:
    """Note that somebody takes care of it; no reminders from then on."""
    alert.acknowledged_at, alert.acknowledged_by = now, user
    alert.save(update_fields=["acknowledged_at", "acknowledged_by"])


def snooze(alert: Alert, user: User, until: datetime, now: datetime) -> None:  # noqa: ARG001
    """Keep it quiet until an instant."""
    alert.snoozed_until, alert.snoozed_by = until, user
    alert.save(update_fields=["snoozed_until", "snoozed_by"])


def resolve(alert: Alert, user: User, now: datetime) -> bool:
    """Close it by hand; False if it was closed already.

    While the breach goes on it stays closed: only after it has been over may it open again.
    """
    closed = Alert.objects.filter(pk=alert.pk, is_resolved=False).update(
        is_resolved=True, resolved_at=now, resolved_by=user, state_number=F("state_number") + 1
    )
    alert.refresh_from_db()
    return bool(closed)


def retire(rule: AlertRule, now: datetime) -> None:
    """Close what a rule has open, because it is switched off or about to go; nobody is told."""
    rule.alerts.filter(is_resolved=False).update(
        is_resolved=True, resolved_at=now, state_number=F("state_number") + 1
    )


def _bounds(course: Course) -> dict[str, Any]:
    return {
        "created_at": course.started_at,
        "value": course.value,
        "peak_value": course.peak,
        "is_resolved": course.ended_at is not None,
        "resolved_at": course.ended_at,
    }


def _progress(course: Course) -> dict[str, Any]:
    return {
        "last_value": course.last,
        "last_at": course.last_at,
        "relapses": course.relapses,
        "is_flapping": course.is_flapping,
        "recovery_hold_s": course.recovery_hold_s,
    }

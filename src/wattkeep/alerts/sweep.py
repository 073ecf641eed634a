"""What no reading brings about: silence, recoveries that elapse, budgets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import F, Q

from wattkeep.alerts.budgets import check_budgets, fit_budgets
from wattkeep.alerts.incidents import close
from wattkeep.alerts.presence import check_presence
from wattkeep.alerts.rules import READING_METRICS, Metric, reading_rule
from wattkeep.alerts.stored import kept_since, newest_stored
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.monitoring.models import Alert, SweepMark

if TYPE_CHECKING:
    from datetime import datetime

# A longer pause between two sweeps means that this server was not there to hear anybody.
MOST_PAUSE = timedelta(seconds=30)
BUDGETS_EVERY_MIN = 5


def sweep(now: datetime) -> None:
    """Open and close what only time tells; to be called every few seconds, by any process."""
    mark, before = _listen(now)
    check_presence(now, mark.listening_since)
    # What is in no hurry has its turn once a minute.
    if before is None or before.replace(second=0, microsecond=0) != now.replace(
        second=0, microsecond=0
    ):
        close_forgotten(now)
        close_elapsed(now)
        if before is None or now.minute % BUDGETS_EVERY_MIN == 0:
            fit_budgets(now)
            check_budgets(now)


def close_forgotten(now: datetime) -> None:
    """Close what nobody judges any more: rules that are gone or off, and falls of a counter."""
    is_open = Alert.objects.filter(is_resolved=False)
    closed = {"is_resolved": True, "state_number": F("state_number") + 1}
    nobodys = Q(rule__isnull=True) | Q(rule__is_enabled=False) | Q(device__is_active=False)
    is_open.filter(nobodys).update(resolved_at=now, **closed)
    for alert in is_open.filter(rule__metric=Metric.COUNTER).select_related("rule"):
        hold = timedelta(seconds=alert.rule.recovery_hold_s if alert.rule else 0)
        if alert.created_at + hold <= now:
            # A fall is over as it happens; it stays open for a while to be seen.
            Alert.objects.filter(pk=alert.pk).update(resolved_at=alert.created_at, **closed)


def close_elapsed(now: datetime) -> None:
    """Close incidents that were recovering when the readings stopped, after their hold."""
    is_open = Alert.objects.filter(
        is_resolved=False, device__isnull=False, rule__metric__in=READING_METRICS
    )
    for alert in is_open.select_related("device", "rule"):
        if alert.device is None or alert.rule is None or alert.rule.threshold is None:
            continue
        rule = reading_rule(alert.rule, alert.device.interval_s)
        newest = newest_stored(alert.device.pk)
        if newest is None or to_ms(now) - newest[0] <= rule.limits.most_gap_ms:
            continue
        since_ms = kept_since(alert.device.pk, rule, newest[0])
        held_ms = rule.limits.hold_after(alert.relapses)
        if since_ms is not None and to_ms(now) - since_ms >= held_ms:
            close(alert.pk, from_ms(since_ms), now)


def _listen(now: datetime) -> tuple[SweepMark, datetime | None]:
    """Note that this installation is there; return the mark, and when it last was."""
    mark, is_new = SweepMark.objects.get_or_create(
        pk=1, defaults={"listening_since": now, "swept_at": now}
    )
    if is_new:
        return mark, None
    before = mark.swept_at
    # Another process may have swept a moment later than this one asked for the time.
    if abs(now - before) > MOST_PAUSE:
        mark.listening_since = now
        mark.save(update_fields=["listening_since"])
    mark.swept_at = now
    mark.save(update_fields=["swept_at"])
    return mark, before

"""Making a rule's incidents agree with the stored readings, whoever stored them and when.

A process sees only the readings it stored itself, in the order they came. So its memory says
when to look; what is there is decided by the readings in the database. That makes three
processes with the same device, a restart, and a backlog that comes late one and the same case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db.models import Q

from wattkeep.alerts.incidents import Course, record_of, widen
from wattkeep.alerts.stored import samples_between
from wattkeep.domain.incidents import Change, Phase, State, step
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.monitoring.models import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattkeep.alerts.rules import ReadingRule
    from wattkeep.domain.incidents import Limits


@dataclass(frozen=True, slots=True)
class Settled:
    """Where the readings leave a rule; `alert` is its open incident.

    Without one an open `state` is of a breach that somebody closed by hand.
    """

    state: State
    alert: Alert | None


def settle(device_id: int, rule: ReadingRule, first_ms: int, last_ms: int, now_ms: int) -> Settled:
    """Judge the stored readings from `first_ms` on, and open, close or widen incidents by them.

    Reads on after `last_ms` until nothing is open or nothing more is stored.
    """
    state = _inherited(device_id, rule, first_ms)
    alert: Alert | None = None
    opened = math.nan
    for at_ms, value in samples_between(device_id, rule, first_ms):
        state, change = step(rule.limits, state, at_ms, value)
        if change is Change.OPENED:
            opened = state.last
        elif change is Change.CLOSED:
            _reconcile(device_id, rule, _course(rule.limits, state, opened, state.ended_ms), now_ms)
        if at_ms >= last_ms and not state.is_open:
            break
    if state.is_open:
        course = _course(rule.limits, state, opened)
        is_true_now = state.phase is Phase.OPEN and is_fresh(rule, state, now_ms)
        alert = _reconcile(device_id, rule, course, now_ms, is_fresh=is_true_now)
    return Settled(state, alert)


def is_fresh(rule: ReadingRule, state: State, now_ms: int) -> bool:
    """Tell whether a state's last sample says what is true now."""
    return now_ms - state.last_ms <= rule.limits.most_gap_ms


def course_of(limits: Limits, state: State) -> Course:
    """Return what an open incident has come to."""
    return _course(limits, state, state.last)


def state_of(alert: Alert) -> State:
    """Return the state that an open incident's row tells."""
    peak = alert.value if alert.peak_value is None else alert.peak_value
    last = alert.value if alert.last_value is None else alert.last_value
    start_ms = to_ms(alert.created_at)
    return State(
        phase=Phase.OPEN,
        since_ms=start_ms,
        start_ms=start_ms,
        last_ms=to_ms(alert.last_at or alert.created_at),
        last=last,
        peak=peak,
        relapses=alert.relapses,
    )


def ended_state(alert: Alert, last_ms: int) -> State:
    """Return the state after an incident that is over."""
    ended_ms = to_ms(alert.resolved_at or alert.created_at)
    return State(last_ms=last_ms, relapses=alert.relapses, ended_ms=ended_ms)


def _inherited(device_id: int, rule: ReadingRule, first_ms: int) -> State:
    before = Alert.objects.filter(
        rule_id=rule.pk, device_id=device_id, is_resolved=True, resolved_at__lte=from_ms(first_ms)
    )
    last = before.order_by("-created_at").first()
    return State() if last is None else replace(ended_state(last, 0), last_ms=first_ms - 1)


def _course(limits: Limits, state: State, opened: float, ended_ms: int | None = None) -> Course:
    return Course(
        started_at=from_ms(state.start_ms),
        value=opened,
        peak=state.peak,
        last=state.last,
        last_at=from_ms(state.last_ms),
        ended_at=None if ended_ms is None else from_ms(ended_ms),
        relapses=state.relapses,
        is_flapping=state.is_flapping,
        recovery_hold_s=limits.hold_after(state.relapses) // 1000,
    )


def _reconcile(
    device_id: int, rule: ReadingRule, course: Course, now_ms: int, *, is_fresh: bool = False
) -> Alert | None:
    """Make an incident of a course, or the one that overlaps it cover it; return it if open."""
    known = next(_overlapping(device_id, rule, course), None)
    if known is None:
        alert = record_of(rule.pk, device_id, course, from_ms(now_ms), is_fresh=is_fresh)
        known = alert or next(_overlapping(device_id, rule, course), None)
        if alert is not None:
            return alert if not alert.is_resolved else None
        if known is None:
            return None
    widen(known, course, is_above=rule.limits.is_above)
    if not known.is_resolved:
        return known
    if course.ended_at is not None or known.resolved_by_id is not None or not known.resolved_at:
        return None
    # It was closed, and came back before anybody could know.
    again = replace(course, started_at=max(course.started_at, known.resolved_at))
    return record_of(rule.pk, device_id, again, from_ms(now_ms), is_fresh=is_fresh)


def _overlapping(device_id: int, rule: ReadingRule, course: Course) -> Iterator[Alert]:
    alerts = Alert.objects.filter(
        Q(resolved_at__isnull=True) | Q(resolved_at__gte=course.started_at),
        rule_id=rule.pk,
        device_id=device_id,
    )
    if course.ended_at is not None:
        alerts = alerts.filter(created_at__lte=course.ended_at)
    return alerts.order_by("is_resolved", "-created_at").iterator()

"""Energy budgets of the day and the month."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wattkeep.alerts.incidents import Course, record
from wattkeep.alerts.rules import Metric
from wattkeep.domain.calendar import day_start
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import slot_start
from wattkeep.history.consumption import to_kwh, used_between
from wattkeep.history.reach import first_slots
from wattkeep.monitoring.models import Alert, AlertRule, Device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.monitoring.models import Site

BUDGETS = (Metric.ENERGY_DAY, Metric.ENERGY_MONTH)
DAYS_TO_FIT = 14
FITTED_AT_ONCE = 5
# A budget is set this far above the mean.
DAY_FACTOR, MONTH_FACTOR = 2.0, 1.5
DAYS_A_MONTH = 30.4


def period_start(metric: str, site: Site, now: datetime) -> datetime:
    """Return when the site's local day or month began."""
    today = now.astimezone(site.zone).date()
    first = today if metric == Metric.ENERGY_DAY else today.replace(day=1)
    return day_start(first, site.zone)


def used_kwh(devices: Sequence[Device], start: datetime, end: datetime) -> float:
    """Return what devices used together; the one place where budgets ask for consumption."""
    until = from_ms(-slot_start(-to_ms(end)))
    used = used_between(devices, [start, until])
    return to_kwh(sum(energy.total_mwh for (energy,) in used.values()))


def check_budgets(now: datetime) -> None:
    """Open an incident where a budget is used up, and close those of the period before."""
    rules = AlertRule.objects.filter(is_enabled=True, metric__in=BUDGETS, threshold__isnull=False)
    is_open = {
        (one.rule_id, one.device_id): one
        for one in Alert.objects.filter(is_resolved=False, rule__metric__in=BUDGETS)
    }
    for rule in rules.select_related("device__site", "site"):
        site = rule.device.site if rule.device else rule.site
        if site is None:
            continue
        start = period_start(rule.metric, site, now)
        alert = is_open.get((rule.pk, rule.device_id))
        if alert is not None and alert.created_at < start:
            # A new day or month is no recovery that anybody waits for.
            Alert.objects.filter(pk=alert.pk, is_resolved=False).update(
                is_resolved=True, resolved_at=start, state_number=alert.state_number + 1
            )
            alert = None
        if alert is None:
            _check(rule, _metered(rule), start, now)


def fit_budgets(now: datetime) -> None:
    """Set the budgets that wait for a fortnight of readings, a few devices at a time."""
    waiting = AlertRule.objects.filter(
        metric__in=BUDGETS, threshold__isnull=True, device__isnull=False
    ).select_related("device__site")
    waiting_for = [(rule, rule.device) for rule in waiting if rule.device is not None]
    begun = first_slots(sorted({device.pk for _, device in waiting_for}))
    since = now - timedelta(days=DAYS_TO_FIT)
    ready = [(rule, device) for rule, device in waiting_for if begun.get(device.pk, now) <= since]
    for rule, device in ready[:FITTED_AT_ONCE]:
        end = period_start(Metric.ENERGY_DAY, device.site, now)
        mean_kwh = used_kwh([device], end - timedelta(days=DAYS_TO_FIT), end) / DAYS_TO_FIT
        factor = DAY_FACTOR if rule.metric == Metric.ENERGY_DAY else MONTH_FACTOR * DAYS_A_MONTH
        budget_kwh = max(math.ceil(mean_kwh * factor), 1)
        AlertRule.objects.filter(pk=rule.pk, threshold__isnull=True).update(threshold=budget_kwh)


def _metered(rule: AlertRule) -> list[Device]:
    """Return what a rule's budget is of: a device, or a site's meters that sit behind no other."""
    if rule.device is not None:
        return [rule.device]
    return list(Device.objects.filter(site=rule.site, parent__isnull=True))


def _check(rule: AlertRule, devices: list[Device], start: datetime, now: datetime) -> None:
    if rule.threshold is None or not devices:
        return
    if rule.alerts.filter(device=rule.device, created_at__gte=start).exists():
        # Told and closed by hand: once a period is enough.
        return
    used = used_kwh(devices, start, now)
    if used > rule.threshold:
        course = Course(now, value=used, peak=used, last=used, last_at=now)
        record(rule, course, now, device=rule.device)

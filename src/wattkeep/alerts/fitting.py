"""Setting the thresholds that wait for a device's first readings."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from django.db import transaction

from wattkeep.alerts.rules import Metric
from wattkeep.domain.default_rules import voltage_limits
from wattkeep.ledger.lookups import first_voltages
from wattkeep.monitoring.models import AlertRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wattkeep.alerts.rules import WatchedDevice

READINGS_NEEDED = 5
READINGS_USED = 50
LEAST_MAINS_V = 80.0


def fit_voltages(watched: Iterable[WatchedDevice]) -> set[int]:
    """Set devices' voltage limits by the mains they are on; return those that have them now.

    Of the others too little is stored. Nobody is told to read again: a process that has not heard
    of it comes here itself.
    """
    unfitted = {one.pk: one.unfitted for one in watched}
    voltages = first_voltages(list(unfitted), LEAST_MAINS_V, READINGS_USED)
    fitted = {pk: median(some) for pk, some in voltages.items() if len(some) >= READINGS_NEEDED}
    limits: dict[tuple[float, float], list[int]] = defaultdict(list)
    for pk, usual_v in fitted.items():
        for rule in unfitted[pk]:
            if rule.metric == Metric.VOLTAGE:
                limits[voltage_limits(rule.alert_type, usual_v)].append(rule.pk)
    if limits:
        with transaction.atomic():
            for (threshold, recovery), rules in limits.items():
                AlertRule.objects.filter(pk__in=rules, threshold__isnull=True).update(
                    threshold=threshold, recovery_threshold=recovery
                )
    return set(fitted)

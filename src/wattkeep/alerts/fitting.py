"""Setting the thresholds that wait for a device's first readings."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from wattkeep.alerts.rules import Metric
from wattkeep.domain.default_rules import voltage_limits
from wattkeep.monitoring.models import AlertRule, EnergyReading

if TYPE_CHECKING:
    from wattkeep.alerts.rules import WatchedDevice

READINGS_NEEDED = 5
READINGS_USED = 50
LEAST_MAINS_V = 80.0


def fit_voltages(watched: WatchedDevice) -> bool:
    """Set a device's voltage limits by the mains it is on; False while too little is stored.

    Nobody is told to read again: a process that has not heard of it comes here itself.
    """
    first = EnergyReading.objects.filter(
        device_id=watched.device.pk, voltage__gte=LEAST_MAINS_V
    ).order_by("timestamp")
    found = first.values_list("voltage", flat=True)[:READINGS_USED]
    voltages = [voltage for voltage in found if voltage is not None]
    if len(voltages) < READINGS_NEEDED:
        return False
    for rule in watched.unfitted:
        if rule.metric != Metric.VOLTAGE:
            continue
        threshold, recovery = voltage_limits(rule.alert_type, median(voltages))
        AlertRule.objects.filter(pk=rule.pk, threshold__isnull=True).update(
            threshold=threshold, recovery_threshold=recovery
        )
    return True

"""What a rule may say, refused in words that need no manual."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from wattkeep.alerts.rules import READING_METRICS, Metric
from wattkeep.alerts.wording import UNITS
from wattkeep.monitoring.models import AlertRule, AlertType
from wattkeep.monitoring.wording import short_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DAY_S = 86_400
# Least and most of each metric's threshold.
RANGES = {
    Metric.POWER: (1.0, 1_000_000.0),
    Metric.VOLTAGE: (50.0, 500.0),
    Metric.CURRENT: (0.1, 1_000.0),
    Metric.POWER_FACTOR: (0.01, 1.0),
    Metric.FREQUENCY_OFF: (0.05, 5.0),
    Metric.ENERGY_DAY: (0.01, 1_000_000.0),
    Metric.ENERGY_MONTH: (0.01, 10_000_000.0),
    Metric.COUNTER: (0.01, 10_000.0),
}
TYPES = {
    (Metric.POWER, "above"): AlertType.HIGH_POWER,
    (Metric.VOLTAGE, "above"): AlertType.HIGH_VOLTAGE,
    (Metric.VOLTAGE, "below"): AlertType.LOW_VOLTAGE,
    (Metric.CURRENT, "above"): AlertType.HIGH_CURRENT,
    (Metric.POWER_FACTOR, "below"): AlertType.LOW_PF,
    (Metric.FREQUENCY_OFF, "above"): AlertType.FREQUENCY,
    (Metric.ENERGY_DAY, "above"): AlertType.ENERGY_DAY,
    (Metric.ENERGY_MONTH, "above"): AlertType.ENERGY_MONTH,
    (Metric.SILENT, "above"): AlertType.METER_SILENT,
    (Metric.OFFLINE, "above"): AlertType.DEVICE_OFFLINE,
    (Metric.COUNTER, "above"): AlertType.COUNTER_RESET,
}
BUDGETS = (Metric.ENERGY_DAY, Metric.ENERGY_MONTH)
LONG_LOAD_FROM_S = 1_800


def alert_type_of(metric: str, comparison: str, hold_s: int) -> AlertType:
    """Return what incidents of a person's own rule are about."""
    found = TYPES.get((Metric(metric), comparison), AlertType.CUSTOM)
    if found == AlertType.HIGH_POWER and hold_s >= LONG_LOAD_FROM_S:
        return AlertType.LONG_LOAD
    return found


def validate_rule(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong, by field; nothing if it may be saved.

    `values` are an AlertRule's columns, complete; `device` and `site` are objects or None.
    """
    errors: dict[str, list[str]] = {}
    for check in (_check_place, _check_threshold, _check_recovery, _check_times, _check_condition):
        for field, message in check(values):
            errors.setdefault(field, []).append(message)
    return errors


def _check_place(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not str(values.get("name") or "").strip():
        return [("name", _("Give the rule a name."))]
    if (values.get("device") is None) == (values.get("site") is None):
        return [("device", _("Choose one device or one site, not both and not neither."))]
    return []


def _check_threshold(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    metric, threshold = Metric(values["metric"]), values.get("threshold")
    only_above = metric not in READING_METRICS
    if only_above and values.get("comparison") != AlertRule.Comparison.ABOVE:
        return [("comparison", _("This can only be too much or too long: choose above."))]
    if metric not in RANGES:
        message = _("Silence has no limit of its own: say how long it may last.")
        return [] if threshold is None else [("threshold", message)]
    if threshold is None:
        # Wattkeep sets that of its own rules from the first readings.
        is_waiting = values.get("is_default") and metric in {Metric.VOLTAGE, *BUDGETS}
        return [] if is_waiting else [("threshold", _("Write the limit as a number."))]
    return _check_range(metric, threshold, values)


def _check_range(
    metric: Metric, threshold: float, values: Mapping[str, Any]
) -> list[tuple[str, str]]:
    least, most = RANGES[metric]
    unit = UNITS[metric][0]
    if not math.isfinite(threshold) or not least <= threshold <= most:
        limits = _("%(least)s to %(most)s") % {
            "least": short_text(least),
            "most": f"{short_text(most)} {unit}".rstrip(),
        }
        return [("threshold", _("Write a limit from %(limits)s.") % {"limits": limits})]
    device = values.get("device")
    is_above = values.get("comparison") == AlertRule.Comparison.ABOVE
    if metric == Metric.POWER and is_above and device is not None and threshold >= device.range_w:
        most_w = f"{short_text(device.range_w)} W"
        return [
            (
                "threshold",
                _("This meter measures up to %(most)s: the rule would never fire.")
                % {"most": most_w},
            )
        ]
    return []


def _check_recovery(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    recovery, threshold = values.get("recovery_threshold"), values.get("threshold")
    if recovery is None:
        return []
    if threshold is None or not math.isfinite(recovery):
        return [("recovery_threshold", _("Leave it empty: there is no limit to come back from."))]
    if values.get("comparison") == AlertRule.Comparison.ABOVE:
        if recovery > threshold:
            return [
                (
                    "recovery_threshold",
                    _("It is over when the value is back at this: not above the limit."),
                )
            ]
    elif recovery < threshold:
        return [
            (
                "recovery_threshold",
                _("It is over when the value is back at this: not below the limit."),
            )
        ]
    return []


def _check_times(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for field in ("hold_s", "recovery_hold_s"):
        seconds = values.get(field)
        if seconds is None or not 0 <= seconds <= DAY_S:
            found.append((field, _("Write a number of seconds from 0 to 86400, which is a day.")))
    start, end = values.get("quiet_from"), values.get("quiet_until")
    if (start is None) != (end is None):
        missing = "quiet_until" if end is None else "quiet_from"
        found.append((missing, _("Quiet hours need a beginning and an end.")))
    elif start is not None and start == end:
        found.append(
            ("quiet_until", _("Quiet hours that end as they begin are none: leave both empty."))
        )
    return found


def _check_condition(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    load_w = values.get("only_above_w")
    if load_w is None:
        return []
    if values["metric"] not in READING_METRICS:
        return [("only_above_w", _("A smallest load fits only rules on what is measured."))]
    if not math.isfinite(load_w) or load_w < 0:
        return [("only_above_w", _("Write a load in watts, 0 or more."))]
    return []

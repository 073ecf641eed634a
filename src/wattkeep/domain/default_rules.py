"""The rules every new device and site starts with, fitted to its meter."""

from __future__ import annotations

import math
from dataclasses import dataclass

# EN 50160 and its like allow a tenth either way.
VOLTAGE_MARGIN = 0.10
VOLTAGE_RECOVERY = 0.09
NOMINAL_VOLTAGES = (100.0, 120.0, 127.0, 230.0)
NEAR_RANGE = 0.9
BACK_FROM_RANGE = 0.8
RANGE_VOLTAGE = 230.0
LEAST_LOAD_W, LONG_LOAD_W = 50.0, 1_500.0
MINUTE_S = 60
HOUR_S = 3_600

INFO, WARNING, CRITICAL = 10, 20, 30


@dataclass(frozen=True, slots=True)
class RuleValues:
    """A rule's columns. A `threshold` of None is set from the device's own first readings."""

    alert_type: str
    name: str
    metric: str
    threshold: float | None
    recovery_threshold: float | None = None
    comparison: str = "above"
    hold_s: int = 30
    recovery_hold_s: int = 600
    only_above_w: float | None = None
    severity: int = WARNING
    is_enabled: bool = True


def device_rules(range_w: float, high_power_w: float) -> list[RuleValues]:
    """Return a device's rules for a meter of this range."""
    return [
        _high_power(range_w, high_power_w),
        RuleValues("HIGH_VOLTAGE", "High voltage", "voltage", None, hold_s=MINUTE_S),
        RuleValues(
            "LOW_VOLTAGE", "Low voltage", "voltage", None, comparison="below", hold_s=MINUTE_S
        ),
        _high_current(range_w),
        _low_power_factor(range_w),
        RuleValues("FREQUENCY", "Mains frequency", "frequency_off", 0.5, 0.4, hold_s=MINUTE_S),
        _long_load(range_w),
        _on_what_is_used("ENERGY_DAY", "Energy of the day"),
        _on_what_is_used("ENERGY_MONTH", "Energy of the month"),
        _on_silence("METER_SILENT", "Meter silent", 2 * MINUTE_S),
        _on_silence("DEVICE_OFFLINE", "Device offline", MINUTE_S),
        RuleValues(
            "COUNTER_RESET", "Counter reset", "counter", 0.01, hold_s=0, recovery_hold_s=HOUR_S
        ),
    ]


def site_rule() -> RuleValues:
    """Return the rule of a site whose devices are all gone at once."""
    return RuleValues(
        "SITE_OFFLINE",
        "Site offline",
        "offline",
        None,
        hold_s=0,
        recovery_hold_s=MINUTE_S,
        severity=CRITICAL,
    )


def nominal_voltage(measured: float) -> float:
    """Return the mains voltage that a measured one belongs to."""
    return min(NOMINAL_VOLTAGES, key=lambda nominal: abs(nominal - measured))


def voltage_limits(alert_type: str, measured: float) -> tuple[float, float]:
    """Return (threshold, recovery threshold) of a voltage rule where `measured` is usual."""
    nominal = nominal_voltage(measured)
    sign = 1 if alert_type == "HIGH_VOLTAGE" else -1
    return (
        round(nominal * (1 + sign * VOLTAGE_MARGIN), 1),
        round(nominal * (1 + sign * VOLTAGE_RECOVERY), 1),
    )


def _high_power(range_w: float, high_power_w: float) -> RuleValues:
    is_enabled = math.isfinite(high_power_w)
    threshold = min(high_power_w, range_w * NEAR_RANGE)
    return RuleValues(
        "HIGH_POWER",
        "High power",
        "power",
        threshold,
        round(threshold * NEAR_RANGE, 1),
        is_enabled=is_enabled,
    )


def _high_current(range_w: float) -> RuleValues:
    most_a = range_w / RANGE_VOLTAGE
    return RuleValues(
        "HIGH_CURRENT",
        "Near the meter's range",
        "current",
        round(most_a * NEAR_RANGE, 1),
        round(most_a * BACK_FROM_RANGE, 1),
        hold_s=10,
        severity=CRITICAL,
    )


def _low_power_factor(range_w: float) -> RuleValues:
    return RuleValues(
        "LOW_PF",
        "Low power factor",
        "power_factor",
        0.5,
        0.55,
        comparison="below",
        hold_s=10 * MINUTE_S,
        recovery_hold_s=HOUR_S // 2,
        # An idle meter shows 0.00, and small power supplies little more.
        only_above_w=round(max(LEAST_LOAD_W, range_w / 100)),
        severity=INFO,
    )


def _long_load(range_w: float) -> RuleValues:
    threshold = min(LONG_LOAD_W, range_w * NEAR_RANGE)
    return RuleValues(
        "LONG_LOAD",
        "Long-running load",
        "power",
        round(threshold),
        round(threshold * NEAR_RANGE),
        hold_s=3 * HOUR_S,
        recovery_hold_s=HOUR_S // 2,
        severity=INFO,
    )


def _on_what_is_used(alert_type: str, name: str) -> RuleValues:
    return RuleValues(alert_type, name, alert_type.lower(), None, hold_s=0, severity=INFO)


def _on_silence(alert_type: str, name: str, hold_s: int) -> RuleValues:
    metric = alert_type.rpartition("_")[2].lower()
    return RuleValues(alert_type, name, metric, None, hold_s=hold_s, recovery_hold_s=MINUTE_S)

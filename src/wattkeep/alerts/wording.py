"""What an incident says, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattkeep.monitoring.models import AlertRule

# Unit and decimals of each metric.
UNITS = {
    "power": ("W", 0),
    "voltage": ("V", 1),
    "current": ("A", 1),
    "power_factor": ("", 2),
    "frequency_off": ("Hz", 2),
    "energy_day": ("kWh", 1),
    "energy_month": ("kWh", 1),
    "counter": ("kWh", 2),
    "silent": ("s", 0),
    "offline": ("s", 0),
}


MINUTE_S, HOUR_MIN, DAY_H = 60, 60, 24
# A shorter hold is no news.
LONG_HOLD_S = 600


def quantity(metric: str, value: float) -> str:
    """Return a metric's value with its unit: 6,543 W."""
    unit, decimals = UNITS[metric]
    return f"{value:,.{decimals}f} {unit}".rstrip()


def duration(seconds: float) -> str:
    """Return a duration in one or two units: 45 s, 12 min, 3 h 5 min, 2 days 4 h."""
    minutes = round(seconds / MINUTE_S)
    if seconds < MINUTE_S:
        return f"{seconds:.0f} s"
    if minutes < HOUR_MIN:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, HOUR_MIN)
    if hours < DAY_H:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, DAY_H)
    named = "1 day" if days == 1 else f"{days} days"
    return f"{named} {hours} h" if hours else named


def opening_message(rule: AlertRule, value: float) -> str:
    """Say what was measured and what the limit is."""
    if rule.metric == "counter":
        return f"{rule.name}: the meter's counter fell by {quantity('counter', value)}"
    if rule.threshold is None:
        return rule.name
    limit = quantity(rule.metric, rule.threshold)
    if rule.metric == "frequency_off":
        return f"{rule.name}: {quantity(rule.metric, value)} beside 50 or 60 Hz (limit {limit})"
    lasting = f" for {duration(rule.hold_s)}" if rule.hold_s > LONG_HOLD_S else ""
    return f"{rule.name}: {quantity(rule.metric, value)}{lasting} (limit {limit})"

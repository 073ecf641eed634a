"""What an incident says, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from wattkeep.monitoring.wording import exact_text

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


# The names of Wattkeep's own rules (domain/default_rules.py), so that a page can say them in its
# language. They are stored in English; whoever renames one sees what was written.
OWN_NAMES = frozenset(
    {
        noop("High power"),
        noop("High voltage"),
        noop("Low voltage"),
        noop("Near the meter's range"),
        noop("Low power factor"),
        noop("Mains frequency"),
        noop("Long-running load"),
        noop("Energy of the day"),
        noop("Energy of the month"),
        noop("Meter silent"),
        noop("Device offline"),
        noop("Counter reset"),
        noop("Site offline"),
    }
)


def rule_name(rule: AlertRule) -> str:
    """Return a rule's name; one of Wattkeep's own in the language in force."""
    return _(rule.name) if rule.name in OWN_NAMES else rule.name


def quantity(metric: str, value: float) -> str:
    """Return a metric's value with its unit: 6,543 W."""
    unit, decimals = UNITS[metric]
    return f"{exact_text(value, decimals)} {unit}".rstrip()


def duration(seconds: float) -> str:
    """Return a duration in one or two units: 45 s, 12 min, 3 h 5 min, 2 days 4 h."""
    minutes = round(seconds / MINUTE_S)
    if seconds < MINUTE_S:
        return f"{seconds:.0f} s"
    if minutes < HOUR_MIN:
        return _("%(minutes)s min") % {"minutes": minutes}
    hours, minutes = divmod(minutes, HOUR_MIN)
    if hours < DAY_H:
        return (
            _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
            if minutes
            else f"{hours} h"
        )
    days, hours = divmod(hours, DAY_H)
    named = _("1 day") if days == 1 else _("%(days)s days") % {"days": days}
    return f"{named} {hours} h" if hours else named


def opening_message(rule: AlertRule, value: float) -> str:
    """Say what was measured and what the limit is."""
    if rule.metric == "counter":
        return _("%(name)s: the meter's counter fell by %(value)s") % {
            "name": rule_name(rule),
            "value": quantity("counter", value),
        }
    if rule.threshold is None:
        return rule_name(rule)
    limit = quantity(rule.metric, rule.threshold)
    if rule.metric == "frequency_off":
        return _("%(name)s: %(value)s beside 50 or 60 Hz (limit %(limit)s)") % {
            "name": rule_name(rule),
            "value": quantity(rule.metric, value),
            "limit": limit,
        }
    lasting = (
        _(" for %(duration)s") % {"duration": duration(rule.hold_s)}
        if rule.hold_s > LONG_HOLD_S
        else ""
    )
    return _("%(name)s: %(value)s%(lasting)s (limit %(limit)s)") % {
        "name": rule_name(rule),
        "value": quantity(rule.metric, value),
        "lasting": lasting,
        "limit": limit,
    }

"""Rules as they are judged: rows of the database made ready for one device's readings."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q

from wattkeep.domain.incidents import Limits, Phase
from wattkeep.domain.presence import MISSED_REPORTS, MOST_QUIET_S
from wattkeep.domain.readings import Reading, instants_of
from wattkeep.monitoring.access import devices_for, sites_for
from wattkeep.monitoring.models import AlertRule, Device, Role

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from django.db.models import QuerySet

    from wattkeep.domain.incidents import State
    from wattkeep.monitoring.access import Principal

Metric = AlertRule.Metric
READING_METRICS = (
    Metric.POWER,
    Metric.VOLTAGE,
    Metric.CURRENT,
    Metric.POWER_FACTOR,
    Metric.FREQUENCY_OFF,
)
# What nobody can set: the counter's falls are judged by the counter's own rules.
COLUMNS = {metric: str(metric) for metric in READING_METRICS} | {Metric.FREQUENCY_OFF: "frequency"}
POSITIONS = {str(metric): Reading._fields.index(column) for metric, column in COLUMNS.items()}
# What judging needs to know of a rule; the rest is read of those that open an incident.
OF_A_RULE = (
    "device_id",
    "site_id",
    "alert_type",
    "metric",
    "comparison",
    "threshold",
    "hold_s",
    "recovery_threshold",
    "recovery_hold_s",
    "only_above_w",
)
# From this hold on a rule is not followed reading by reading.
SLOW_HOLD_MS = 300_000
# Below it 50 Hz are nearer, above it 60.
MIDDLE_HZ = 55.0
# Less than two intervals have no room for a reading between them.
SEAMLESS = 1.5
# Most devices have the same few rules: a limit that many of them share is one object.
MOST_LIMITS = 1_000


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """A rule on what readings show, for one device.

    A device has eight rules and a server a thousand devices, so this is not the row, which takes
    2 kB; `pk` leads to it.
    """

    pk: int
    metric: Metric
    limits: Limits
    only_above_w: float | None = None
    interval_ms: int = 0

    @property
    def column(self) -> str:
        """What it looks at of a reading."""
        return COLUMNS[self.metric]

    @property
    def is_slow(self) -> bool:
        """Tell whether its hold is so long that looking back beats following every reading."""
        return self.limits.hold_ms >= SLOW_HOLD_MS

    def earliest_ms(self, state: State) -> int:
        """Return before when a rule that is not open cannot open, whatever is measured."""
        is_rising = state.phase is Phase.RISING
        return (state.since_ms if is_rising else state.last_ms) + self.limits.hold_ms

    def is_seamless(self, before_ms: int, at_ms: int) -> bool:
        """Tell whether nobody else can have stored a reading between two that are judged."""
        return not self.is_slow and at_ms - before_ms <= SEAMLESS * self.interval_ms

    def may_break(self, fields: Sequence[Sequence[float]]) -> bool:
        """Tell quickly that none of many readings breaks it; True where one may.

        `fields` has a reading's fields, each of all readings.
        """
        values = fields[POSITIONS[self.metric]]
        if self.metric == Metric.FREQUENCY_OFF:
            lowest, highest = min(values), max(values)
            # Only between two frequencies on the same side is nothing further off than both.
            if not self.limits.is_above or not (lowest > MIDDLE_HZ or highest < MIDDLE_HZ):
                return True
            values = (frequency_off(lowest), frequency_off(highest))
        # A value that is no number is none of the two, and looked at one by one.
        if self.limits.is_above:
            return not max(values) <= self.limits.threshold
        return not min(values) >= self.limits.threshold

    def decisive(self, state: State, readings: Sequence[Reading]) -> Sequence[Reading]:
        """Return which last readings leave a rule that is not open as all of them would.

        To open it has to be broken for the whole of its hold. So the first reading that could open
        it is looked at, then those before it, back to one that does not break it; from there on.
        """
        instants = instants_of(readings)
        begin = 0
        since_ms = state.since_ms if state.phase is Phase.RISING else instants[0]
        while True:
            opening = bisect_left(instants, since_ms + self.limits.hold_ms)
            fine = min(opening, len(readings) - 1)
            while fine >= begin and not self._is_fine(readings[fine]):
                fine -= 1
            if fine < begin:
                return readings[max(begin - 1, 0) :]
            if opening >= len(readings) or fine == len(readings) - 1:
                return readings[fine:]
            begin = fine + 1
            since_ms = instants[begin]

    def _is_fine(self, reading: Reading) -> bool:
        value = self.value_of(reading)
        return value is None or not (math.isnan(value) or self.limits.is_broken_by(value))

    def value_of(self, reading: Reading) -> float | None:
        """Return what is judged of a reading; None where the rule does not look."""
        return self.value(reading.power, getattr(reading, self.column))

    def value(self, power_w: float, measured: float) -> float | None:
        """Return what is judged of a power and the rule's own column."""
        least_w = self.only_above_w
        if least_w is not None and not power_w >= least_w:
            return None
        return frequency_off(measured) if self.metric == Metric.FREQUENCY_OFF else measured


class CounterRule(NamedTuple):
    """A rule on falls of the counter; without a threshold any fall counts."""

    pk: int
    threshold_kwh: float | None


class UnfittedRule(NamedTuple):
    """A rule whose threshold waits for the device's first readings."""

    pk: int
    metric: str
    alert_type: str


@dataclass(frozen=True, slots=True)
class WatchedDevice:
    """A device with what is judged of its readings."""

    pk: int
    range_w: float
    interval_s: int
    rules: tuple[ReadingRule, ...]
    counter_rules: tuple[CounterRule, ...]
    unfitted: tuple[UnfittedRule, ...]


def frequency_off(hertz: float) -> float:
    """Return the distance from 50 or 60 Hz, whichever is nearer."""
    return round(min(abs(hertz - 50.0), abs(hertz - 60.0)), 6)


def most_gap_ms(interval_s: int) -> int:
    """Return after how long without a reading nothing is known of the time between."""
    return 1000 * max(MISSED_REPORTS * interval_s, MOST_QUIET_S)


def limits_of(rule: AlertRule, interval_s: int) -> Limits:
    """Return what a rule with a threshold demands of a device that reports so often."""
    threshold = math.inf if rule.threshold is None else rule.threshold
    recovery = threshold if rule.recovery_threshold is None else rule.recovery_threshold
    is_above = rule.comparison == AlertRule.Comparison.ABOVE
    return _limits(
        threshold, recovery, is_above, rule.hold_s, rule.recovery_hold_s, most_gap_ms(interval_s)
    )


@lru_cache(MOST_LIMITS)
def _limits(  # noqa: PLR0913, PLR0917 - what the limits are made of
    threshold: float,
    recovery: float,
    is_above: bool,  # noqa: FBT001 - nobody else calls it
    hold_s: int,
    recovery_hold_s: int,
    gap_ms: int,
) -> Limits:
    return Limits(threshold, recovery, is_above, hold_s * 1000, recovery_hold_s * 1000, gap_ms)


def reading_rule(row: AlertRule, interval_s: int) -> ReadingRule:
    """Return a rule on what readings show as it is judged for a device that reports so often."""
    return ReadingRule(
        row.pk,
        Metric(row.metric),
        limits_of(row, interval_s),
        row.only_above_w,
        interval_s * 1000,
    )


def rules_of(who: Principal, at_least: Role = Role.VIEWER) -> QuerySet[AlertRule]:
    """Return the rules of the devices and sites where `who` has this role or more."""
    own = Q(device__in=devices_for(who, at_least).values("pk"))
    own |= Q(site__in=sites_for(who, at_least).values("pk"))
    return AlertRule.objects.filter(own).select_related("device__site", "site")


def watched_devices(device_ids: Collection[int]) -> dict[int, WatchedDevice]:
    """Return device id → what is judged of its readings, in two queries."""
    found = Device.objects.filter(pk__in=device_ids).only("site_id", "range_w", "interval_s")
    devices = {one.pk: one for one in found}
    sites = {device.site_id for device in devices.values()}
    rows = AlertRule.objects.filter(
        Q(device_id__in=devices) | Q(site_id__in=sites),
        is_enabled=True,
        metric__in=[*READING_METRICS, Metric.COUNTER],
    )
    of_device: dict[int, list[AlertRule]] = {pk: [] for pk in devices}
    of_site: dict[int, list[AlertRule]] = {pk: [] for pk in sites}
    for row in rows.only(*OF_A_RULE):
        (of_device[row.device_id] if row.device_id else of_site[row.site_id or 0]).append(row)
    return {
        pk: _watched(device, of_device[pk] + of_site[device.site_id])
        for pk, device in devices.items()
    }


def _watched(device: Device, rows: list[AlertRule]) -> WatchedDevice:
    on_readings = [row for row in rows if row.metric != Metric.COUNTER]
    return WatchedDevice(
        device.pk,
        device.range_w,
        device.interval_s,
        rules=tuple(
            reading_rule(row, device.interval_s) for row in on_readings if row.threshold is not None
        ),
        counter_rules=tuple(
            CounterRule(row.pk, row.threshold) for row in rows if row.metric == Metric.COUNTER
        ),
        unfitted=tuple(
            UnfittedRule(row.pk, row.metric, row.alert_type)
            for row in on_readings
            if row.threshold is None and row.device_id
        ),
    )

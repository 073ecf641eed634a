"""What a rule would have done to a device's own last 30 days, and which threshold suits it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from wattkeep.alerts.rules import READING_METRICS, Metric, limits_of, reading_rule
from wattkeep.alerts.stored import samples_between
from wattkeep.domain.incidents import Episode, Limits, find_episodes
from wattkeep.domain.instants import MILLISECOND, to_ms
from wattkeep.domain.presence import quiet_limit
from wattkeep.monitoring.models import AlertRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from wattkeep.monitoring.models import Device

DAYS = 30
# Once a week is what people put up with.
MOST_INCIDENTS = 4
# What is broken for more of the time is how the device is.
MOST_SHARE = 0.02
FEWEST_DAYS = 7
DAY_MS = 86_400_000
# In what steps a threshold is proposed: (from, step).
STEPS = {
    Metric.POWER: 50.0,
    Metric.VOLTAGE: 0.5,
    Metric.CURRENT: 0.5,
    Metric.POWER_FACTOR: 0.01,
    Metric.FREQUENCY_OFF: 0.05,
}
RECOVERY_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would have done; `days` is how many of them hold readings."""

    episodes: tuple[Episode, ...]
    days: int

    @property
    def incidents(self) -> int:
        return len(self.episodes)

    @property
    def longest_s(self) -> int:
        """Return how long the longest one lasted that is over."""
        ended = (one.end_ms - one.start_ms for one in self.episodes if one.end_ms is not None)
        return max(ended, default=0) // 1000


def preview(rule: AlertRule, device: Device, now: datetime) -> Preview:
    """Return what `rule`, saved or not, would have done to the device's last 30 days."""
    samples = _recent(rule, device, now)
    days = len({at_ms // DAY_MS for at_ms, _ in samples})
    found: Iterable[Episode] = ()
    if rule.metric in READING_METRICS:
        found = find_episodes(limits_of(rule, device.interval_s), samples)
    elif rule.metric == Metric.OFFLINE:
        found = _silences(rule, device, [at_ms for at_ms, _ in samples], to_ms(now))
    return Preview(tuple(found), days)


def propose(device: Device, metric: str, comparison: str, now: datetime) -> float | None:
    """Return the keenest threshold that would have made at most one incident a week.

    None if there is less than a week of readings, or nothing of this metric to go by.
    """
    if metric not in STEPS:
        return None
    rule = AlertRule(device=device, metric=metric, comparison=comparison, threshold=0.0)
    samples = _recent(rule, device, now)
    if len({at_ms // DAY_MS for at_ms, _ in samples}) < FEWEST_DAYS:
        return None
    values = [value for _, value in samples if value is not None]
    is_above = comparison == AlertRule.Comparison.ABOVE
    step = STEPS[Metric(metric)] if is_above else -STEPS[Metric(metric)]
    edge = max(values) if is_above else min(values)
    threshold = math.ceil(edge / step) * step
    limits = limits_of(rule, device.interval_s)
    # Big steps first, then small ones.
    for stride in (100 * step, 10 * step, step):
        while _is_rare(limits, threshold - stride, samples):
            threshold -= stride
    return round(threshold, 3)


def _recent(rule: AlertRule, device: Device, now: datetime) -> Sequence[tuple[int, float | None]]:
    column_rule = rule if rule.metric in READING_METRICS else AlertRule(metric=Metric.POWER)
    judged = reading_rule(column_rule, device.interval_s)
    first = to_ms(now - timedelta(days=DAYS))
    return list(samples_between(device.pk, judged, first, to_ms(now)))


def _is_rare(limits: Limits, threshold: float, samples: Sequence[tuple[int, float | None]]) -> bool:
    if threshold <= 0:
        return False
    share = RECOVERY_SHARE if limits.is_above else 1 / RECOVERY_SHARE
    tried = Limits(
        threshold,
        threshold * share,
        limits.is_above,
        limits.hold_ms,
        limits.recovery_hold_ms,
        limits.most_gap_ms,
    )
    span_ms = samples[-1][0] - samples[0][0]
    broken_ms = 0
    for count, episode in enumerate(find_episodes(tried, samples), 1):
        broken_ms += (episode.end_ms or samples[-1][0]) - episode.start_ms
        if count > MOST_INCIDENTS or broken_ms > span_ms * MOST_SHARE:
            return False
    return True


def _silences(
    rule: AlertRule, device: Device, times_ms: Sequence[int], now_ms: int
) -> Iterable[Episode]:
    """Yield the times without a reading that the rule would have found too long."""
    least_ms = quiet_limit(device.interval_s) // MILLISECOND + rule.hold_s * 1000
    for before_ms, after_ms in pairwise([*times_ms, now_ms]):
        if after_ms - before_ms > least_ms:
            end_ms = None if after_ms == now_ms else after_ms
            yield Episode(before_ms, end_ms, (after_ms - before_ms) / 1000)

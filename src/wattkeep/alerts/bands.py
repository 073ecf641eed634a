"""Between which values nothing can change for a device: what makes calm readings cost little."""

from __future__ import annotations

import math
from operator import lt, sub
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.alerts.rules import Metric
from wattkeep.domain.counter import MOST_JITTER_WH, MS_PER_HOUR, OVER_RANGE, SLACK_WH
from wattkeep.domain.incidents import Phase
from wattkeep.domain.readings import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wattkeep.alerts.rules import ReadingRule, WatchedDevice
    from wattkeep.domain.incidents import State
    from wattkeep.domain.readings import Reading

INF = math.inf
JITTER_KWH = MOST_JITTER_WH / 1000
FEWEST_HZ_OF_60 = 55.0


class Band(NamedTuple):
    """As long as a device's readings lie inside, every rule stays as it is, until `until_ms`.

    A power factor counts from `load_w` on.
    """

    until_ms: float
    power_low: float
    power_high: float
    voltage_low: float
    voltage_high: float
    current_low: float
    current_high: float
    hertz_low: float
    hertz_high: float
    factor_low: float
    factor_high: float
    load_w: float
    most_rise_kwh: float


class Side(NamedTuple):
    """Up to when nothing changes while a value is at most, or at least, `limit`."""

    limit: float
    until_ms: float
    is_under: bool


class Newest(NamedTuple):
    """A device's newest judged reading."""

    at_ms: int
    energy_kwh: float


def band_of(
    watched: WatchedDevice, judged: Iterable[tuple[ReadingRule, State]], hertz: float
) -> Band | None:
    """Return the band of a device; None while a rule wants every reading.

    A rule that waits for the end of a hold has one too: up to then there is nothing to do as long
    as it stays broken, or kept. One with a long hold is looked at only when it could open.
    """
    until_ms, load_w = INF, INF
    spans = dict.fromkeys(("power", "voltage", "current", "power_factor"), (-INF, INF))
    off = INF
    for rule, state in judged:
        if rule.is_slow and not state.is_open:
            until_ms = min(until_ms, rule.earliest_ms(state))
            continue
        side = _calm_side(rule, state)
        if side is None:
            return None
        until_ms = min(until_ms, side.until_ms)
        metric, limit, is_under = rule.metric, side.limit, side.is_under
        if metric == Metric.FREQUENCY_OFF:
            off = min(off, limit if is_under else -1.0)
            continue
        if metric == Metric.POWER_FACTOR:
            load_w = min(load_w, rule.only_above_w or 0.0)
        low, high = spans[metric]
        spans[metric] = (low, min(high, limit)) if is_under else (max(low, limit), high)
    nominal = 60.0 if hertz > FEWEST_HZ_OF_60 else 50.0
    return Band(
        until_ms,
        *spans["power"],
        *spans["voltage"],
        *spans["current"],
        nominal - off,
        nominal + off,
        *spans["power_factor"],
        load_w,
        _most_rise_kwh(watched),
    )


def _calm_side(rule: ReadingRule, state: State) -> Side | None:
    """Return on which side of what a rule stays as it is; None where every reading counts."""
    limits = rule.limits
    if state.phase is Phase.CALM:
        return Side(limits.threshold, INF, is_under=limits.is_above)
    if state.phase is Phase.RECOVERING:
        until_ms = state.since_ms + limits.hold_after(state.relapses)
        return Side(limits.recovery, until_ms, is_under=limits.is_above)
    # A value the rule does not look at is fine, which ends a rise.
    has_gaps = rule.only_above_w is not None or rule.metric == Metric.FREQUENCY_OFF
    if state.phase is Phase.OPEN or has_gaps:
        return None
    return Side(limits.threshold, state.since_ms + limits.hold_ms, is_under=not limits.is_above)


def last_calm(readings: Sequence[Reading], band: Band, newest: Newest) -> Newest | None:
    """Return the last of a device's readings if all are newer than `newest` and in the band."""
    if readings[-1].timestamp_ms >= band.until_ms:
        return None
    if isinstance(readings, Run):
        return _last_calm_of_run(readings, band, newest)
    (until_ms, p_low, p_high, v_low, v_high, c_low, c_high, f_low, f_high,
     factor_low, factor_high, load_w, most_rise) = band  # fmt: skip
    before_ms, before_kwh = newest
    for _, at_ms, voltage, current, power, energy, hertz, factor in readings:
        # A value that is no number is on neither side and ends the calm.
        if not (
            before_ms < at_ms < until_ms
            and p_low <= power <= p_high
            and v_low <= voltage <= v_high
            and c_low <= current <= c_high
            and f_low <= hertz <= f_high
            and (power < load_w or factor_low <= factor <= factor_high)
            and -JITTER_KWH <= energy - before_kwh <= most_rise
        ):
            return None
        before_ms, before_kwh = at_ms, energy
    return Newest(before_ms, before_kwh)


def _last_calm_of_run(run: Run, band: Band, newest: Newest) -> Newest | None:
    """As `last_calm`, a column at a time: all of them are numbers."""
    voltages, currents, powers, energies, hertz, factors = run.measured
    instants = [newest.at_ms, *run.instants]
    rises_kwh = list(map(sub, energies, [newest.energy_kwh, *energies]))
    is_calm = (
        all(map(lt, instants, run.instants))
        and _are_between(powers, band.power_low, band.power_high)
        and _are_between(voltages, band.voltage_low, band.voltage_high)
        and _are_between(currents, band.current_low, band.current_high)
        and _are_between(hertz, band.hertz_low, band.hertz_high)
        and _are_between(rises_kwh, -JITTER_KWH, band.most_rise_kwh)
        and (
            _are_between(factors, band.factor_low, band.factor_high)
            or all(
                power < band.load_w or band.factor_low <= factor <= band.factor_high
                for power, factor in zip(powers, factors, strict=True)
            )
        )
    )
    return Newest(run.instants[-1], energies[-1]) if is_calm else None


def _are_between(values: Sequence[float], low: float, high: float) -> bool:
    return (low == -INF or low <= min(values)) and (high == INF or max(values) <= high)


def _most_rise_kwh(watched: WatchedDevice) -> float:
    """Return what the counter can rise between two readings that are not far apart."""
    wh = watched.range_w * OVER_RANGE * watched.interval_s * 1000 / MS_PER_HOUR + SLACK_WH
    return wh / 1000

"""Whether a meter is wired and set up right, told from what it reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from wattkeep.domain.insights import BLIND_A, BLIND_A_SMALL, SMALL_RANGE_W

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wattkeep.domain.columns import Columns, Values

MS_PER_HOUR = 3_600_000
LEAST_READINGS = 6
# Values come in steps of 0.1 V, 1 mA, 0.1 W and 0.01: small loads fit no formula well.
LEAST_W = 20.0
SLACK_W = 2.0
SLACK = 0.05
# Single readings may straddle a switch: a meter takes its six values one after the other.
MOST_OFF = 0.1
# The counter moves in whole Wh; below this much work its steps weigh too much.
LEAST_WORK_WH = 50.0
SLACK_WH = 2.0
# Voltage and current of two phases are 120° apart: the cosine is 0.5, whatever is switched on.
OTHER_PHASE_FACTOR = 0.75
HEAVY_VA = 500.0
LEAST_HEAVY = 20
NO_CURRENT_MS = MS_PER_HOUR
PLAUSIBLE_V = (85.0, 265.0)
SHORT_OF_RANGE = 0.98
CHILDREN_SLACK = 0.03
CHILDREN_SLACK_WH = 20.0
LATE_FACTOR = 2.0
UNIT_FACTORS = (1000.0, 0.001)
UNIT_SLACK = 0.2
MISSED_REPORTS = 3


class Kind(StrEnum):
    """What is looked at."""

    REPORTS = "reports"
    VOLTAGE = "voltage"
    CLAMP = "clamp"
    PHASE = "phase"
    POWER = "power"
    COUNTER = "counter"
    RANGE = "range"
    CHILDREN = "children"


class Verdict(StrEnum):
    """What was found: nothing wrong, something to look at, a fault, or too little to tell."""

    GOOD = "good"
    LOOK = "look"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `fault` names the likely fault among those of its kind."""

    kind: Kind
    verdict: Verdict
    fault: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Meter:
    """What is known of a device beside its readings."""

    range_w: int
    interval_s: int
    has_counter: bool


def check_installation(
    readings: Columns, meter: Meter, behind: Sequence[float], own_wh: float
) -> list[Check]:
    """Return what readings of a day or so say about the wiring, all kinds in order.

    `behind` are the Wh of the sub-meters over the same time, `own_wh` the device's own.
    """
    if len(readings) < LEAST_READINGS:
        reports = Check(Kind.REPORTS, Verdict.UNKNOWN, "few", {"readings": len(readings)})
        return [reports]
    checks = [
        _check_reports(readings, meter),
        _check_voltage(readings),
        _check_clamp(readings, meter),
        _check_phase(readings),
        _check_power(readings),
        _check_range(readings, meter),
    ]
    if meter.has_counter:
        checks.insert(5, _check_counter(readings, meter))
    if behind:
        checks.append(_check_children(sum(behind), own_wh))
    return checks


def _check_reports(readings: Columns, meter: Meter) -> Check:
    every_s = float(np.median(np.diff(readings.timestamps))) / 1000
    figures = {"every_s": every_s, "interval_s": meter.interval_s, "readings": len(readings)}
    is_late = every_s > LATE_FACTOR * meter.interval_s
    return Check(Kind.REPORTS, *_is(is_late, "rare"), figures)


def _check_voltage(readings: Columns) -> Check:
    volts = _known(readings["voltage"])
    if not len(volts):
        return Check(Kind.VOLTAGE, Verdict.UNKNOWN)
    middle = float(np.median(volts))
    figures = {"volts": middle}
    if not PLAUSIBLE_V[0] <= middle <= PLAUSIBLE_V[1]:
        return Check(Kind.VOLTAGE, Verdict.WRONG, "implausible", figures)
    return Check(Kind.VOLTAGE, Verdict.GOOD, "", figures)


def _check_clamp(readings: Columns, meter: Meter) -> Check:
    amps = _known(readings["current"])
    if not len(amps):
        return Check(Kind.CLAMP, Verdict.UNKNOWN)
    most = float(amps.max())
    blind_a = BLIND_A_SMALL if meter.range_w <= SMALL_RANGE_W else BLIND_A
    if most >= blind_a:
        return Check(Kind.CLAMP, Verdict.GOOD, "", {"amps": most})
    span_ms = int(readings.timestamps[-1] - readings.timestamps[0])
    verdict = Verdict.LOOK if span_ms >= NO_CURRENT_MS else Verdict.UNKNOWN
    return Check(Kind.CLAMP, verdict, "no_current", {"hours": span_ms / MS_PER_HOUR})


def _check_phase(readings: Columns) -> Check:
    """Look at heavy loads: heaters, kettles and ovens have a factor near 1."""
    apparent = readings["voltage"] * readings["current"]
    with np.errstate(invalid="ignore", divide="ignore"):
        factors = readings["power"] / apparent
        heavy = _known(factors[apparent >= HEAVY_VA])
    if len(heavy) < LEAST_HEAVY:
        return Check(Kind.PHASE, Verdict.UNKNOWN, "light", {"least_va": HEAVY_VA})
    best = float(np.quantile(heavy, 0.9))
    is_low = best < OTHER_PHASE_FACTOR
    return Check(Kind.PHASE, *_is(is_low, "other_phase"), {"factor": best})


def _check_power(readings: Columns) -> Check:
    """Compare the power with voltage, current and power factor: four figures of one meter."""
    told = readings["voltage"] * readings["current"] * readings["power_factor"]
    power = readings["power"]
    is_known = ~np.isnan(told) & ~np.isnan(power) & (np.maximum(power, told) >= LEAST_W)
    told, power = told[is_known], power[is_known]
    if len(power) < LEAST_READINGS:
        return Check(Kind.POWER, Verdict.UNKNOWN, "light", {"least_w": LEAST_W})
    off = float(np.mean(np.abs(power - told) > np.maximum(SLACK_W, SLACK * power)))
    with np.errstate(divide="ignore"):
        ratio = float(np.median(power / told))
    figures = {"ratio": ratio, "off_share": off}
    if off <= MOST_OFF:
        return Check(Kind.POWER, Verdict.GOOD, "", figures)
    return Check(Kind.POWER, Verdict.WRONG, "unit" if _is_unit(ratio) else "differs", figures)


def _check_counter(readings: Columns, meter: Meter) -> Check:
    """Compare what the counter says with the power summed up over time."""
    is_known = ~np.isnan(readings["power"]) & ~np.isnan(readings["energy"])
    at = readings.timestamps[is_known]
    power, counter_wh = readings["power"][is_known], readings["energy"][is_known] * 1000
    steps_ms, rises = np.diff(at), np.diff(counter_wh)
    # Across gaps and resets nobody knows the power: neither side counts there.
    is_whole = (steps_ms <= MISSED_REPORTS * meter.interval_s * 1000) & (rises >= 0)
    # A reading's power is the mean since the one before.
    work_wh = float((power[1:] * steps_ms)[is_whole].sum() / MS_PER_HOUR)
    counted_wh = float(rises[is_whole].sum())
    figures = {"work_wh": work_wh, "counted_wh": counted_wh}
    if work_wh < LEAST_WORK_WH:
        return Check(Kind.COUNTER, Verdict.UNKNOWN, "little", figures)
    if abs(counted_wh - work_wh) <= SLACK_WH + SLACK * work_wh:
        return Check(Kind.COUNTER, Verdict.GOOD, "", figures)
    if counted_wh <= SLACK_WH:
        # A counter in MWh that is sent as kWh seems to stand still, too: the cure is the same.
        return Check(Kind.COUNTER, Verdict.WRONG, "stands_still", figures)
    fault = "unit" if _is_unit(counted_wh / work_wh) else "differs"
    return Check(Kind.COUNTER, Verdict.WRONG, fault, figures)


def _check_range(readings: Columns, meter: Meter) -> Check:
    power = _known(readings["power"])
    if not len(power):
        return Check(Kind.RANGE, Verdict.UNKNOWN)
    most = float(power.max())
    figures = {"most_w": most, "range_w": meter.range_w}
    return Check(Kind.RANGE, *_is(most >= SHORT_OF_RANGE * meter.range_w, "reached"), figures)


def _check_children(behind_wh: float, own_wh: float) -> Check:
    figures = {"behind_wh": behind_wh, "own_wh": own_wh}
    is_more = behind_wh > own_wh * (1 + CHILDREN_SLACK) + CHILDREN_SLACK_WH
    if is_more:
        return Check(Kind.CHILDREN, Verdict.WRONG, "more", figures)
    return Check(Kind.CHILDREN, Verdict.GOOD, "", figures)


def _known(values: Values) -> Values:
    return values[~np.isnan(values)]


def _is(is_found: bool, fault: str) -> tuple[Verdict, str]:  # noqa: FBT001 - what was found
    return (Verdict.LOOK, fault) if is_found else (Verdict.GOOD, "")


def _is_unit(ratio: float) -> bool:
    """Tell whether figures differ as W and kW, or Wh and kWh, do."""
    return any(abs(ratio / factor - 1) <= UNIT_SLACK for factor in UNIT_FACTORS)

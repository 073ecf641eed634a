"""Readings as wrong wiring makes them, and what the check calls it."""

import numpy as np
import pytest

from wattkeep.domain.columns import Columns
from wattkeep.domain.install_check import Kind, Meter, Verdict, check_installation

METER = Meter(range_w=23_000, interval_s=10, has_counter=True)
COUNT = 720


def readings(power=1500.0, *, factor=0.98, counted=1.0, count=COUNT, step_s=10, **changed):
    """Return readings of a steady load as a meter that is wired right makes them."""
    power = np.full(count, power)
    at = 1_790_000_000_000 + np.arange(count) * step_s * 1000
    values = {
        "voltage": np.full(count, 230.0),
        "current": np.round(power / 230.0 / factor, 3),
        "power": power,
        "energy": np.floor(100_000 + np.arange(count) * counted * power * step_s / 3600) / 1000,
        "frequency": np.full(count, 50.0),
        "power_factor": np.full(count, factor),
    }
    for name, value in changed.items():
        values[name] = np.full(count, value, np.float64)
    return Columns(at, values)


def check(found, meter=METER, behind=(), own_wh=0.0):
    return {one.kind: one for one in check_installation(found, meter, behind, own_wh)}


def test_meter_that_is_wired_right_is_good():
    found = check(readings(), behind=[1000.0], own_wh=3000.0)

    assert list(found) == [
        Kind.REPORTS, Kind.VOLTAGE, Kind.CLAMP, Kind.PHASE, Kind.POWER, Kind.COUNTER,
        Kind.RANGE, Kind.CHILDREN,
    ]  # fmt: skip
    assert {one.verdict for one in found.values()} == {Verdict.GOOD}


FAULTS = {
    "clamp on another phase": (
        readings(factor=0.5), METER, Kind.PHASE, Verdict.LOOK, "other_phase",
    ),
    "clamp round nothing": (
        readings(power=0.0, current=0.0, power_factor=0.0), METER, Kind.CLAMP, Verdict.LOOK,
        "no_current",
    ),
    "power in kW": (
        readings(power=1.5, current=6.655), METER, Kind.POWER, Verdict.WRONG, "unit",
    ),
    "current of another meter": (
        readings(current=3.0), METER, Kind.POWER, Verdict.WRONG, "differs",
    ),
    "counter in Wh": (readings(counted=1000.0), METER, Kind.COUNTER, Verdict.WRONG, "unit"),
    "counter that stands still": (
        readings(counted=0.0), METER, Kind.COUNTER, Verdict.WRONG, "stands_still",
    ),
    "counter of another meter": (
        readings(counted=0.6), METER, Kind.COUNTER, Verdict.WRONG, "differs",
    ),
    "range too small": (
        readings(power=2299.0), Meter(2300, 10, has_counter=True), Kind.RANGE, Verdict.LOOK,
        "reached",
    ),
    "voltage divided by ten": (
        readings(voltage=23.0), METER, Kind.VOLTAGE, Verdict.WRONG, "implausible",
    ),
    "reports too rare": (readings(step_s=60), METER, Kind.REPORTS, Verdict.LOOK, "rare"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_fault_is_named(case):
    found, meter, kind, verdict, fault = case

    one = check(found, meter)[kind]

    assert (one.verdict, one.fault) == (verdict, fault)


def test_submeters_that_claim_more_than_their_parent_are_wrong():
    one = check(readings(), behind=[2000.0, 1500.0], own_wh=3000.0)[Kind.CHILDREN]

    assert (one.verdict, one.fault) == (Verdict.WRONG, "more")
    assert one.figures == {"behind_wh": 3500.0, "own_wh": 3000.0}


def test_submeters_may_differ_by_what_meters_do():
    assert check(readings(), behind=[3050.0], own_wh=3000.0)[Kind.CHILDREN].verdict == Verdict.GOOD


def test_few_readings_tell_nothing():
    (one,) = check_installation(readings(count=3), METER, (), 0.0)

    assert (one.kind, one.verdict, one.figures) == (
        Kind.REPORTS, Verdict.UNKNOWN, {"readings": 3},
    )  # fmt: skip


def test_small_loads_are_not_judged():
    found = check(readings(power=8.0, factor=0.3))

    assert found[Kind.PHASE].verdict == Verdict.UNKNOWN
    assert found[Kind.POWER].verdict == Verdict.UNKNOWN
    assert found[Kind.COUNTER].verdict == Verdict.UNKNOWN


def test_values_that_are_not_known_are_not_faults():
    nothing = dict.fromkeys(("voltage", "current", "power", "power_factor"), np.nan)

    found = check(readings(**nothing))

    assert {one.verdict for one in found.values()} == {Verdict.GOOD, Verdict.UNKNOWN}


def test_sensor_without_a_counter_is_not_asked_for_one():
    assert Kind.COUNTER not in check(readings(), Meter(23_000, 10, has_counter=False))


def test_gap_and_reset_are_not_held_against_the_counter():
    found = readings()
    energy = found["energy"].copy()
    energy[400:] = energy[400:] - energy[400]
    at = found.timestamps.copy()
    at[200:] += 3_600_000

    one = check(Columns(at, {**found.values, "energy": energy}))[Kind.COUNTER]

    assert one.verdict == Verdict.GOOD

"""The rules a device starts with suit its meter and its mains."""

import math

import pytest

from wattkeep.domain.default_rules import device_rules, nominal_voltage, voltage_limits


def thresholds(range_w, high_power_w=5000):
    return {one.alert_type: one.threshold for one in device_rules(range_w, high_power_w)}


def test_rules_of_a_meter_of_100_a():
    assert thresholds(23_000) == {
        "HIGH_POWER": 5000,
        "HIGH_VOLTAGE": None,
        "LOW_VOLTAGE": None,
        "HIGH_CURRENT": 90.0,
        "LOW_PF": 0.5,
        "FREQUENCY": 0.5,
        "LONG_LOAD": 1500,
        "ENERGY_DAY": None,
        "ENERGY_MONTH": None,
        "METER_SILENT": None,
        "DEVICE_OFFLINE": None,
        "COUNTER_RESET": 0.01,
    }


def test_rules_of_a_meter_of_10_a_can_fire():
    found = thresholds(2_300)

    assert (found["HIGH_POWER"], found["HIGH_CURRENT"], found["LONG_LOAD"]) == (2070, 9.0, 1500)


def test_infinite_limit_switches_the_rule_off():
    [rule] = [one for one in device_rules(23_000, math.inf) if one.alert_type == "HIGH_POWER"]

    assert not rule.is_enabled
    assert rule.threshold == 20_700


def test_power_factor_is_judged_under_load_only():
    [rule] = [one for one in device_rules(23_000, 5000) if one.alert_type == "LOW_PF"]

    assert rule.only_above_w == 230


@pytest.mark.parametrize(
    ("measured", "nominal"),
    [(98, 100), (118, 120), (126, 127), (209, 230), (219, 230), (238, 230), (252, 230)],
)
def test_nominal_voltage(measured, nominal):
    assert nominal_voltage(measured) == nominal


@pytest.mark.parametrize(
    ("alert_type", "measured", "limits"),
    [
        ("HIGH_VOLTAGE", 233.0, (253.0, 250.7)),
        ("LOW_VOLTAGE", 233.0, (207.0, 209.3)),
        ("HIGH_VOLTAGE", 121.0, (132.0, 130.8)),
        ("LOW_VOLTAGE", 121.0, (108.0, 109.2)),
    ],
)
def test_voltage_limits(alert_type, measured, limits):
    assert voltage_limits(alert_type, measured) == limits

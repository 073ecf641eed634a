from __future__ import annotations

import pytest

from wattkeep.sim.load import synthetic_load

MIDNIGHT = 1_790_035_200


def test_synthetic_load_is_the_same_for_the_same_seed():
    first = [synthetic_load(seed=3)(MIDNIGHT + 61.7 * step) for step in range(200)]
    again = [synthetic_load(seed=3)(MIDNIGHT + 61.7 * step) for step in range(200)]
    other = [synthetic_load(seed=4)(MIDNIGHT + 61.7 * step) for step in range(200)]

    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", [0, 1, 2, 42])
def test_synthetic_day_is_one_a_household_could_have(seed):
    load = synthetic_load(seed)

    day = [load(MIDNIGHT + 60 * minute) for minute in range(1440)]

    used_kwh = sum(point.power_w for point in day) / 60_000
    night_w = sum(point.power_w for point in day[120:300]) / 180
    evening_w = sum(point.power_w for point in day[1170:1320]) / 150
    assert 4 < used_kwh < 30
    assert evening_w > 2 * night_w
    assert all(210 < point.voltage_v < 245 for point in day)
    assert all(49.9 < point.frequency_hz < 50.1 for point in day)
    assert all(0.5 < point.power_factor <= 1 for point in day)
    assert all(0 < point.current_a < 60 for point in day)


def test_synthetic_points_obey_physics():
    load = synthetic_load(7)

    for step in range(500):
        point = load(MIDNIGHT + 173 * step)
        apparent_va = point.voltage_v * point.current_a
        assert point.power_w == pytest.approx(apparent_va * point.power_factor)


def test_voltage_sags_when_the_load_rises():
    load = synthetic_load(0)
    day = sorted((load(MIDNIGHT + 10 * step) for step in range(8640)), key=lambda p: p.power_w)

    idle_v = sum(point.voltage_v for point in day[:500]) / 500
    busy_v = sum(point.voltage_v for point in day[-100:]) / 100

    assert busy_v < idle_v

"""What flows through a virtual meter: a point of load, and a synthetic household day."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

DAY_S = 86_400
FRIDGE_DUTY = 0.36
MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """The electrical state of one line at one moment."""

    voltage_v: float
    current_a: float
    power_w: float
    frequency_hz: float
    power_factor: float


Load = Callable[[float], LoadPoint]
"""What the line carries at a Unix time in seconds."""


@dataclass(frozen=True, slots=True)
class Appliance:
    """Something that is switched on at random, more often around its favourite hours."""

    name: str
    power_w: float
    power_factor: float
    slot_s: int
    on_s: int
    hours: tuple[float, ...]
    chance: float


APPLIANCES = (
    Appliance("kettle", 2050.0, 1.0, 900, 180, (7.2, 10.5, 16.0), 0.5),
    Appliance("hob", 1700.0, 1.0, 1800, 1500, (12.2, 19.0), 0.7),
    Appliance("oven", 2300.0, 1.0, 3600, 2400, (18.6,), 0.6),
    Appliance("washer", 1900.0, 0.95, 7200, 1300, (10.0, 20.5), 0.35),
    Appliance("hoover", 820.0, 0.92, 1800, 900, (11.0,), 0.2),
)


def synthetic_load(seed: int = 0) -> Load:
    """Return a believable household, the same for the same seed; hours are counted in UTC."""

    def load(t: float) -> LoadPoint:
        active_w, reactive_var = _household(seed, t)
        apparent_va = math.hypot(active_w, reactive_var)
        open_v = 231.5 + 2.5 * _wander(seed, "grid", t, 1200.0)
        open_v += 0.4 * _wander(seed, "street", t, 20.0)
        # The line's own resistance: a kettle takes a good two volts off the socket.
        voltage_v = open_v - 0.25 * apparent_va / open_v
        return LoadPoint(
            voltage_v=voltage_v,
            current_a=apparent_va / voltage_v,
            power_w=active_w,
            frequency_hz=50.0 + 0.045 * _wander(seed, "hz", t, 90.0),
            power_factor=active_w / apparent_va,
        )

    return load


def _household(seed: int, t: float) -> tuple[float, float]:
    """Return active W and reactive var of everything that is on."""
    hour = (t % DAY_S) / 3600
    parts = [
        (85.0 + 12.0 * _wander(seed, "standby", t, 240.0), 0.72),
        (_fridge_w(seed, t), 0.88),
        (260.0 * _peak(hour, 20.5, 2.2) + 60.0 * _peak(hour, 7.0, 0.9), 0.93),
    ]
    parts += [(_appliance_w(seed, item, t), item.power_factor) for item in APPLIANCES]
    active_w = sum(power_w for power_w, _ in parts)
    reactive_var = sum(power_w * math.tan(math.acos(factor)) for power_w, factor in parts)
    return active_w, reactive_var


def _fridge_w(seed: int, t: float) -> float:
    period_s = 2700.0
    phase = (t / period_s + _chance(seed, "fridge", 0)) % 1.0
    return 95.0 + 6.0 * _wander(seed, "compressor", t, 30.0) if phase < FRIDGE_DUTY else 1.5


def _appliance_w(seed: int, item: Appliance, t: float) -> float:
    slot, into_s = divmod(t, item.slot_s)
    # The verdict of a slot must not flip half-way, so the hour of its start decides.
    start_hour = ((slot * item.slot_s) % DAY_S) / 3600
    keen = max(_peak(start_hour, favourite, 1.0) for favourite in item.hours)
    delay_s = _chance(seed, item.name, int(slot) * 2) * (item.slot_s - item.on_s)
    on = delay_s <= into_s < delay_s + item.on_s
    if not on or _chance(seed, item.name, int(slot) * 2 + 1) >= item.chance * keen:
        return 0.0
    return item.power_w * (1.0 + 0.015 * _wander(seed, item.name, t, 15.0))


def _peak(hour: float, centre: float, width: float) -> float:
    distance = abs((hour - centre + 12.0) % 24.0 - 12.0)
    return math.exp(-((distance / width) ** 2))


def _wander(seed: int, name: str, t: float, step_s: float) -> float:
    """Return a smooth random walk between -1 and 1 that turns about every `step_s` seconds."""
    index, part = divmod(t / step_s, 1.0)
    before = _chance(seed, name, int(index))
    after = _chance(seed, name, int(index) + 1)
    blend = part * part * (3.0 - 2.0 * part)
    return 2.0 * (before + (after - before) * blend) - 1.0


def _chance(seed: int, name: str, index: int) -> float:
    """Return a number in [0, 1) that depends on nothing but the arguments (splitmix64)."""
    state = (seed * 0x9E3779B97F4A7C15 + index) & MASK
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK
    state = (state + 0x9E3779B97F4A7C15) & MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return ((state ^ (state >> 31)) & MASK) / 2**64

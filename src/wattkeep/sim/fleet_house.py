"""What the meters of a fleet show: one real household, shifted and scaled for each device."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from wattkeep.sim.household import COUNTER_SPAN_WH, frequency_hz, load_sample

if TYPE_CHECKING:
    from random import Random

    from wattkeep.sim.household import Household
    from wattkeep.sim.load import Load

FORTNIGHT_S = 14 * 86_400
SMALLEST_SCALE = 0.2
LARGEST_SCALE = 1.8


@cache
def sample_household() -> tuple[Household, Load]:
    """Return the packaged household and its load; reading it takes a moment, once."""
    household = load_sample()
    return household, household.load()


class House:
    """One home: the sample's curve from another moment of its fortnight, larger or smaller."""

    def __init__(self, random: Random, started: float) -> None:
        self._household, self._load = sample_household()
        self._shift_s = random.randrange(FORTNIGHT_S)
        self._scale = random.uniform(SMALLEST_SCALE, LARGEST_SCALE)
        self._base_wh = random.randrange(COUNTER_SPAN_WH // 2)
        self._started = started

    def values(self, t: float) -> str:
        """Return what the meter shows at a Unix time, in its own steps, as six JSON integers."""
        point = self._load(t + self._shift_s)
        used_wh = self._household.energy_wh(self._started + self._shift_s, t + self._shift_s)
        counter_wh = int(self._base_wh + used_wh * self._scale) % COUNTER_SPAN_WH
        return (
            f"{round(point.voltage_v * 10)},{round(point.current_a * self._scale * 1000)},"
            f"{round(point.power_w * self._scale * 10)},{counter_wh},"
            # All homes hang on one grid: its frequency is not shifted.
            f"{round(frequency_hz(t) * 10)},{round(point.power_factor * 100)}"
        )


class Spells:
    """Random stretches of windows, such as outages, that fill a share of the time."""

    def __init__(self, random: Random, share: float, mean_windows: float) -> None:
        self._random = random
        self._mean_windows = max(mean_windows, 1.0)
        # Ends after `mean_windows` on average, so it has to begin this often to fill the share.
        self._begin_chance = share / (self._mean_windows * (1 - share)) if share < 1 else 1.0
        self._is_on = random.random() < share

    def step(self) -> bool:
        """Return whether the next window falls into a stretch."""
        is_on = self._is_on
        if is_on:
            self._is_on = self._random.random() >= 1 / self._mean_windows
        else:
            self._is_on = self._random.random() < self._begin_chance
        return is_on

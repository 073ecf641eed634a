"""A real household's minutes made into a reading every 10 s, as a meter would have sent them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from wattkeep.domain.uci import Minute
from wattkeep.sim.formats import read_rows
from wattkeep.sim.household import FREQUENCY_WAVES, load_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

STEP_S = 10
DAY_S = 86_400
# The first whole year of the data set.
FIRST_S = 1_167_609_600
# A share of the power, and volts.
POWER_NOISE = 0.005
VOLTAGE_NOISE_V = 0.1
SEED = 2007
COLUMNS = ("voltage", "current", "power", "energy", "frequency", "power_factor")


@dataclass(frozen=True)
class Readings:
    """Readings as columns; times in epoch seconds."""

    at_s: NDArray[np.int64]
    values: dict[str, Values]

    def __len__(self) -> int:
        return len(self.at_s)

    def between(self, start_s: int, end_s: int) -> Readings:
        """Return the readings from `start_s` to before `end_s`."""
        first, last = np.searchsorted(self.at_s, (start_s, end_s))
        return Readings(
            self.at_s[first:last], {name: self.values[name][first:last] for name in COLUMNS}
        )

    def used_kwh(self, start_s: int, end_s: int) -> float:
        """Return what the counter rose between the readings at two instants."""
        first, last = np.searchsorted(self.at_s, (start_s, end_s))
        energy = self.values["energy"]
        return float(energy[min(last, len(self) - 1)] - energy[first])


def read_minutes(path: Path | None, days: int) -> Sequence[Minute]:
    """Return so many days of the data set; without it the packaged two weeks, again and again."""
    if path is None:
        rows = load_sample().rows
        return [
            Minute(60 * n, row.active_mw, row.reactive_mvar, row.voltage, row.current)
            for n, row in ((n, rows[n % len(rows)]) for n in range(days * 1440 + 1))
        ]
    end_s = FIRST_S + days * DAY_S + 60
    wanted = takewhile(lambda row: row.start_s < end_s, read_rows(path))
    return [row for row in wanted if isinstance(row, Minute) and row.start_s >= FIRST_S]


def make_readings(minutes: Sequence[Minute], start_s: int, end_s: int) -> Readings:
    """Return a reading every 10 s from `start_s` to `end_s`, in the meter's steps.

    Values go straight from one minute's middle to the next one's, with noise on every reading: a
    smooth line is too easy to keep. The counter counts whole Wh of that power.
    """
    at_s = np.arange(start_s, end_s + 1, STEP_S)
    shift_s = start_s - minutes[0].start_s
    middles = np.array([row.start_s + 30 + shift_s for row in minutes], np.float64)

    def between(values: Sequence[float]) -> Values:
        return np.interp(at_s, middles, np.array(values, np.float64))

    random = np.random.default_rng(SEED)
    swing = 1.0 + random.normal(0.0, POWER_NOISE, len(at_s))
    power = between([row.active_mw / 1000 for row in minutes]) * swing
    reactive = between([row.reactive_mvar / 1000 for row in minutes]) * swing
    voltage = between([row.voltage for row in minutes])
    voltage += random.normal(0.0, VOLTAGE_NOISE_V, len(at_s))
    apparent = np.hypot(power, reactive)
    counted_wh = np.cumsum(power * STEP_S / 3600) + 1_482_000
    frequency = 50.0 + sum(
        size * np.sin(2 * np.pi * at_s / period) for period, size in FREQUENCY_WAVES
    )
    return Readings(
        at_s,
        {
            "voltage": np.round(voltage, 1),
            "current": np.round(apparent / voltage, 3),
            "power": np.round(power, 1),
            "energy": np.round(np.floor(counted_wh) / 1000, 3),
            "frequency": np.round(frequency, 1),
            "power_factor": np.round(power / np.maximum(apparent, 0.001), 2),
        },
    )

"""How good the mains is: ten-minute means, sags, swells and frequency, from single readings.

After EN 50160's way of looking: means over ten minutes, 95 % of them within ±10 % of the nominal
voltage, frequency within ±1 % for 99.5 % of the time. A reading is itself a mean over the device's
interval, so what is over within seconds is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

TEN_MINUTES_MS = 600_000
TOLERANCE = 0.1
FREQUENCY_TOLERANCE = 0.01
NOMINALS_V = (100, 110, 120, 127, 220, 230, 240)
# Which one is taken when nobody said: 230 V also where the wall shows 238.
GUESSES_V = ((110, 100), (175, 120), (1000, 230))
NOMINALS_HZ = (50, 60)
# A mean of fewer readings than this share of ten minutes is not taken for one.
LEAST_FILLED = 0.5
# Readings further apart than so many intervals do not belong to one sag.
MISSED_REPORTS = 3


class Excursion(NamedTuple):
    """A time outside the band, and the voltage furthest out."""

    start_ms: int
    end_ms: int
    extreme_v: float

    @property
    def seconds(self) -> float:
        return (self.end_ms - self.start_ms) / 1000


class Extent(NamedTuple):
    """The least, the mean and the greatest of some values."""

    least: float
    mean: float
    greatest: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What a span's readings say. `voltage` and `frequency` are None where nothing is known."""

    nominal_v: int
    means: int
    means_within: int
    voltage: Extent | None
    sags: Sequence[Excursion]
    swells: Sequence[Excursion]
    nominal_hz: int | None
    frequency: Extent | None
    frequency_share: float | None

    @property
    def share(self) -> float | None:
        """Return how many of the ten-minute means are within the band."""
        return self.means_within / self.means if self.means else None


def guess_nominal(volts: NDArray[np.float64]) -> int | None:
    """Return the mains' nominal voltage; None without readings."""
    known = volts[~np.isnan(volts)]
    if not len(known):
        return None
    middle = float(np.median(known))
    return next((nominal for below, nominal in GUESSES_V if middle < below), None)


def voltage_quality(
    timestamps: NDArray[np.int64],
    volts: NDArray[np.float64],
    hertz: NDArray[np.float64],
    nominal_v: int,
    interval_s: int,
) -> Quality:
    """Return what readings, in order of time, say; NaN for what is not known."""
    is_known = ~np.isnan(volts)
    at, known = timestamps[is_known], volts[is_known]
    means = ten_minute_means(at, known, interval_s)
    low, high = nominal_v * (1 - TOLERANCE), nominal_v * (1 + TOLERANCE)
    is_within = (means >= low) & (means <= high)
    frequencies = hertz[~np.isnan(hertz)]
    nominal_hz = _nominal_hz(frequencies)
    share = None
    if nominal_hz is not None:
        is_near = np.abs(frequencies - nominal_hz) <= nominal_hz * FREQUENCY_TOLERANCE + 1e-9
        share = float(np.mean(is_near))
    return Quality(
        nominal_v,
        len(means),
        int(is_within.sum()),
        _extent(means),
        _excursions(at, known, known < low, interval_s, min),
        _excursions(at, known, known > high, interval_s, max),
        nominal_hz,
        _extent(frequencies),
        share,
    )


def ten_minute_means(
    at: NDArray[np.int64], volts: NDArray[np.float64], interval_s: int
) -> NDArray[np.float64]:
    """Return the mean of each full ten minutes that is at least half filled with readings."""
    if not len(at):
        return np.empty(0)
    bins = at // TEN_MINUTES_MS
    firsts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
    counts = np.diff(firsts, append=len(at))
    sums = np.add.reduceat(volts, firsts)
    least = max(1.0, LEAST_FILLED * TEN_MINUTES_MS / 1000 / interval_s)
    filled = counts >= least
    means: NDArray[np.float64] = sums[filled] / counts[filled]
    return means


def _nominal_hz(frequencies: NDArray[np.float64]) -> int | None:
    if not len(frequencies):
        return None
    middle = float(np.median(frequencies))
    return min(NOMINALS_HZ, key=lambda nominal: abs(nominal - middle))


def _extent(values: NDArray[np.float64]) -> Extent | None:
    if not len(values):
        return None
    return Extent(float(values.min()), float(values.mean()), float(values.max()))


def _excursions(
    at: NDArray[np.int64],
    volts: NDArray[np.float64],
    is_out: NDArray[np.bool_],
    interval_s: int,
    furthest: Callable[[list[float]], float],
) -> list[Excursion]:
    """Return each run of readings outside; a reading stands for the interval before it."""
    places = np.flatnonzero(is_out)
    if not len(places):
        return []
    quiet_ms = MISSED_REPORTS * interval_s * 1000
    breaks = (np.diff(places) > 1) | (np.diff(at[places]) > quiet_ms)
    found = []
    for run in np.split(places, np.flatnonzero(breaks) + 1):
        start_ms = int(at[run[0]]) - interval_s * 1000
        found.append(Excursion(start_ms, int(at[run[-1]]), furthest(volts[run].tolist())))
    return found

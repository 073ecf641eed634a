"""What makes a reading a reading: its time, and what no meter can have measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, overload

from wattkeep.domain.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

EARLIEST_MS = to_ms(datetime(2020, 1, 1, tzinfo=UTC))
MOST_AHEAD_MS = 60_000
MOST_AGE_S = 31_536_000
MOST_TIME_LETTERS = 64
# Twice what the ranges of voltage and current allow.
MOST_POWER_W = 100_000
MOST_ENERGY_KWH = 1e9


class Reading(NamedTuple):
    """One device's values at one instant, as stored."""

    device_id: int
    timestamp_ms: int
    voltage: float
    current: float
    power: float
    energy: float
    frequency: float
    power_factor: float


# A named tuple's own call takes twice as long.
_make_reading = partial(tuple.__new__, Reading)
_instant = attrgetter("timestamp_ms")


class Run(Sequence[Reading]):
    """Many readings of one device, kept as columns: half the work of as many rows.

    `instants` are epoch milliseconds, `measured` the fields that follow in a reading, all of one
    length. Nobody changes them.
    """

    __slots__ = ("device_id", "instants", "measured")

    def __init__(
        self, device_id: int, instants: list[int], measured: Sequence[list[float]]
    ) -> None:
        self.device_id = device_id
        self.instants = instants
        self.measured = measured

    def __len__(self) -> int:
        return len(self.instants)

    def __iter__(self) -> Iterator[Reading]:
        return map(_make_reading, self.rows())

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> Run: ...
    def __getitem__(self, index: int | slice) -> Reading | Run:
        if isinstance(index, slice):
            measured = [column[index] for column in self.measured]
            return Run(self.device_id, self.instants[index], measured)
        values = [column[index] for column in self.measured]
        return _make_reading((self.device_id, self.instants[index], *values))

    def rows(self) -> Iterator[tuple[float, ...]]:
        """Return what the readings consist of, without making readings of it."""
        return zip(repeat(self.device_id), self.instants, *self.measured, strict=False)

    @property
    def newest(self) -> Reading:
        """The reading with the latest time."""
        return self[self.instants.index(max(self.instants))]


def instants_of(readings: Sequence[Reading]) -> list[int]:
    """Return readings' times in epoch milliseconds."""
    if isinstance(readings, Run):
        return readings.instants
    return [reading.timestamp_ms for reading in readings]


def fields_of(readings: Sequence[Reading]) -> Sequence[Sequence[float]]:
    """Return readings by their fields; a run's device is there once. There has to be one."""
    if isinstance(readings, Run):
        return [(readings.device_id,), readings.instants, *readings.measured]
    return list(zip(*readings, strict=True))


def joined(parts: Sequence[Sequence[Reading]]) -> Sequence[Reading]:
    """Return one device's readings that came in parts as one sequence."""
    if len(parts) == 1:
        return parts[0]
    runs = [part for part in parts if isinstance(part, Run)]
    if len(runs) < len(parts):
        return list(chain.from_iterable(parts))
    instants = list(chain.from_iterable(run.instants for run in runs))
    measured = zip(*(run.measured for run in runs), strict=True)
    return Run(runs[0].device_id, instants, [list(chain.from_iterable(each)) for each in measured])


def in_order(readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return readings by their times, as they are if they are so already."""
    instants = instants_of(readings)
    return readings if instants == sorted(instants) else sorted(readings, key=_instant)


class TimeError(ValueError):
    """A time that cannot be when a reading was taken."""


def instant_ms(value: str | float, now_ms: int) -> int:
    """Return an ISO 8601 text with offset, or Unix seconds, as epoch milliseconds.

    Raises:
        TimeError: unreadable, without an offset, before 2020 or over 60 s ahead of `now_ms`.
    """
    if isinstance(value, str):
        ms = _iso_ms(value)
    else:
        try:
            ms = round(value * 1000)
        except (OverflowError, ValueError):  # infinite, perhaps only by the factor; not a number
            raise TimeError("Not a time.") from None
    if ms < EARLIEST_MS:
        raise TimeError("Before 2020: the sender's clock is not set.")
    if ms > now_ms + MOST_AHEAD_MS:
        raise TimeError("More than 60 s in the future: the sender's clock is wrong.")
    return ms


def _iso_ms(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text[:MOST_TIME_LETTERS])
    except ValueError:
        raise TimeError(
            "Write ISO 8601 with an offset, e.g. 2026-11-23T10:00:00Z, or Unix seconds."
        ) from None
    if instant.tzinfo is None:
        raise TimeError("Without an offset the time is ambiguous: add Z or e.g. +01:00.")
    return to_ms(instant)


def aged_ms(age_s: float, now_ms: int) -> int:
    """Return when something measured `age_s` ago was measured, in epoch milliseconds.

    Raises:
        TimeError: that was before 2020.
    """
    ms = now_ms - round(age_s * 1000)
    if ms < EARLIEST_MS:
        raise TimeError("That was before 2020.")
    return ms


def impossibility(voltage: float, current: float, power: float, energy: float = 0.0) -> str | None:
    """Say why no meter can have measured this, or None if one can.

    A meter without mains does not answer. What arrives as 0 V with a load is a driver that took
    a failed answer for a fresh one: V (0), A (old), W (old).
    """
    if voltage == 0 and (power > 0 or current > 0):
        return f"0 V with {power:g} W and {current:g} A cannot be: the meter did not answer."
    if power > MOST_POWER_W:
        return f"{power:g} W cannot be: 500 V and 100 A make at most 50,000 W."
    if energy > MOST_ENERGY_KWH:
        return f"{energy:g} kWh cannot be: that is more than a country uses in a day."
    return None

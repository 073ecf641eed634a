"""What makes a reading a reading: its time, and what no meter can have measured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from wattkeep.domain.instants import to_ms

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

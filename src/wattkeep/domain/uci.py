"""The UCI household data set: its columns, its clock, its minutes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from typing import TYPE_CHECKING

from wattkeep.domain.cells import positive

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY_S = 86_400
MINUTE_S = 60
MW_MINUTES_PER_WH = 60_000
# The data set keeps French winter time all year.
OFFSET_S = 3_600
# It has no frequency; the French grid's is this.
FREQUENCY_HZ = 50.0
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

VALUE_COLUMNS = (
    "global_active_power",
    "global_reactive_power",
    "voltage",
    "global_intensity",
)
# As the data set has it, between semicolons; and as a package repeats it, between commas.
TWO_STAMPS = ("date", "time", *VALUE_COLUMNS)
ONE_STAMP = ("date_time", *VALUE_COLUMNS)


@dataclass(frozen=True, slots=True)
class Minute:
    """One row: the means over the minute that begins at `start_s`, a Unix time.

    Power is in mW and mvar so that sums stay exact.
    """

    start_s: int
    active_mw: int
    reactive_mvar: int
    voltage: float
    current: float


def read_two_stamps(cells: Sequence[str]) -> Minute:
    """Return the minute in cells ordered as TWO_STAMPS; ValueError says what is wrong."""
    day, time_of_day, *values = cells
    return _minute(day, time_of_day, values)


def read_one_stamp(cells: Sequence[str]) -> Minute:
    """Return the minute in cells ordered as ONE_STAMP; ValueError says what is wrong."""
    stamp, *values = cells
    day, _, time_of_day = stamp.replace("T", " ").partition(" ")
    return _minute(day, time_of_day, values)


def power_factor(active: float, reactive: float) -> float:
    """Return active over apparent power in the meter's steps of 0.01; 0 on a dead line."""
    apparent = math.hypot(active, reactive)
    return min(1.0, round(active / apparent, 2)) if apparent else 0.0


def _minute(day: str, time_of_day: str, values: Sequence[str]) -> Minute:
    active_kw, reactive_kvar, voltage, current = map(positive, VALUE_COLUMNS, values)
    return Minute(
        start_s=_midnight_s(day) + _second_of_day(time_of_day) - OFFSET_S,
        active_mw=round(active_kw * 1_000_000),
        reactive_mvar=round(reactive_kvar * 1_000_000),
        voltage=voltage,
        current=current,
    )


@lru_cache(maxsize=16)
def _midnight_s(text: str) -> int:
    """Return the Unix time of a day's start, read from d/m/Y or Y-m-d."""
    try:
        if "/" in text:
            day, month, year = map(int, text.split("/"))
        else:
            year, month, day = map(int, text.split("-"))
        return (date(year, month, day).toordinal() - EPOCH_ORDINAL) * DAY_S
    except ValueError:
        raise ValueError(f"not a date: {text!r}") from None


@lru_cache(maxsize=2_048)
def _second_of_day(text: str) -> int:
    try:
        moment = time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"not a time of day: {text!r}") from None
    return moment.hour * 3_600 + moment.minute * MINUTE_S + moment.second

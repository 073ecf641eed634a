"""What is read out of a file: readings by UTC day, and the lines that were none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattkeep.domain.columns import Columns
from wattkeep.domain.instants import from_ms
from wattkeep.domain.readings import MOST_AHEAD_MS, MOST_POWER_W, impossibility

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

NAN = float("nan")
DAY_MS = 86_400_000
COLUMNS = ("voltage", "current", "power", "energy", "frequency", "power_factor")
# So many refused lines are told one by one; the others are counted.
TOLD_LINES = 20
# A file that jumps between days makes parts of a few lines each; no part has more than these.
MOST_IN_PART = 100_000


class Row(NamedTuple):
    """A reading and the line it stands in; NaN for what the file does not say."""

    line: int
    timestamp_ms: int
    energy: float
    power: float = NAN
    voltage: float = NAN
    current: float = NAN
    frequency: float = NAN
    power_factor: float = NAN


class Refused(NamedTuple):
    """A line that is not taken, and why not."""

    line: int
    reason: str


class Blank(NamedTuple):
    """A line that says that there is no value."""

    line: int


Entry = Row | Refused | Blank


@dataclass(slots=True)
class Tally:
    """What became of a file's lines."""

    readings: int = 0
    blank: int = 0
    refused: int = 0
    told: list[Refused] = field(default_factory=list)
    by_reason: Counter[str] = field(default_factory=Counter)

    def refuse(self, refused: Refused) -> None:
        """Count a refused line, and keep the first ones' words."""
        self.refused += 1
        # The value at the end of the words differs from line to line.
        self.by_reason[refused.reason.partition(": ")[0]] += 1
        if len(self.told) < TOLD_LINES:
            self.told.append(refused)


@dataclass(frozen=True, slots=True)
class DayPart:
    """Readings of one UTC day that stand together in a file, ascending, no instant twice."""

    day_ms: int
    columns: Columns


def day_parts(entries: Iterator[Entry], tally: Tally, now_ms: int) -> Iterator[DayPart]:
    """Yield a file's readings by UTC day, in the file's order; count the rest in `tally`.

    A file in order gives one part a day.
    """
    rows: list[Row] = []
    end_ms = start_ms = 0
    for entry in entries:
        if not isinstance(entry, Row):
            if isinstance(entry, Refused):
                tally.refuse(entry)
            else:
                tally.blank += 1
            continue
        if not start_ms <= entry.timestamp_ms < end_ms or len(rows) == MOST_IN_PART:
            if rows:
                yield from _part(start_ms, rows, tally, now_ms)
                rows = []
            start_ms = entry.timestamp_ms - entry.timestamp_ms % DAY_MS
            end_ms = start_ms + DAY_MS
        rows.append(entry)
    if rows:
        yield from _part(start_ms, rows, tally, now_ms)


def _part(day_ms: int, rows: list[Row], tally: Tally, now_ms: int) -> Iterator[DayPart]:
    lines, timestamps, energy, power, voltage, current, frequency, power_factor = zip(
        *rows, strict=True
    )
    columns = Columns(
        np.array(timestamps, np.int64),
        {
            "voltage": np.array(voltage, np.float64),
            "current": np.array(current, np.float64),
            "power": np.array(power, np.float64),
            "energy": np.array(energy, np.float64),
            "frequency": np.array(frequency, np.float64),
            "power_factor": np.array(power_factor, np.float64),
        },
    )
    kept = _without_impossible(columns, np.array(lines, np.int64), tally, now_ms)
    if len(kept):
        tally.readings += len(kept)
        yield DayPart(day_ms, kept)


def _without_impossible(
    columns: Columns, lines: NDArray[np.int64], tally: Tally, now_ms: int
) -> Columns:
    """Return what can be, in order; of lines with the same instant the first."""
    bad = _suspects(columns, now_ms)
    timestamps = columns.timestamps
    order = np.argsort(timestamps, kind="stable")
    repeats = np.zeros(len(columns), np.bool_)
    repeats[order[1:]] = timestamps[order[1:]] == timestamps[order[:-1]]
    if not bad.any() and not repeats.any() and bool(np.all(order[1:] > order[:-1])):
        return columns
    for index in np.flatnonzero(bad | repeats).tolist():
        if reason := _reason(columns, index, now_ms):
            bad[index] = True
        elif repeats[index]:
            bad[index] = True
            moment = from_ms(int(timestamps[index]))
            reason = f"the same time as a line before: {moment:%Y-%m-%d %H:%M:%S} UTC"
        else:
            bad[index] = False
            continue
        tally.refuse(Refused(int(lines[index]), reason))
    kept = order[~bad[order]]
    return Columns(timestamps[kept], {name: columns[name][kept] for name in COLUMNS})


def _suspects(columns: Columns, now_ms: int) -> NDArray[np.bool_]:
    """Return which readings have to be looked at one by one."""
    bad: NDArray[np.bool_] = (columns.timestamps < 0) | (
        columns.timestamps > now_ms + MOST_AHEAD_MS
    )
    for name in COLUMNS:
        bad |= columns[name] < 0
    bad |= columns["power_factor"] > 1
    bad |= columns["power"] > MOST_POWER_W
    bad |= columns["voltage"] == 0
    bad |= ~np.isfinite(columns["energy"])
    bad |= columns["energy"] > 1e9  # noqa: PLR2004 - `impossibility` has the words
    return bad


def _reason(columns: Columns, index: int, now_ms: int) -> str | None:
    """Say why a reading cannot be, or None if it can."""
    at_ms = int(columns.timestamps[index])
    if at_ms < 0:
        return "before 1970"
    if at_ms > now_ms + MOST_AHEAD_MS:
        return f"in the future: {from_ms(at_ms):%Y-%m-%d %H:%M:%S} UTC"
    values = {name: float(columns[name][index]) for name in COLUMNS}
    for name, value in values.items():
        if value < 0:
            return f"{name} is below zero: {value:g}"
    if values["power_factor"] > 1:
        return f"power_factor is above one: {values['power_factor']:g}"
    return impossibility(*(values[name] for name in islice(COLUMNS, 4)))

"""A feed exported by emoncms as CSV: a time and one value, or several feeds side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from wattkeep.domain.cells import finite
from wattkeep.domain.counter import GAP_MS, MS_PER_HOUR
from wattkeep.domain.readings import MOST_AHEAD_MS
from wattkeep.importing.clocks import Clock
from wattkeep.importing.files import ImportFileError
from wattkeep.importing.rows import Blank, Entry, Refused, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from zoneinfo import ZoneInfo

MISSING = frozenset({"", "null", "nan"})
DELIMITERS = ("\t", ";", ",")
# A unit's kWh, or kW.
KILO = {"W": 0.001, "kW": 1.0, "Wh": 0.001, "kWh": 1.0}
POWER_UNITS = frozenset({"W", "kW"})
# Fewer values than this say nothing about what they are.
FEWEST_TO_GUESS = 10
# A counter that would have to rise faster than this is not one in kWh.
MOST_KW = 100.0


@dataclass(frozen=True, slots=True)
class Feed:
    """How one feed of a file is to be read."""

    delimiter: str
    unit: str
    column: int = 1
    # A longer time without a value is a gap: nothing is known of the power in it.
    gap_ms: int = GAP_MS

    @property
    def is_power(self) -> bool:
        return self.unit in POWER_UNITS


def is_feed(head: str) -> bool:
    """Tell whether a file begins as a table of times and numbers without titles."""
    for line in head.splitlines()[:2]:
        for delimiter in DELIMITERS:
            cells = line.split(delimiter)
            if len(cells) > 1 and _first_cell(cells[0]) and all(map(_is_value, cells[1:])):
                return True
    return False


def plan_feed(head: str, zone: ZoneInfo, unit: str | None, column: int) -> tuple[Feed, list[str]]:
    """Return how to read a file that begins so, and what was guessed, in words.

    Raises:
        ImportFileError: there is no such column, or nothing tells what its values are.
    """
    lines = head.splitlines()
    delimiter = next((one for one in DELIMITERS if one in lines[-1] or one in lines[0]), ",")
    columns = len(lines[0].split(delimiter)) - 1
    if not 1 <= column <= columns:
        raise ImportFileError(f"there is no column {column}: the file has {columns} with values")
    points = list(_points(lines, delimiter, zone, column))
    notes = []
    if columns > 1:
        notes.append(f"column {column} of {columns} is read (--column chooses another)")
    if unit is None:
        unit = _guess_unit(points)
        what = "a power in W" if unit in POWER_UNITS else f"a counter in {unit}"
        notes.append(f"the values look like {what} (--unit says otherwise)")
    steps = [after - before for (before, _), (after, _) in pairwise(points) if after > before]
    # Hourly means are no gaps.
    gap_ms = max(GAP_MS, round(1.5 * median(steps))) if steps else GAP_MS
    return Feed(delimiter, unit, column, gap_ms), notes


def read_feed(
    lines: Iterable[str], feed: Feed, zone: ZoneInfo, now_ms: float = math.inf
) -> Iterator[Entry]:
    """Yield what each line says; power is made into a counter, trapezoid by trapezoid."""
    clock = Clock(zone)
    factor = KILO[feed.unit]
    counter_kwh = last_kw = 0.0
    last_ms: int | None = None
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            at_ms, value = _read_line(text, feed, clock)
        except ValueError as error:
            if number > 1:  # the first may hold titles
                yield Refused(number, str(error))
            continue
        if value is None:
            yield Blank(number)
        elif not feed.is_power:
            yield Row(number, at_ms, value * factor)
        elif reason := _power_refusal(at_ms, value, last_ms, now_ms):
            yield Refused(number, reason + (f"{value:g}" if value < 0 else text.strip()))
        else:
            kw = value * factor
            if last_ms is not None and at_ms - last_ms <= feed.gap_ms:
                counter_kwh += (last_kw + kw) / 2 * (at_ms - last_ms) / MS_PER_HOUR
            last_ms, last_kw = at_ms, kw
            yield Row(number, at_ms, _whole_mwh(counter_kwh), kw * 1000)


def _power_refusal(at_ms: int, value: float, last_ms: int | None, now_ms: float) -> str:
    """Return why a line cannot be added to what the lines before made; empty if it can."""
    if value < 0:
        return "power is below zero: "
    if at_ms > now_ms + MOST_AHEAD_MS:
        # Refused here already: taken up, it would leave no line after it ahead of the last.
        return "in the future: "
    return "time does not move forward: " if last_ms is not None and at_ms <= last_ms else ""


def _whole_mwh(kwh: float) -> float:
    """Return kWh to the thousandth of a watt-hour: more digits would be made up."""
    return round(kwh, 6)


def _read_line(text: str, feed: Feed, clock: Clock) -> tuple[int, float | None]:
    cells = text.rstrip("\r\n").split(feed.delimiter)
    if len(cells) <= feed.column:
        raise ValueError(f"{len(cells)} columns where {feed.column + 1} are needed")
    at_ms = clock.read(cells[0].strip().strip('"'))
    cell = cells[feed.column].strip().strip('"')
    if cell.lower() in MISSING:
        return at_ms, None
    if feed.delimiter != ",":
        cell = cell.replace(",", ".")
    return at_ms, finite("value", cell)


def _points(
    lines: Sequence[str], delimiter: str, zone: ZoneInfo, column: int
) -> Iterator[tuple[int, float]]:
    """Yield a file's first times and values; the last line of a head may be cut."""
    feed, clock = Feed(delimiter, "W", column), Clock(zone)
    for text in lines[:-1] if len(lines) > FEWEST_TO_GUESS else lines:
        try:
            at_ms, value = _read_line(text, feed, clock)
        except ValueError:
            continue
        if value is not None:
            yield at_ms, value


def _guess_unit(points: list[tuple[int, float]]) -> str:
    rises = [
        (after - before, (at - was) / MS_PER_HOUR)
        for (was, before), (at, after) in pairwise(points)
        if at > was
    ]
    if len(rises) < FEWEST_TO_GUESS:
        raise ImportFileError(
            "too few values to tell whether they are a power or a counter: "
            "add --unit W, kW, Wh or kWh"
        )
    if any(rise < 0 for rise, _ in rises) or not any(rise for rise, _ in rises):
        return "W"
    return "kWh" if all(rise <= MOST_KW * hours for rise, hours in rises) else "Wh"


def _first_cell(cell: str) -> bool:
    """Tell whether a cell may be a time: a number, or a date that begins with digits."""
    text = cell.strip().strip('"')
    return bool(text) and text[0].isdigit()


def _is_value(cell: str) -> bool:
    text = cell.strip().strip('"').lower()
    if text in MISSING:
        return True
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True

"""Wattkeep's own CSV, as the export writes it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from wattkeep.domain.cells import finite, timestamp_ms
from wattkeep.importing.rows import NAN, Blank, Entry, Refused, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VALUES = ("voltage", "current", "power", "energy", "frequency", "power_factor")
TITLES = ("timestamp", *VALUES)


def is_own(titles: list[str]) -> bool:
    """Tell whether a header is that of an export; the counter is what it needs beside the time."""
    return {"timestamp", "energy"} <= set(titles)


def read_own(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield what each line after the header says."""
    reader = csv.reader(lines)
    titles = [title.strip().lower() for title in next(reader)]
    at = titles.index("timestamp")
    places = [titles.index(name) if name in titles else -1 for name in VALUES]
    for fields in reader:
        if not fields:
            continue
        line = reader.line_num
        if len(fields) != len(titles):
            yield Refused(line, f"{len(fields)} columns where the header has {len(titles)}")
            continue
        cells = ["" if place < 0 else fields[place] for place in places]
        if not any(cells):
            yield Blank(line)
            continue
        try:
            yield _row(line, fields[at], cells)
        except ValueError as error:
            yield Refused(line, str(error))


def _row(line: int, time: str, cells: list[str]) -> Row:
    values = [finite(name, cell) if cell else NAN for name, cell in zip(VALUES, cells, strict=True)]
    voltage, current, power, energy, frequency, factor = values
    if energy != energy:  # noqa: PLR0124 - NaN
        raise ValueError("energy is missing: the counter is what everything is made from")
    return Row(line, timestamp_ms(time), energy, power, voltage, current, frequency, factor)

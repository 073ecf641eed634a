"""Files of measurements: the UCI household data set and Wattkeep's own CSV, read row by row."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from wattkeep.domain.cells import finite, timestamp_ms
from wattkeep.domain.uci import (
    DAY_S,
    FREQUENCY_HZ,
    MINUTE_S,
    MW_MINUTES_PER_WH,
    OFFSET_S,
    ONE_STAMP,
    TWO_STAMPS,
    Minute,
    power_factor,
    read_one_stamp,
    read_two_stamps,
)
from wattkeep.unpacking import DAMAGE, ArchiveError, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

# The wire refuses times before 2020. Whole weeks keep the weekday, and one constant for every part
# of the file means that a part replayed again meets the keys it made before.
UCI_SHIFT_DAYS = 731 * 7

HEADER_LIMIT = 4_096
CHUNK_BYTES = 1 << 20


class FormatError(ValueError):
    """A file that cannot be read as measurements; the message names file, line and value."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a meter shows at one moment: V, A, W, the counter in kWh, Hz, and 0-1."""

    timestamp_ms: int
    voltage: float
    current: float
    power: float
    energy: float
    frequency: float
    power_factor: float


@dataclass(slots=True)
class Tally:
    """Counts kept while a file is read: all data rows, and those skipped as missing."""

    rows: int = 0
    skipped: int = 0


Row = Minute | Sample


@dataclass(frozen=True, slots=True)
class _Layout:
    delimiter: str
    columns: tuple[str, ...]
    convert: Callable[[Sequence[str]], Row]


@dataclass(frozen=True, slots=True)
class _Table:
    """A file's layout, how wide its rows are, and what picks the layout's columns out of them."""

    layout: _Layout
    width: int
    pick: Callable[[Sequence[str]], tuple[str, ...]]

    def read(self, fields: Sequence[str]) -> Row | None:
        """Return the row, or None where a value is missing."""
        if len(fields) != self.width:
            raise ValueError(f"{len(fields)} columns where the header has {self.width}")
        cells = self.pick(fields)
        if "?" in cells or "" in cells:
            return None
        return self.layout.convert(cells)


def read_samples(
    path: Path,
    *,
    shift_days: int | None = None,
    opening: bool = True,
    tally: Tally | None = None,
) -> Iterator[Sample]:
    """Yield a file's readings in the file's order.

    `shift_days` moves every timestamp; by default 5,117 days for the UCI data, none for our own.
    `opening` is explained at `meter_minutes`; our own CSV holds readings already and gets none.
    """
    rows = read_rows(path, tally)
    first = next(rows, None)
    if first is None:
        return
    rows = chain((first,), rows)
    if isinstance(first, Minute):
        minutes = (row for row in rows if isinstance(row, Minute))
        days = UCI_SHIFT_DAYS if shift_days is None else shift_days
        yield from meter_minutes(minutes, shift_days=days, opening=opening)
        return
    shift_ms = (shift_days or 0) * DAY_S * 1000
    for row in rows:
        if isinstance(row, Sample):
            yield replace(row, timestamp_ms=row.timestamp_ms + shift_ms)


def meter_minutes(
    minutes: Iterable[Minute],
    *,
    first_counter_wh: int = 0,
    shift_days: int = UCI_SHIFT_DAYS,
    opening: bool = True,
) -> Iterator[Sample]:
    """Yield what a meter on that line would have shown at the end of each minute.

    The energy of n minutes needs the counter at both ends, so with `opening` the first minute is
    preceded by a reading at its start: n minutes give n + 1 readings. A missing minute adds nothing
    to the counter. The counter is the floor of an exact sum: any difference of two is less than
    1 Wh from the data's own sum.
    """
    counter = first_counter_wh * MW_MINUTES_PER_WH
    shift_s = shift_days * DAY_S
    for minute in minutes:
        start_s = minute.start_s + shift_s
        if opening:
            yield _show(minute, start_s, counter)
            opening = False
        counter += minute.active_mw
        yield _show(minute, start_s + MINUTE_S, counter)


def read_rows(path: Path, tally: Tally | None = None) -> Iterator[Row]:
    """Yield a file's rows as they stand; packed or plain.

    Rows with a missing value ("?" or nothing) are left out and counted in `tally`. Raises
    FormatError for anything that is not as the header promises; rows before it were good.
    """
    counts = Tally() if tally is None else tally
    try:
        with path.open("rb") as raw, unpacked(raw) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
            yield from _parse(text, path.name, counts)
    except ArchiveError as error:
        raise FormatError(f"{path.name}: {error}") from error
    except DAMAGE as error:
        raise FormatError(f"{path.name}: the compressed file is damaged or cut short") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: not a text file (byte {error.start})") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from error


def count_rows(path: Path) -> int:
    """Return how many data rows a file has at most, at the cost of one pass over its bytes."""
    try:
        with path.open("rb") as raw, unpacked(raw) as stream:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(CHUNK_BYTES), b""))
    except (OSError, ArchiveError, *DAMAGE) as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error
    return max(lines - 1, 0)


def _parse(text: io.TextIOWrapper, name: str, tally: Tally) -> Iterator[Row]:
    table = _recognise(text.readline(HEADER_LIMIT), name)
    reader = csv.reader(text, delimiter=table.layout.delimiter)
    previous: Row | None = None
    try:
        for fields in reader:
            if not fields:
                continue
            tally.rows += 1
            row = table.read(fields)
            if row is None:
                tally.skipped += 1
                continue
            _check_order(previous, row)
            previous = row
            yield row
    except UnicodeDecodeError:
        raise
    except (ValueError, csv.Error) as error:
        # The reader counts from the line after the header.
        raise FormatError(f"{name}, line {reader.line_num + 1}: {error}") from error


def _recognise(header: str, name: str) -> _Table:
    if not header.strip():
        raise FormatError(f"{name}: the first line is empty; a header is expected")
    for layout in LAYOUTS:
        titles = [title.strip().strip('"').lower() for title in header.split(layout.delimiter)]
        if set(layout.columns) <= set(titles):
            places = [titles.index(column) for column in layout.columns]
            return _Table(layout, len(titles), itemgetter(*places))
    raise FormatError(
        f"{name}: the header {header.strip()[:80]!r} is neither the UCI household data set's "
        f"nor Wattkeep's ({','.join(OWN_COLUMNS)})"
    )


def _check_order(previous: Row | None, row: Row) -> None:
    """Refuse a minute that is not after the last one: the counter would be made of nonsense."""
    if isinstance(previous, Minute) and isinstance(row, Minute) and row.start_s <= previous.start_s:
        moment = datetime.fromtimestamp(row.start_s + OFFSET_S, UTC)
        raise ValueError(f"time does not move forward: {moment:%Y-%m-%d %H:%M:%S}")


def _convert_own(cells: Sequence[str]) -> Sample:
    return Sample(timestamp_ms(cells[0]), *map(finite, OWN_COLUMNS[1:], cells[1:]))


def _show(minute: Minute, at_s: int, counter_mw_minutes: int) -> Sample:
    return Sample(
        timestamp_ms=at_s * 1000,
        voltage=minute.voltage,
        current=minute.current,
        power=minute.active_mw / 1000,
        energy=counter_mw_minutes // MW_MINUTES_PER_WH / 1000,
        frequency=FREQUENCY_HZ,
        power_factor=power_factor(minute.active_mw, minute.reactive_mvar),
    )


OWN_COLUMNS = (
    "timestamp",
    "voltage",
    "current",
    "power",
    "energy",
    "frequency",
    "power_factor",
)
LAYOUTS = (
    _Layout(";", TWO_STAMPS, read_two_stamps),
    _Layout(",", ONE_STAMP, read_one_stamp),
    _Layout(",", OWN_COLUMNS, _convert_own),
)

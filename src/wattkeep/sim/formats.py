"""Files of measurements: the UCI household data set and Wattkeep's own CSV, read row by row."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import math
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

DAY_S = 86_400
MINUTE_S = 60
MW_MINUTES_PER_WH = 60_000

# The data set keeps French winter time all year.
UCI_OFFSET_S = 3_600
# The wire refuses times before 2020. Whole weeks keep the weekday, and one constant for every part
# of the file means that a part replayed again meets the keys it made before.
UCI_SHIFT_DAYS = 731 * 7
UCI_FREQUENCY_HZ = 50.0

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
LATEST_UNIX_S = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
HEADER_LIMIT = 4_096
CHUNK_BYTES = 1 << 20
MAGIC_BYTES = 6
GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\x00"
ZIP_MAGIC = b"PK\x03\x04"


class FormatError(ValueError):
    """A file that cannot be read as measurements; the message names file, line and value."""


@dataclass(frozen=True, slots=True)
class Minute:
    """One row of the UCI data set: the means over the minute that begins at `start_s`.

    `start_s` is Unix time, unshifted. Power is in mW and mvar so that sums stay exact.
    """

    start_s: int
    active_mw: int
    reactive_mvar: int
    voltage: float
    current: float


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
    """Yield a file's rows as they stand; plain, gzip and xz are told apart by their first bytes.

    Rows with a missing value ("?" or nothing) are left out and counted in `tally`. Raises
    FormatError for anything that is not as the header promises; rows before it were good.
    """
    counts = Tally() if tally is None else tally
    try:
        with _open_unpacked(path) as unpacked:
            text = io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline="")
            yield from _parse(text, path.name, counts)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise FormatError(f"{path.name}: the compressed file is damaged or cut short") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: not a text file (byte {error.start})") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from error


def count_rows(path: Path) -> int:
    """Return how many data rows a file has at most, at the cost of one pass over its bytes."""
    try:
        with _open_unpacked(path) as unpacked:
            lines = sum(
                chunk.count(b"\n") for chunk in iter(lambda: unpacked.read(CHUNK_BYTES), b"")
            )
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error
    return max(lines - 1, 0)


@contextmanager
def _open_unpacked(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        magic = raw.peek(MAGIC_BYTES)[:MAGIC_BYTES]
        if magic.startswith(ZIP_MAGIC):
            raise FormatError(f"{path.name}: a zip archive; unpack it and give the file inside")
        if magic.startswith(GZIP_MAGIC):
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast("IO[bytes]", unpacked)
        elif magic.startswith(XZ_MAGIC):
            with lzma.LZMAFile(raw) as unpacked:
                yield unpacked
        else:
            yield raw


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
        moment = datetime.fromtimestamp(row.start_s + UCI_OFFSET_S, UTC)
        raise ValueError(f"time does not move forward: {moment:%Y-%m-%d %H:%M:%S}")


def _convert_uci(cells: Sequence[str]) -> Minute:
    day, time_of_day, *values = cells
    return _minute(day, time_of_day, values)


def _convert_uci_one_stamp(cells: Sequence[str]) -> Minute:
    stamp, *values = cells
    day, _, time_of_day = stamp.replace("T", " ").partition(" ")
    return _minute(day, time_of_day, values)


def _minute(day: str, time_of_day: str, values: Sequence[str]) -> Minute:
    active_kw, reactive_kvar, voltage, current = map(_positive, UCI_VALUES, values)
    return Minute(
        start_s=_midnight_s(day) + _second_of_day(time_of_day) - UCI_OFFSET_S,
        active_mw=round(active_kw * 1_000_000),
        reactive_mvar=round(reactive_kvar * 1_000_000),
        voltage=voltage,
        current=current,
    )


def _convert_own(cells: Sequence[str]) -> Sample:
    return Sample(_timestamp_ms(cells[0]), *map(_finite, OWN_COLUMNS[1:], cells[1:]))


def _finite(title: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{title} is not a number: {text!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"{title} is not a finite number: {text!r}")
    return value


def _positive(title: str, text: str) -> float:
    value = _finite(title, text)
    if value < 0:
        raise ValueError(f"{title} is below zero: {text!r}")
    return value


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


def _timestamp_ms(text: str) -> int:
    try:
        seconds = float(text)
    except ValueError:
        return _iso_ms(text)
    if not 0 <= seconds < LATEST_UNIX_S:
        raise ValueError(f"timestamp is not a Unix time in seconds: {text!r}")
    return round(seconds * 1000)


def _iso_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"timestamp is neither ISO 8601 nor Unix seconds: {text!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"timestamp has no UTC offset: {text!r}")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _show(minute: Minute, at_s: int, counter_mw_minutes: int) -> Sample:
    return Sample(
        timestamp_ms=at_s * 1000,
        voltage=minute.voltage,
        current=minute.current,
        power=minute.active_mw / 1000,
        energy=counter_mw_minutes // MW_MINUTES_PER_WH / 1000,
        frequency=UCI_FREQUENCY_HZ,
        power_factor=power_factor(minute.active_mw, minute.reactive_mvar),
    )


def power_factor(active: float, reactive: float) -> float:
    """Return active over apparent power in the meter's steps of 0.01; 0 on a dead line."""
    apparent = math.hypot(active, reactive)
    return min(1.0, round(active / apparent, 2)) if apparent else 0.0


UCI_VALUES = ("global_active_power", "global_reactive_power", "voltage", "global_intensity")
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
    _Layout(";", ("date", "time", *UCI_VALUES), _convert_uci),
    _Layout(",", ("date_time", *UCI_VALUES), _convert_uci_one_stamp),
    _Layout(",", OWN_COLUMNS, _convert_own),
)

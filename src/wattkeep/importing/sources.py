"""Which format a file has, and its readings."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from wattkeep.importing import statistics
from wattkeep.importing.emoncms import is_feed, plan_feed, read_feed
from wattkeep.importing.files import ImportFileError, open_text, read_head
from wattkeep.importing.homeassistant import choose_series, read_chosen
from wattkeep.importing.own import TITLES, is_own, read_own
from wattkeep.importing.rows import Blank
from wattkeep.importing.uci import is_uci, read_uci

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from wattkeep.importing.rows import Entry

    Watch = Callable[[int], None]

FORMATS = ("wattkeep", "uci", "emoncms", "homeassistant")
LINES_A_LOOK = 5_000


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller knows about a file; None where it is to be found out."""

    zone: ZoneInfo
    format: str | None = None
    unit: str | None = None
    column: int = 1
    series: str | None = None
    now_ms: float = math.inf


@dataclass(frozen=True, slots=True)
class Source:
    """A file whose format is known. `notes` say in words what was found out or guessed."""

    path: Path
    format: str
    notes: tuple[str, ...]
    _read: Callable[[Watch | None], Iterator[Entry]]

    def entries(self, watch: Watch | None = None) -> Iterator[Entry]:
        """Yield what its lines say, from the beginning; `watch` hears of bytes read.

        Raises:
            ImportFileError: the file turns out to be damaged.
        """
        return self._read(watch)


def open_source(path: Path, options: Options) -> Source:
    """Recognise a file.

    Raises:
        ImportFileError: it cannot be read, is none of the formats, or not the one that was named.
    """
    head = read_head(path)
    if not head.strip():
        raise ImportFileError(f"{path.name}: the file is empty")
    try:
        found = options.format or _recognise(head)
        if found == "emoncms":
            return _emoncms(path, head, options)
        if found == "homeassistant":
            return _home_assistant(path, head, options)
        return _table(path, found, _titles(head))
    except ImportFileError as error:
        if str(error).startswith(path.name):
            raise
        raise ImportFileError(f"{path.name}: {error}") from error


def _recognise(head: str) -> str:
    if head.lstrip()[0] in "{[":
        return "homeassistant"
    titles = _titles(head)
    if is_own(titles):
        return "wattkeep"
    if is_uci(titles):
        return "uci"
    if statistics.is_statistics(titles):
        return "homeassistant"
    if is_feed(head):
        return "emoncms"
    raise ImportFileError(_unknown(head, titles))


def _unknown(head: str, titles: list[str]) -> str:
    if titles[:3] == ["start", "end", "consumption"]:
        return "these are quarter-hours, made from readings: export and import the readings instead"
    first = head.splitlines()[0].strip()[:80]
    return (
        f"not a format that is known: the first line is {first!r}. Wattkeep's own begins with "
        f"{','.join(TITLES)}; --format can name another"
    )


def _titles(head: str) -> list[str]:
    first = head.splitlines()[0]
    delimiter = statistics.delimiter_of(first)
    return [title.strip().lower() for title in next(csv.reader([first], delimiter=delimiter), [])]


def _table(path: Path, found: str, titles: list[str]) -> Source:
    if found == "wattkeep":
        if not is_own(titles):
            raise ImportFileError(f"the first line is not {','.join(TITLES)}")
        return Source(path, found, (), lambda watch: _lines(path, read_own, watch))
    if not is_uci(titles):
        raise ImportFileError("the first line is not the UCI household data set's")
    delimiter = ";" if "time" in titles else ","
    notes = ("its clock is UTC+01:00 all year; the counter is made from active power, from 0",)

    def read(lines: Iterator[str]) -> Iterator[Entry]:
        return read_uci(lines, delimiter)

    return Source(path, found, notes, lambda watch: _lines(path, read, watch))


def _emoncms(path: Path, head: str, options: Options) -> Source:
    feed, notes = plan_feed(head, options.zone, options.unit, options.column)
    if feed.is_power:
        notes.append("the counter is made from the power, from 0")

    def read(lines: Iterator[str]) -> Iterator[Entry]:
        return read_feed(lines, feed, options.zone, options.now_ms)

    return Source(path, "emoncms", tuple(notes), lambda watch: _lines(path, read, watch))


def _home_assistant(path: Path, head: str, options: Options) -> Source:
    """Read such a file at once: an interval an hour is not much, and series stand in any order."""
    with open_text(path) as file:
        if head.lstrip()[0] in "{[":
            found = statistics.read_json(file.all_text(), options.zone)
        elif statistics.is_statistics(_titles(head)):
            found = statistics.read_table(file.lines(), head.splitlines()[0], options.zone)
        else:
            raise ImportFileError("neither JSON nor a table with start and sum, state or mean")
    chosen, notes = choose_series(found.statistics, options.series, options.unit)

    def read(watch: Watch | None) -> Iterator[Entry]:
        yield from chain(read_chosen(chosen), found.refused, map(Blank, found.blank))
        if watch is not None:
            watch(path.stat().st_size)

    return Source(path, "homeassistant", tuple(notes), read)


def _lines(
    path: Path, read: Callable[[Iterator[str]], Iterator[Entry]], watch: Watch | None
) -> Iterator[Entry]:
    with open_text(path) as file:
        try:
            for number, entry in enumerate(read(file.lines())):
                if watch is not None and number % LINES_A_LOOK == 0:
                    watch(file.position())
                yield entry
        except (csv.Error, ImportFileError) as error:
            if str(error).startswith(path.name):
                raise
            raise ImportFileError(f"{path.name}: {error}") from error
        if watch is not None:
            watch(file.position())

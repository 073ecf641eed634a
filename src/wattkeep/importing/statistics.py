"""The shapes in which Home Assistant's statistics are handed out, read into one."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from wattkeep.domain.calendar import is_time_zone
from wattkeep.domain.cells import finite
from wattkeep.importing.clocks import Clock
from wattkeep.importing.files import ImportFileError
from wattkeep.importing.rows import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOUR_MS = 3_600_000
NAMES = ("statistic_id", "entity_id", "id")
STARTS = ("start", "start_ts", "datetime")
ENDS = ("end", "end_ts")
FIGURES = ("sum", "state", "delta", "change", "mean")
WIDE = ["entity_id", "type", "unit"]
# The energy dashboard's own sums, which have no name.
UNNAMED = "the file's only series"
DELIMITERS = "\t;,|"


@dataclass(frozen=True, slots=True)
class Statistic:
    """One interval of one series: the counter at its end, what it added, its mean power."""

    line: int
    name: str
    unit: str
    start_ms: int
    end_ms: int | None = None
    sum: float | None = None
    state: float | None = None
    added: float | None = None
    mean: float | None = None

    def with_unit(self, unit: str) -> Statistic:
        return replace(self, unit=unit)


class Found(NamedTuple):
    """What a file holds: intervals, lines refused, and how many had no figures."""

    statistics: list[Statistic]
    refused: list[Refused]
    blank: list[int]


def delimiter_of(header: str) -> str:
    """Return what separates a header's titles."""
    return max(DELIMITERS, key=header.count)


def is_statistics(titles: list[str]) -> bool:
    """Tell whether a header is that of statistics: a start and a figure, or the dashboard's."""
    if titles[:3] == WIDE:
        return True
    return any(one in titles for one in STARTS) and any(one in titles for one in FIGURES)


def read_table(lines: Iterable[str], header: str, zone: ZoneInfo) -> Found:
    """Read a CSV or TSV of statistics: a line an interval, or a line a series."""
    delimiter = delimiter_of(header)
    reader = csv.reader(lines, delimiter=delimiter)
    titles = [title.strip() for title in next(reader)]
    lower = [title.lower() for title in titles]
    found = Found([], [], [])
    clocks: dict[str, Clock] = {}
    if lower[:3] == WIDE:
        clock = Clock(zone)
        try:
            starts = [clock.read(title) for title in titles[3:]]
        except ValueError as error:
            raise ImportFileError(f"line 1: {error}") from error
        for fields in reader:
            _read_wide(found, reader.line_num, fields, starts)
        return found
    for fields in reader:
        if not fields:
            continue
        if len(fields) > len(titles):
            words = f"{len(fields)} columns where the header has {len(titles)}"
            found.refused.append(Refused(reader.line_num, words))
            continue
        # The export leaves empty columns at the end away.
        cells = {title: _plain(cell, delimiter) for title, cell in zip(lower, fields, strict=False)}
        _read_record(found, reader.line_num, cells, clocks, zone)
    return found


def read_json(text: str, zone: ZoneInfo) -> Found:
    """Read statistics as JSON, in any of the shapes that Home Assistant's tools write.

    Raises:
        ImportFileError: it is no JSON, or of no shape that is known.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ImportFileError(f"not JSON: {error}") from error
    if isinstance(document, dict):
        name = document.get("timezone_identifier")
        if isinstance(name, str) and is_time_zone(name):
            zone = ZoneInfo(name)
    found = Found([], [], [])
    clocks: dict[str, Clock] = {}
    for number, record in enumerate(_records(document), 1):
        cells = {str(key).lower(): _text(value) for key, value in record.items()}
        _read_record(found, number, cells, clocks, zone)
    if not found.statistics and not found.refused:
        raise ImportFileError(
            "no statistics in it: a list of intervals with start and sum, state or mean is expected"
        )
    return found


def _records(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every interval in a document, with the name and unit of what it hangs in."""
    if isinstance(document, list):
        for one in document:
            if isinstance(one, dict):
                yield from _of_entity(one) if _inner(one) is not None else (one,)
        return
    if not isinstance(document, dict):
        return
    for wrapper in ("result", "statistics", "entities", "response"):
        if wrapper in document:
            yield from _records(document[wrapper])
            return
    for name, inner in document.items():
        if isinstance(inner, list):
            yield from ({"statistic_id": name} | one for one in inner if isinstance(one, dict))
        elif isinstance(inner, dict) and _inner(inner) is not None:
            yield from _of_entity({"id": name} | inner)


def _inner(entity: dict[str, Any]) -> list[Any] | None:
    for key in ("values", "statistics"):
        if isinstance(entity.get(key), list):
            return list(entity[key])
    return None


def _of_entity(entity: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = next((entity[key] for key in NAMES if key in entity), "")
    unit = entity.get("unit") or entity.get("unit_of_measurement") or ""
    for one in _inner(entity) or ():
        if isinstance(one, dict):
            yield {"statistic_id": name, "unit": unit} | one


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _plain(cell: str, delimiter: str) -> str:
    text = cell.strip()
    # A decimal comma, where commas do not separate.
    return text.replace(",", ".") if delimiter != "," and text.count(",") == 1 else text


def _read_record(
    found: Found, line: int, cells: dict[str, str], clocks: dict[str, Clock], zone: ZoneInfo
) -> None:
    name = next((cells[key] for key in NAMES if cells.get(key)), UNNAMED)
    figures = {key: cells[key] for key in FIGURES if cells.get(key)}
    if not figures:
        found.blank.append(line)
        return
    # Series follow one another: each has a clock that sees its times go forward.
    clock = clocks.setdefault(name, Clock(zone))
    try:
        start = next((cells[key] for key in STARTS if cells.get(key)), "")
        start_ms = clock.read(start)
        end = next((cells[key] for key in ENDS if cells.get(key)), "")
        # Of its own: an end and the next start are the same moment.
        end_ms = clocks.setdefault(f"{name} end", Clock(zone)).read(end) if end else None
        values = {key: finite(key, text) for key, text in figures.items()}
    except ValueError as error:
        found.refused.append(Refused(line, str(error)))
        return
    found.statistics.append(
        Statistic(
            line,
            name,
            cells.get("unit") or cells.get("unit_of_measurement") or "",
            start_ms,
            end_ms,
            values.get("sum"),
            values.get("state"),
            values.get("change", values.get("delta")),
            values.get("mean"),
        )
    )


def _read_wide(found: Found, line: int, fields: list[str], starts: list[int]) -> None:
    """Read a series of the energy dashboard's download: what each interval added."""
    if len(fields) < len(WIDE) or not fields[0]:
        return
    name, _, unit, *cells = (field.strip() for field in fields)
    for start_ms, cell in zip(starts, cells, strict=False):
        if not cell:
            found.blank.append(line)
            continue
        try:
            added = finite(name, cell)
        except ValueError as error:
            found.refused.append(Refused(line, str(error)))
            continue
        found.statistics.append(Statistic(line, name, unit, start_ms, added=added))

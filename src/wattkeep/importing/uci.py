"""The UCI household data set: minutes of power, made into what a meter would have counted."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING

from wattkeep.domain.uci import (
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
from wattkeep.importing.rows import Blank, Entry, Refused, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MISSING = frozenset({"", "?"})


def is_uci(titles: list[str]) -> bool:
    """Tell whether a header is the data set's own, or that of its copy with one time column."""
    return set(TWO_STAMPS) <= set(titles) or set(ONE_STAMP) <= set(titles)


def read_uci(lines: Iterable[str], delimiter: str) -> Iterator[Entry]:
    """Yield a reading for each minute's end, as a meter on that line would have shown it.

    The first minute, and the first one after minutes that are missing, has one at its start too:
    otherwise its energy would be spread over the gap. A missing minute adds nothing to the counter.
    """
    reader = csv.reader(lines, delimiter=delimiter)
    titles = [title.strip().lower() for title in next(reader)]
    names = TWO_STAMPS if set(TWO_STAMPS) <= set(titles) else ONE_STAMP
    read = read_two_stamps if names is TWO_STAMPS else read_one_stamp
    pick = itemgetter(*(titles.index(name) for name in names))
    counter_mw_minutes = next_s = 0
    for fields in reader:
        if not fields:
            continue
        line = reader.line_num
        if len(fields) != len(titles):
            yield Refused(line, f"{len(fields)} columns where the header has {len(titles)}")
            continue
        cells = pick(fields)
        if not MISSING.isdisjoint(cells):
            yield Blank(line)
            continue
        try:
            minute = read(cells)
        except ValueError as error:
            yield Refused(line, str(error))
            continue
        if minute.start_s < next_s:
            moment = datetime.fromtimestamp(minute.start_s + OFFSET_S, UTC)
            yield Refused(line, f"time does not move forward: {moment:%Y-%m-%d %H:%M:%S}")
            continue
        if minute.start_s > next_s:
            yield _show(line, minute, minute.start_s, counter_mw_minutes)
        counter_mw_minutes += minute.active_mw
        next_s = minute.start_s + MINUTE_S
        yield _show(line, minute, next_s, counter_mw_minutes)


def _show(line: int, minute: Minute, at_s: int, counter_mw_minutes: int) -> Row:
    return Row(
        line,
        at_s * 1000,
        counter_mw_minutes // MW_MINUTES_PER_WH / 1000,
        minute.active_mw / 1000,
        minute.voltage,
        minute.current,
        FREQUENCY_HZ,
        power_factor(minute.active_mw, minute.reactive_mvar),
    )

"""The one way to single readings, whether they are still rows or sealed into blocks.

Rows are read before blocks, always: a day that is sealed in between is then seen twice, and its
readings are counted once. The other way round it would be missed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import connection

from wattkeep.domain.columns import NAMES, Columns
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.readings import Reading
from wattkeep.ledger.blocks import DAY_MS, WholeDay, blocks_before, blocks_from
from wattkeep.monitoring.models import EnergyReading
from wattkeep.monitoring.replica import reading_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS = ("voltage", "current", "power", "energy", "frequency", "power_factor")
POWER_AND_ENERGY = ("power", "energy")
# As Python's objects a row takes ten times what it does as a column's numbers.
ROWS_A_FETCH = 2_000
# With rows that are not sealed yet, all columns of so many days take some 10 MB.
DAYS_A_CHUNK = 16
END_OF_TIME_MS = to_ms(datetime(9000, 1, 1, tzinfo=UTC))


def readings_between(
    device_id: int, start_ms: int, end_ms: int, columns: Sequence[str] = POWER_AND_ENERGY
) -> Columns:
    """Return a device's readings from `start_ms` to before `end_ms`.

    Raises:
        BlockError: a sealed day in the span cannot be read.
    """
    check_columns(columns)
    rows = _rows_between(device_id, start_ms, end_ms, columns)
    blocks = blocks_from(device_id, start_ms, columns, end_ms)
    parts = [part.between(start_ms, end_ms) for part in blocks]
    return Columns.join([*parts, rows], columns)


def iter_days(
    device_id: int, start_ms: int, end_ms: int, columns: Sequence[str] = POWER_AND_ENERGY
) -> Iterator[Columns]:
    """Yield the same a UTC day at a time, oldest first; days without readings are left out.

    However long the span, only a fortnight is in memory.

    Raises:
        BlockError: on reaching a sealed day that cannot be read.
    """
    chunk_ms = start_ms
    while chunk_ms < end_ms:
        until_ms = min((chunk_ms // DAY_MS + DAYS_A_CHUNK) * DAY_MS, end_ms)
        chunk = readings_between(device_id, chunk_ms, until_ms, columns)
        if not len(chunk):
            # Years may be empty: on to where there is something again.
            following = readings_after(device_id, until_ms, 1, ())
            until_ms = int(following.timestamps[0]) if len(following) else end_ms
        while len(chunk):
            following_ms = (int(chunk.timestamps[0]) // DAY_MS + 1) * DAY_MS
            cut = int(np.searchsorted(chunk.timestamps, following_ms))
            yield chunk.slice(0, cut)
            chunk = chunk.slice(cut, len(chunk))
        chunk_ms = until_ms


def readings_before(
    device_id: int, before_ms: int, count: int, columns: Sequence[str] = POWER_AND_ENERGY
) -> Columns:
    """Return the last `count` readings before an instant, or as many as there are; oldest first.

    Raises:
        BlockError: a sealed day that would be needed cannot be read.
    """
    check_columns(columns)
    rows, sealed_to_ms = _newest_rows(device_id, before_ms, count, columns)
    if count > 0 and len(rows) == count and rows.timestamps[0] >= sealed_to_ms:
        return rows
    parts = [rows]
    found = 0
    for block in blocks_before(device_id, before_ms, columns) if count > 0 else ():
        part = block.between(0, before_ms)
        parts.insert(0, part)
        found += len(part)
        if found >= count:
            break
    both = Columns.join(parts, columns)
    return both.slice(max(0, len(both) - count), len(both))


def _newest_rows(
    device_id: int, before_ms: int, count: int, columns: Sequence[str]
) -> tuple[Columns, int]:
    """Return the last rows before an instant, and where the sealed days that begin before it end.

    Both in one statement, of which the second is only known if there is a row.
    """
    before = instant_parameter(before_ms)
    sealed = (
        f"SELECT {as_ms('MAX(day)')} FROM monitoring_readingblock"  # noqa: S608 - our own words
        " WHERE device_id = %s AND day < %s"
    )
    at = as_ms("timestamp")
    with reading_connection().cursor() as cursor:
        cursor.execute(
            f"SELECT ({sealed}), {', '.join([at, *columns])} FROM monitoring_energyreading"  # noqa: S608 - checked names
            " WHERE device_id = %s AND timestamp < %s ORDER BY timestamp DESC LIMIT %s",
            [device_id, before, device_id, before, count],
        )
        found = cursor.fetchall()[::-1]
    table = np.array([row[1:] for row in found], np.float64).reshape(len(found), 1 + len(columns))
    values = {name: table[:, place].copy() for place, name in enumerate(columns, 1)}
    last_day_ms = found[0][0] if found else None
    sealed_to_ms = 0 if last_day_ms is None else last_day_ms + DAY_MS
    return Columns(table[:, 0].astype(np.int64), values), sealed_to_ms


def readings_after(
    device_id: int, start_ms: int, count: int, columns: Sequence[str] = POWER_AND_ENERGY
) -> Columns:
    """Return the first `count` readings at or after an instant, or as many as there are.

    Raises:
        BlockError: a sealed day that would be needed cannot be read.
    """
    check_columns(columns)
    rows = _query(
        columns,
        "timestamp >= %s ORDER BY timestamp LIMIT %s",
        device_id,
        instant_parameter(start_ms),
        count,
    )
    parts: list[Columns] = []
    found = 0
    for block in blocks_from(device_id, start_ms, columns) if count > 0 else ():
        part = block.slice(int(np.searchsorted(block.timestamps, start_ms)), len(block))
        parts.append(part)
        found += len(part)
        if found >= count:
            break
    both = Columns.join([*parts, rows], columns)
    return both.slice(0, min(count, len(both)))


def last_reading(device_id: int, before_ms: int | None = None) -> Reading | None:
    """Return the newest reading, or the newest before an instant; NaN for what it does not say.

    Raises:
        BlockError: it is in a sealed day that cannot be read.
    """
    until_ms = END_OF_TIME_MS if before_ms is None else before_ms
    found = readings_before(device_id, until_ms, 1, COLUMNS)
    if not len(found):
        return None
    return Reading(
        device_id, int(found.timestamps[0]), *(float(found[name][0]) for name in COLUMNS)
    )


def check_columns(columns: Sequence[str]) -> None:
    """Raise ValueError for a column that readings do not have."""
    for name in columns:
        if name not in COLUMNS:
            raise ValueError(f"{name!r} is no column of readings: {', '.join(COLUMNS)}.")


def _rows_between(device_id: int, start_ms: int, end_ms: int, columns: Sequence[str]) -> Columns:
    span = instant_parameter(start_ms), instant_parameter(end_ms)
    where = "timestamp >= %s AND timestamp < %s ORDER BY timestamp"
    return _query(columns, where, device_id, *span)


def whole_rows(device_id: int, start_ms: int, end_ms: int) -> WholeDay | None:
    """Return the rows of a span, all columns as stored, or None if there are none."""
    rows = _fetch(
        NAMES,
        "timestamp >= %s AND timestamp < %s ORDER BY timestamp",
        device_id,
        instant_parameter(start_ms),
        instant_parameter(end_ms),
    )
    found = list(chain.from_iterable(rows))
    if not found:
        return None
    table = np.array(found, np.float64)
    values = {name: table[:, place].copy() for place, name in enumerate(NAMES, 1)}
    nulls = {
        # NULL is not the same as NaN, which PostgreSQL can hold.
        name: np.array([row[place] is None for row in found])
        if np.isnan(values[name]).any()
        else np.zeros(len(found), np.bool_)
        for place, name in enumerate(NAMES, 1)
    }
    return WholeDay(table[:, 0].astype(np.int64), values, nulls)


def oldest_row_ms(device_id: int, since_ms: int | None = None) -> int | None:
    """Return the instant of a device's first reading that is still a row, if there is one."""
    rows = EnergyReading.objects.filter(device_id=device_id).order_by("timestamp")
    if since_ms is not None:
        rows = rows.filter(timestamp__gte=from_ms(since_ms))
    oldest = rows.values_list("timestamp", flat=True).first()
    return None if oldest is None else to_ms(oldest)


def instant_parameter(ms: int) -> int | datetime:
    """Return an instant as the readings' table compares it."""
    return ms if connection.vendor == "sqlite" else from_ms(ms)


def as_ms(instant: str) -> str:
    """Return an instant of the database as epoch milliseconds."""
    if connection.vendor == "sqlite":
        return instant
    return f"round(date_part('epoch', {instant}) * 1000)::bigint"


def _query(columns: Sequence[str], where: str, device_id: int, *parameters: Any) -> Columns:
    """Return rows as columns."""
    parts = []
    for rows in _fetch(columns, where, device_id, *parameters):
        # Epoch milliseconds are exact as floats.
        table = np.array(rows, np.float64)
        values = {name: table[:, place].copy() for place, name in enumerate(columns, 1)}
        parts.append(Columns(table[:, 0].astype(np.int64), values))
    return Columns.join(parts, columns)


def _fetch(
    columns: Sequence[str], where: str, device_id: int, *parameters: Any
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows by the thousand; a model object for each would take ten times as long."""
    at = as_ms("timestamp")
    with reading_connection().cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join([at, *columns])} FROM monitoring_energyreading"  # noqa: S608 - checked names
            f" WHERE device_id = %s AND {where}",
            [device_id, *parameters],
        )
        while rows := cursor.fetchmany(ROWS_A_FETCH):
            yield rows

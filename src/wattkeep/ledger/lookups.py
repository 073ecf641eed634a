"""The first or newest readings of many devices: a look-up for each of them, in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from wattkeep.domain.instants import to_ms
from wattkeep.ledger.blocks import DAY_MS
from wattkeep.ledger.readings import instant_parameter, last_reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

# SQLite takes up to 500 parts of a statement.
DEVICES_A_STATEMENT = 100


class Before(NamedTuple):
    """An instant of a device before which something is looked for."""

    device_id: int
    at_ms: int


def newest_before(wanted: Collection[Before]) -> dict[Before, tuple[int, float]]:
    """Return (ms, counter in kWh) of the newest reading before each instant, where there is one.

    Raises:
        BlockError: one is in a sealed day that cannot be read.
    """
    found: dict[Before, tuple[int, float]] = {}
    every = list(wanted)
    for first in range(0, len(every), DEVICES_A_STATEMENT):
        some = every[first : first + DEVICES_A_STATEMENT]
        found.update(_newest_rows(some))
        for one in _with_blocks(some, found):
            last = last_reading(one.device_id, one.at_ms)
            if last is not None:
                found[one] = last.timestamp_ms, last.energy
    return found


def first_counters(device_ids: Sequence[int]) -> dict[int, tuple[int, float]]:
    """Return (ms, counter in kWh) of the first reading of each device that has nothing sealed."""
    found: dict[int, tuple[int, float]] = {}
    part = (
        "SELECT %s AS place, timestamp, energy FROM monitoring_energyreading"
        " WHERE device_id = %s ORDER BY timestamp LIMIT 1"
    )
    sealed = (
        "SELECT %s AS place, device_id FROM monitoring_readingblock WHERE device_id = %s LIMIT 1"
    )
    for first in range(0, len(device_ids), DEVICES_A_STATEMENT):
        some = device_ids[first : first + DEVICES_A_STATEMENT]
        asked = [(one,) for one in some]
        rows = {some[place]: (_ms(at), energy) for place, at, energy in _each(part, asked)}
        for place, _ in _each(sealed, asked):
            rows.pop(some[place], None)
        found.update(rows)
    return found


def first_voltages(device_ids: Sequence[int], least_v: float, count: int) -> dict[int, list[float]]:
    """Return the first voltages of each device that are at least `least_v`, as far as rows go."""
    found: dict[int, list[float]] = {}
    part = (
        "SELECT %s AS place, voltage FROM monitoring_energyreading"
        " WHERE device_id = %s AND voltage >= %s ORDER BY timestamp LIMIT %s"
    )
    for first in range(0, len(device_ids), DEVICES_A_STATEMENT):
        some = device_ids[first : first + DEVICES_A_STATEMENT]
        for place, voltage in _each(part, [(one, least_v, count) for one in some]):
            found.setdefault(some[place], []).append(voltage)
    return found


def _newest_rows(wanted: Sequence[Before]) -> dict[Before, tuple[int, float]]:
    part = (
        "SELECT %s AS place, timestamp, energy FROM monitoring_energyreading"
        " WHERE device_id = %s AND timestamp < %s ORDER BY timestamp DESC LIMIT 1"
    )
    asked = [(one.device_id, instant_parameter(one.at_ms)) for one in wanted]
    return {wanted[place]: (_ms(at), energy) for place, at, energy in _each(part, asked)}


def _with_blocks(
    wanted: Sequence[Before], rows: dict[Before, tuple[int, float]]
) -> Iterator[Before]:
    """Yield those for which a sealed day may have something newer than the rows."""
    part = (
        "SELECT %s AS place, device_id FROM monitoring_readingblock"
        " WHERE device_id = %s AND day >= %s AND day < %s LIMIT 1"
    )
    asked = []
    for one in wanted:
        from_ms = rows[one][0] // DAY_MS * DAY_MS if one in rows else 0
        asked.append((one.device_id, instant_parameter(from_ms), instant_parameter(one.at_ms)))
    for place, _ in _each(part, asked):
        yield wanted[place]


def _ms(stored: int | datetime) -> int:
    return stored if isinstance(stored, int) else to_ms(stored)


def _each(part: str, asked: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return what a statement finds for each row of values; their place comes first."""
    if not asked:
        return []
    parts = [f"SELECT * FROM ({part}) AS part_{place}" for place in range(len(asked))]  # noqa: S608
    values = [value for place, row in enumerate(asked) for value in (place, *row)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows

"""The first or newest readings of many devices: a look-up for each of them, in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wattkeep.ledger.blocks import DAY_MS
from wattkeep.ledger.each import At, fetch_each, instant_ms
from wattkeep.ledger.readings import last_reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

NEWEST_ROW = """
    SELECT %s AS place, timestamp, energy FROM monitoring_energyreading
    WHERE device_id = %s AND timestamp < %s ORDER BY timestamp DESC LIMIT 1
"""
NEXT_ROW = """
    SELECT device_id, timestamp FROM monitoring_energyreading
    WHERE device_id = %s AND timestamp > %s ORDER BY timestamp LIMIT 1
"""
FIRST_COUNTER = """
    SELECT device_id, timestamp, energy FROM monitoring_energyreading
    WHERE device_id = %s ORDER BY timestamp LIMIT 1
"""
ANY_BLOCK = "SELECT device_id FROM monitoring_readingblock WHERE device_id = %s LIMIT 1"
A_BLOCK = """
    SELECT %s AS place FROM monitoring_readingblock
    WHERE device_id = %s AND day >= %s AND day < %s LIMIT 1
"""
BLOCK_SINCE = """
    SELECT device_id FROM monitoring_readingblock WHERE device_id = %s AND day >= %s LIMIT 1
"""


class Before(NamedTuple):
    """An instant of a device before which something is looked for."""

    device_id: int
    at_ms: int


def newest_before(wanted: Collection[Before]) -> dict[Before, tuple[int, float]]:
    """Return (ms, counter in kWh) of the newest reading before each instant, where there is one.

    Raises:
        BlockError: one is in a sealed day that cannot be read.
    """
    every = list(wanted)
    asked = [(place, one.device_id, At(one.at_ms)) for place, one in enumerate(every)]
    rows = fetch_each(NEWEST_ROW, asked)
    found = {every[place]: (instant_ms(at), energy) for place, at, energy in rows}
    for one in _with_blocks(every, found):
        last = last_reading(one.device_id, one.at_ms)
        if last is not None:
            found[one] = last.timestamp_ms, last.energy
    return found


def first_counters(device_ids: Sequence[int]) -> dict[int, tuple[int, float]]:
    """Return (ms, counter in kWh) of the first reading of each device that has nothing sealed."""
    asked = [(one,) for one in device_ids]
    found = {pk: (instant_ms(at), energy) for pk, at, energy in fetch_each(FIRST_COUNTER, asked)}
    for (pk,) in fetch_each(ANY_BLOCK, asked):
        found.pop(pk, None)
    return found


def next_instants(after: Mapping[int, int]) -> dict[int, int]:
    """Return device → when its first row after an instant was read, where there is one, in ms."""
    asked = [(pk, At(at_ms)) for pk, at_ms in after.items()]
    return {pk: instant_ms(at) for pk, at in fetch_each(NEXT_ROW, asked)}


def sealed_since(after: Mapping[int, int]) -> set[int]:
    """Return the devices of which the day of an instant (ms), or a later one, is sealed."""
    asked = [(pk, At(at_ms // DAY_MS * DAY_MS)) for pk, at_ms in after.items()]
    return {pk for (pk,) in fetch_each(BLOCK_SINCE, asked)}


def first_voltages(device_ids: Sequence[int], least_v: float, count: int) -> dict[int, list[float]]:
    """Return the first voltages of each device that are at least `least_v`, as far as rows go."""
    found: dict[int, list[float]] = {}
    select = (
        "SELECT device_id, voltage FROM monitoring_energyreading"  # noqa: S608 - a number of ours
        f" WHERE device_id = %s AND voltage >= %s ORDER BY timestamp LIMIT {count:d}"
    )
    for pk, voltage in fetch_each(select, [(one, float(least_v)) for one in device_ids]):
        found.setdefault(pk, []).append(voltage)
    return found


def _with_blocks(
    wanted: Sequence[Before], rows: dict[Before, tuple[int, float]]
) -> Iterator[Before]:
    """Yield those for which a sealed day may have something newer than the rows."""
    asked = []
    for place, one in enumerate(wanted):
        from_ms = rows[one][0] // DAY_MS * DAY_MS if one in rows else 0
        asked.append((place, one.device_id, At(from_ms), At(one.at_ms)))
    for (place,) in fetch_each(A_BLOCK, asked):
        yield wanted[place]

"""Sums over stored quarter-hours: one query, however many devices and periods."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db import connection

from wattkeep.domain.corrections import Energy
from wattkeep.domain.instants import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUMS = "SUM(measured_mwh) || ' ' || SUM(estimated_mwh)"
# A sub-select a period goes straight to its slots and takes half the time of a GROUP BY, which
# sorts all of them. Both sums come as one text, so that they are made in one pass.
SQLITE_SUMS = f"""
    SELECT d.value, json_extract(p.value, '$[0]'), (
        SELECT {SUMS} FROM monitoring_energyslot
        WHERE device_id = d.value AND start >= json_extract(p.value, '$[0]')
        AND start < json_extract(p.value, '$[1]')
    ) FROM json_each(%s) d CROSS JOIN json_each(%s) p
"""  # noqa: S608 - nothing of it comes from outside
POSTGRES_SUMS = f"""
    SELECT device_id, (%s::bigint[])[width_bucket(start, %s::timestamptz[])], {SUMS}
    FROM monitoring_energyslot
    WHERE device_id = ANY(%s) AND start >= %s AND start < %s GROUP BY 1, 2
"""  # noqa: S608
ONE_STATEMENT = 200


NOTHING = Energy()


def sum_quarters(
    device_ids: Sequence[int], edges_ms: Sequence[int]
) -> dict[tuple[int, int], Energy]:
    """Return (device, start of the period) → what its stored slots add up to.

    Periods lie between neighbouring `edges_ms`; those without a slot are left out.
    """
    if not device_ids or len(edges_ms) < 2:  # noqa: PLR2004 - two edges make a period
        return {}
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            pairs = json.dumps(list(pairwise(edges_ms)), separators=(",", ":"))
            cursor.execute(SQLITE_SUMS, [json.dumps(list(device_ids)), pairs])
        else:
            starts = list(edges_ms[:-1])
            instants = [from_ms(ms) for ms in starts]
            span = from_ms(edges_ms[0]), from_ms(edges_ms[-1])
            cursor.execute(POSTGRES_SUMS, [starts, instants, list(device_ids), *span])
        return {
            (device_id, start_ms): Energy(*(int(number) for number in sums.split()))
            for device_id, start_ms, sums in cursor.fetchall()
            if sums is not None
        }


def fetch_each(select: str, wanted: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that `select` finds for each of `wanted`, in few statements.

    `select` may have an ORDER BY and a LIMIT of its own; an index serves each of its runs.
    """
    for first in range(0, len(wanted), ONE_STATEMENT):
        some = wanted[first : first + ONE_STATEMENT]
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join([f"SELECT * FROM ({select}) AS one"] * len(some)),  # noqa: S608 - of our own words
                [_parameter(value) for one in some for value in one],
            )
            yield from cursor.fetchall()


def instant_ms(value: Any) -> int:
    """Return an instant that came straight from a cursor as epoch milliseconds."""
    return value if isinstance(value, int) else to_ms(value)


class At(int):
    """Epoch milliseconds that are compared with a column of instants."""


def _parameter(value: Any) -> Any:
    if isinstance(value, At):
        return int(value) if connection.vendor == "sqlite" else from_ms(int(value))
    return value

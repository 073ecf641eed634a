"""Rows of many devices in one statement each, without an object for every one of them.

Between two statements another thread may get the interpreter, and keep it for milliseconds. So
what is written while the database is locked is written in as few of them as can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from wattkeep.ledger.each import fetch_each
from wattkeep.ledger.readings import as_ms, instant_parameter
from wattkeep.monitoring.models import LedgerMark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wattkeep.ledger.marks import Mark

INSTANTS = frozenset({"start", "counter_at", "timestamp"})
# Some 2 ms of Python: then the event loop may have its turn.
ROWS_A_FETCH = 500


class MovedError(Exception):
    """Somebody else has written these devices' slots since they were read."""


def fetch_since(
    table: str, columns: Sequence[str], device_ids: Iterable[int], from_ms_: int
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows of some devices from an instant on, in order; instants are epoch milliseconds.

    The first of `columns` says when; the device's number stands before them.
    """
    ids = list(device_ids)
    selected = ", ".join(_as_ms(name) for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT device_id, {selected} FROM {table}"  # noqa: S608 - our own words
            f" WHERE device_id IN ({places(ids)}) AND {columns[0]} >= %s"
            f" ORDER BY device_id, {table}.{columns[0]}",
            [*ids, instant_parameter(from_ms_)],
        )
        while rows := cursor.fetchmany(ROWS_A_FETCH):
            yield rows


def fetch_newest(
    table: str, columns: Sequence[str], device_ids: Iterable[int]
) -> Iterator[tuple[Any, ...]]:
    """Yield the newest row of each device that has one, as `fetch_since` does."""
    selected = ", ".join(_as_ms(name) for name in columns)
    select = (
        f"SELECT device_id, {selected} FROM {table}"  # noqa: S608 - our own words
        f" WHERE device_id = %s ORDER BY {table}.{columns[0]} DESC LIMIT 1"
    )
    return fetch_each(select, [(pk,) for pk in device_ids])


def move_states(versions: Mapping[int, int], done_to_ms: int) -> None:
    """Note how far devices' slots are made, within the transaction that writes them.

    The rows are locked by their change until the commit, so this is the check and the lock.

    Raises:
        MovedError: not all have the version that is given for them.
    """
    ids = sorted(versions)
    pairs = ", ".join(["(%s, %s)"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_ledgerstate SET version = version + 1, done_to = %s"  # noqa: S608 - places only
            f" WHERE device_id IN ({places(ids)}) AND (device_id, version) IN (VALUES {pairs})",
            [
                instant_parameter(done_to_ms),
                *ids,
                *(value for pk in ids for value in (pk, versions[pk])),
            ],
        )
        if cursor.rowcount != len(ids):
            raise MovedError


def delete_marks_of(marks: Mapping[int, Sequence[Mark]]) -> None:
    """Take away marks of several devices that nobody touched since they were read."""
    known = [
        (pk, instant_parameter(mark.slots.start_ms), mark.touched)
        for pk in sorted(marks)
        for mark in marks[pk]
    ]
    if not known:
        return
    ids = sorted({pk for pk, *_ in known})
    # Locked in the order in which readings mark: two orders can wait for each other.
    ours = LedgerMark.objects.select_for_update().filter(device_id__in=ids)
    list(ours.order_by("device_id", "start").values_list("device_id"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM monitoring_ledgermark WHERE device_id IN ({places(ids)})"  # noqa: S608 - places only
            " AND (device_id, start, touched) IN"
            f" (VALUES {', '.join(['(%s, %s, %s)'] * len(known))})",
            [*ids, *(value for one in known for value in one)],
        )


def places(values: Sequence[Any]) -> str:
    """Return a place for each of some values, as a statement has it."""
    return ", ".join(["%s"] * len(values))


def _as_ms(name: str) -> str:
    return as_ms(name) if name in INSTANTS else name

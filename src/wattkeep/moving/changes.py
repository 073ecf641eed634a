"""What changes in the old database while it is copied: triggers note which device's which time.

They are part of every writer's transaction, so no change escapes, whichever process makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connections

from wattkeep.moving.tables import BY_NAME, TELEMETRY, name_of, other_models

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTES = "wattkeep_moving"
PREFIX = "wattkeep_moving_"
EVENTS = ("INSERT", "UPDATE", "DELETE")
# One row for whatever happened to the same rows between two looks.
MAKE_NOTES = f"""
    CREATE TABLE IF NOT EXISTS {NOTES} (tab text NOT NULL, device_id bigint NOT NULL,
        span_ms bigint NOT NULL, times bigint NOT NULL, PRIMARY KEY (tab, device_id, span_ms))
"""
NOTE = f"""
    INSERT INTO {NOTES} VALUES ('{{tab}}', {{device}}, {{span}}, 1)
    ON CONFLICT (tab, device_id, span_ms) DO UPDATE SET times = {NOTES}.times + 1;
"""  # noqa: S608 - constants only


class Change(NamedTuple):
    """Something of a table's device and span changed; neither: something of a whole table did."""

    table: str
    device_id: int
    span_ms: int
    # Grows with every change: one that grew since it was read is not done.
    times: int


def start_noting(alias: str) -> None:
    """Begin to note changes in SQLite; those noted by a move that broke off stay."""
    with connections[alias].cursor() as cursor:
        cursor.execute(MAKE_NOTES)
        for table in _tables():
            for event in EVENTS:
                cursor.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {PREFIX}{table}_{event.lower()}"
                    f' AFTER {event} ON "{table}" BEGIN {_notes_of(table, event)} END'
                )


def stop_noting(alias: str) -> None:
    """Forget all changes, and note no more."""
    with connections[alias].cursor() as cursor:
        for table in _tables():
            for event in EVENTS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {PREFIX}{table}_{event.lower()}")
        cursor.execute(f"DROP TABLE IF EXISTS {NOTES}")


def read_changes(alias: str) -> list[Change]:
    """Return what changed and is not forgotten."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT tab, device_id, span_ms, times FROM {NOTES} ORDER BY 1, 2, 3")  # noqa: S608 - a name of ours
        return [Change(*row) for row in cursor.fetchall()]


def forget_changes(alias: str, done: Iterable[Change]) -> None:
    """Forget changes that are copied, unless they were made again since they were read."""
    with connections[alias].cursor() as cursor:
        cursor.executemany(
            f"DELETE FROM {NOTES} WHERE tab = %s AND device_id = %s AND span_ms = %s"  # noqa: S608 - a name of ours
            " AND times = %s",
            list(done),
        )


def _tables() -> list[str]:
    return [one.name for one in TELEMETRY] + [name_of(model) for model in other_models()]


def _notes_of(table: str, event: str) -> str:
    """Return what a trigger does: a row that is changed may have been elsewhere before."""
    if (of := BY_NAME.get(table)) is None:
        return NOTE.format(tab=table, device="0", span="0")
    rows = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}[event]
    return "".join(
        NOTE.format(
            tab=table,
            device=f"{row}.device_id",
            span=f'{row}."{of.at}" / {of.span_ms} * {of.span_ms}',
        )
        for row in rows
    )

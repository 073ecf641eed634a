"""One commit's readings into the database: the only place that knows its SQL.

A store takes a whole group and either has all of it on the disk or none of it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.decoding import Batch

BUSY_TIMEOUT_MS = 5000


class StoreUnavailable(Exception):  # noqa: N818 - named for what the caller answers
    """The group could not be committed; nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one batch: the readings new to us, and how many were known already."""

    readings: list[Reading]
    duplicates: int
    reading_id: int


class Store(Protocol):
    """Where readings go. Called from one thread only."""

    def commit(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Stored]:
        """Store every batch and each (device_id, last seen in epoch ms) in one transaction.

        Raises:
            StoreUnavailable: nothing was stored.
        """

    def close(self) -> None:
        """Let go of the database."""


class SqliteStore:
    """WAL with synchronous=FULL: one fsync a commit, and what is committed survives a power cut."""

    _INSERT = (
        "INSERT INTO monitoring_energyreading (device_id, timestamp, voltage, current, power,"
        " energy, frequency, power_factor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    _INSERT_IF_NEW = _INSERT + " ON CONFLICT DO NOTHING"
    _SEEN = (
        "INSERT INTO monitoring_deviceboot (device_id, boot, last_seq, last_seen)"
        " VALUES (?, '', 0, ?) ON CONFLICT (device_id, boot)"
        " DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)"
    )

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def commit(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Stored]:
        try:
            db = self._connection or self._connect()
            db.execute("BEGIN IMMEDIATE")
            stored = self._insert_all_new(db, batches) or self._insert_each(db, batches)
            db.executemany(self._SEEN, contacts)
            db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnavailable(str(error)) from error
        return stored

    def close(self) -> None:
        db, self._connection = self._connection, None
        if db is not None:
            with suppress(sqlite3.Error):
                if db.in_transaction:
                    db.execute("ROLLBACK")
                db.close()

    def _connect(self) -> sqlite3.Connection:
        # Opened, not made: a missing file is a fault, not an empty database.
        uri = f"file:{self._path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}"
        db = sqlite3.connect(
            f"{uri}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
        db.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        self._connection = db
        return db

    def _insert_all_new(
        self, db: sqlite3.Connection, batches: Sequence[Batch]
    ) -> list[Stored] | None:
        """Insert everything at once, as if all of it were new; None, and nothing, if it is not."""
        db.execute("SAVEPOINT group_of_readings")
        try:
            db.executemany(self._INSERT, [row for batch in batches for row in batch.readings])
        except sqlite3.IntegrityError:
            db.execute("ROLLBACK TO group_of_readings")
            return None
        return [
            Stored(batch.readings, 0, batch.readings[-1].timestamp_ms) for batch in batches
        ]

    def _insert_each(self, db: sqlite3.Connection, batches: Sequence[Batch]) -> list[Stored]:
        """Insert one by one: known readings are counted, ours to stamp move to a free instant."""
        results = []
        for batch in batches:
            new: list[Reading] = []
            last = 0
            for reading, stamped in zip(batch.readings, batch.stamped, strict=True):
                row = reading
                while not (inserted := db.execute(self._INSERT_IF_NEW, row).rowcount) and stamped:
                    row = row._replace(timestamp_ms=row.timestamp_ms + 1)
                if inserted:
                    new.append(row)
                last = row.timestamp_ms
            results.append(Stored(new, len(batch.readings) - len(new), last))
        return results


def open_store() -> Store:
    """Return the store for the configured database."""
    if connection.vendor == "sqlite":
        return SqliteStore(str(connection.settings_dict["NAME"]))
    raise ImproperlyConfigured(
        f"Readings cannot be written to {connection.display_name} yet; use SQLite."
    )

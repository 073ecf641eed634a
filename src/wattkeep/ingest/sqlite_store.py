"""Readings into SQLite."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from wattkeep.domain.free_instants import FreeInstants
from wattkeep.ingest.stores import BootKey, BootRow, Event, Store, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.batches import Batch
    from wattkeep.ingest.lateness import LateSlots
from wattkeep.ingest.stores import Outcome

BUSY_TIMEOUT_MS = 5000

INSERT = (
    "INSERT INTO monitoring_energyreading (device_id, timestamp, voltage, current, power,"
    " energy, frequency, power_factor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_IF_NEW = INSERT + " ON CONFLICT DO NOTHING"
# Eight values a row, and SQLite takes 32,766 in one statement.
ROWS_A_STATEMENT = (1000, 100)
NOTE_CONTACT = (
    "INSERT INTO monitoring_deviceboot (device_id, boot, last_seq, ahead, first_seen, last_seen,"
    " firmware) VALUES (?1, '', 0, '', ?2, ?2, '') ON CONFLICT (device_id, boot)"
    " DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)"
)
SAVE_BOOT = (
    "INSERT INTO monitoring_deviceboot (device_id, boot, last_seq, ahead, first_seen, last_seen,"
    " firmware, uptime_s, rssi_dbm, free_heap) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9)"
    " ON CONFLICT (device_id, boot) DO UPDATE SET last_seq = excluded.last_seq,"
    " ahead = excluded.ahead, last_seen = max(last_seen, excluded.last_seen),"
    " firmware = excluded.firmware, uptime_s = excluded.uptime_s,"
    " rssi_dbm = excluded.rssi_dbm, free_heap = excluded.free_heap"
)
SAVE_EVENT = (
    "INSERT INTO monitoring_meterevent (device_id, kind, timestamp, until, windows)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (device_id, kind, timestamp)"
    " DO UPDATE SET until = max(until, excluded.until), windows = excluded.windows"
)
SAVE_MARK = (
    "INSERT INTO monitoring_ledgermark AS mark (device_id, start, until, touched)"
    " VALUES (?, ?, ?, 0) ON CONFLICT (device_id, start) DO UPDATE"
    " SET touched = mark.touched + 1,"
    " until = CASE WHEN mark.until >= excluded.until THEN mark.until"
    " WHEN mark.until < excluded.until THEN excluded.until END"
)


@cache
def _insert_of(count: int) -> str:
    """Return the statement that inserts `count` rows.

    Each statement lets go of the interpreter and has to get hold of it again, against a busy event
    loop: one for a whole group, not one a row.
    """
    return INSERT + ", (?, ?, ?, ?, ?, ?, ?, ?)" * (count - 1)


def _rows_at_once(waiting: int) -> int:
    """Return how many of the rows that wait go into one statement: few kinds of it are kept."""
    return next((most for most in ROWS_A_STATEMENT if waiting >= most), waiting)


class SqliteStore(Store):
    """WAL with synchronous=FULL: one fsync a commit, and what is committed survives a power cut."""

    def __init__(
        self,
        path: str,
        *,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._connection: sqlite3.Connection | None = None

    def commit(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Outcome]:
        try:
            db = self._db
            db.execute("BEGIN IMMEDIATE")
            stored = self._write(batches, contacts)
            db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnavailable(str(error)) from error
        except BaseException:
            self.close()
            raise
        return stored

    def close(self) -> None:
        super().close()
        db, self._connection = self._connection, None
        if db is not None:
            with suppress(sqlite3.Error):
                if db.in_transaction:
                    db.execute("ROLLBACK")
            db.close()

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            # Opened, not made: a missing file is a fault, not an empty database.
            path = self._path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
            db = sqlite3.connect(
                f"file:{path}?mode=rw",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=2 * ROWS_A_STATEMENT[-1],
            )
            db.execute(f"PRAGMA busy_timeout={self._busy_timeout_ms}")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA cache_size=-16000")
            self._connection = db
        return self._connection

    def _insert(self, readings: list[Reading], stamped: list[bool]) -> list[Reading | None] | None:
        stored: list[Reading | None] = []
        free = FreeInstants()
        are_all_new = True
        start = 0
        while start < len(readings):
            end = start + _rows_at_once(len(readings) - start)
            rows = readings[start:end]
            try:
                self._db.execute(_insert_of(len(rows)), tuple(chain.from_iterable(rows)))
            except sqlite3.IntegrityError:
                # One was not new, and nothing of this statement is there.
                are_all_new = False
                stored += self._insert_each(rows, stamped[start:end], free)
            else:
                stored += rows
            start = end
        return None if are_all_new else stored

    def _insert_each(
        self, readings: list[Reading], stamped: list[bool], free: FreeInstants
    ) -> list[Reading | None]:
        stored: list[Reading | None] = []
        for reading, ours_to_stamp in zip(readings, stamped, strict=True):
            row = reading
            is_new = 0
            while not is_new:
                if ours_to_stamp:
                    at_ms = free.find(row.device_id, row.timestamp_ms)
                    row = row._replace(timestamp_ms=at_ms)
                is_new = self._db.execute(INSERT_IF_NEW, row).rowcount
                free.take(row.device_id, row.timestamp_ms)
                if not ours_to_stamp:
                    break
            stored.append(row if is_new else None)
        return stored

    def _lock_boots(self, keys: list[BootKey]) -> dict[BootKey, tuple[int, str]]:
        # BEGIN IMMEDIATE keeps every other writer out already.
        found = {}
        for key in keys:
            row = self._db.execute(
                "SELECT last_seq, ahead FROM monitoring_deviceboot WHERE device_id=? AND boot=?",
                key,
            ).fetchone()
            if row is not None:
                found[key] = row
        return found

    def _save_boots(self, rows: list[BootRow]) -> None:
        self._db.executemany(SAVE_BOOT, [row.columns() for row in rows])

    def _note_contacts(self, contacts: Sequence[tuple[int, int]]) -> None:
        self._db.executemany(NOTE_CONTACT, contacts)

    def _silence_before(self, device_id: int, at_ms: int) -> Event | None:
        row = self._db.execute(
            "SELECT device_id, kind, timestamp, until, windows FROM monitoring_meterevent"
            " WHERE device_id=? AND kind='silent' AND timestamp<=?"
            " ORDER BY timestamp DESC LIMIT 1",
            (device_id, at_ms),
        ).fetchone()
        return Event(*row) if row else None

    def _save_events(self, events: list[Event]) -> None:
        self._db.executemany(SAVE_EVENT, events)

    def _save_marks(self, marks: list[LateSlots]) -> None:
        self._db.executemany(SAVE_MARK, marks)

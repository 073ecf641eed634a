"""Readings into SQLite."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from wattkeep.domain.free_instants import FreeInstants
from wattkeep.domain.readings import Reading, Run
from wattkeep.ingest.stores import BootKey, BootRow, Event, Store, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.ingest.batches import Batch
    from wattkeep.ingest.lateness import LateSlots
from wattkeep.ingest.stores import Outcome

BUSY_TIMEOUT_MS = 5000
LOOK_AGAIN_S = 0.0005
# The lower half of an error's code: what is above it tells details.
PRIMARY_CODE = 0xFF

INSERT = (
    "INSERT INTO monitoring_energyreading (device_id, timestamp, voltage, current, power,"
    " energy, frequency, power_factor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_IF_NEW = INSERT + " ON CONFLICT DO NOTHING"
# Eight values a row, and SQLite takes 32,766 in one statement.
ROWS_A_STATEMENT = (1000, 100)
# Many rows are one statement: each lets go of the interpreter, and between a busy event loop and a
# busy ledger it is a millisecond until it is had again. As JSON they are one kind of statement.
KNOWN_BOOTS = (
    "SELECT device_id, boot, last_seq, ahead FROM json_each(?) AS asked"
    " CROSS JOIN monitoring_deviceboot ON device_id = json_extract(asked.value, '$[0]')"
    " AND boot = json_extract(asked.value, '$[1]')"
)
NOTE_CONTACTS = (
    "INSERT INTO monitoring_deviceboot (device_id, boot, last_seq, ahead, first_seen, last_seen,"
    " firmware) SELECT json_extract(value, '$[0]'), '', 0, '', json_extract(value, '$[1]'),"
    " json_extract(value, '$[1]'), '' FROM json_each(?) WHERE true"
    " ON CONFLICT (device_id, boot) DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)"
)
SAVE_BOOTS = (
    "INSERT INTO monitoring_deviceboot (device_id, boot, last_seq, ahead, first_seen, last_seen,"
    " firmware, uptime_s, rssi_dbm, free_heap) SELECT json_extract(value, '$[0]'),"
    " json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'),"
    " json_extract(value, '$[4]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),"
    " json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]')"
    " FROM json_each(?) WHERE true"
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
SAVE_MARKS = (
    "INSERT INTO monitoring_ledgermark AS mark (device_id, start, until, touched)"
    " SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]'), 0 FROM json_each(?) WHERE true"
    " ON CONFLICT (device_id, start) DO UPDATE"
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


def _flat(rows: Sequence[Reading]) -> Sequence[float]:
    """Return one value after the other, row after row."""
    if not isinstance(rows, Run):
        return tuple(chain.from_iterable(rows))
    values: list[float] = [rows.device_id] * (len(Reading._fields) * len(rows))
    columns: list[Sequence[float]] = [rows.instants, *rows.measured]
    for position, column in enumerate(columns, 1):
        values[position :: len(Reading._fields)] = column
    return values


def _json(rows: Sequence[tuple[Any, ...]]) -> str:
    return msgspec.json.encode(rows).decode()


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
            self._begin(db)
            stored = self._write(batches, contacts)
            db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnavailable(str(error)) from error
        except BaseException:
            self.close()
            raise
        return stored

    def _begin(self, db: sqlite3.Connection) -> None:
        """Begin to write as soon as nobody else does.

        SQLite's own waiting looks again after ever longer pauses, up to 100 ms, and misses the
        moments between the ledger's short transactions: of 10,000 boards' posts one in twenty
        waited for 150 ms.
        """
        given_up_at_s = time.monotonic() + self._busy_timeout_ms / 1000
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() >= given_up_at_s:
                    raise
                time.sleep(LOOK_AGAIN_S)
            else:
                return

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
            # From here on `_begin` waits; whoever has begun to write is in nobody's way.
            db.execute("PRAGMA busy_timeout=0")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA cache_size=-8000")
            self._connection = db
        return self._connection

    def _insert(
        self, readings: Sequence[Reading], stamped: list[bool]
    ) -> list[Reading | None] | None:
        stored: list[Sequence[Reading | None]] = []
        free = FreeInstants()
        are_all_new = True
        start = 0
        while start < len(readings):
            end = start + _rows_at_once(len(readings) - start)
            rows = readings[start:end]
            try:
                self._db.execute(_insert_of(len(rows)), _flat(rows))
            except sqlite3.IntegrityError:
                # One was not new, and nothing of this statement is there.
                are_all_new = False
                stored.append(self._insert_each(rows, stamped[start:end], free))
            else:
                stored.append(rows)
            start = end
        return None if are_all_new else list(chain.from_iterable(stored))

    def _insert_each(
        self, readings: Sequence[Reading], stamped: list[bool], free: FreeInstants
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
        rows = self._db.execute(KNOWN_BOOTS, (_json(keys),)).fetchall()
        return {
            BootKey(device_id, boot): (last_seq, ahead) for device_id, boot, last_seq, ahead in rows
        }

    def _save_boots(self, rows: list[BootRow]) -> None:
        self._db.execute(SAVE_BOOTS, (_json([row.columns() for row in rows]),))

    def _note_contacts(self, contacts: Sequence[tuple[int, int]]) -> None:
        self._db.execute(NOTE_CONTACTS, (_json(contacts),))

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
        self._db.execute(SAVE_MARKS, (_json(marks),))

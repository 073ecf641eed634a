"""Readings into PostgreSQL, plain or distributed by Citus."""

from __future__ import annotations

import logging
import struct
import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import connection as django_connection
from psycopg import errors

from wattkeep.domain.free_instants import FreeInstants
from wattkeep.domain.instants import to_ms
from wattkeep.domain.readings import Reading
from wattkeep.ingest.postgres_plain import COLUMNS, insert_plain, prepare_plain
from wattkeep.ingest.stores import (
    BootKey,
    BootRow,
    Event,
    Store,
    StoreUnavailable,
    split_plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.ingest.batches import Batch
    from wattkeep.ingest.lateness import LateSlots
    from wattkeep.ingest.stores import Outcome

logger = logging.getLogger(__name__)

# How long a commit is tried anew when the server went away under it, before its requests are
# told to come back.
RETRY_S = 4.0
RETRY_PAUSE_S = 0.2
CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_MS = 15_000
# A server that is gone without a word is noticed in 20 s; Linux would wait a quarter of an hour.
NOTICED_GONE = {
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
# From this many readings on COPY is quicker than unnest (benchmarks/README.md).
COPY_FROM = 300

AS_INSTANT = "'epoch'::timestamptz + {} * interval '1 millisecond'"
AS_MS = "(extract(epoch FROM {}) * 1000)::bigint"
INSERT = f"""
    INSERT INTO monitoring_energyreading ({COLUMNS})
    SELECT d, {AS_INSTANT.format("t")}, v, i, p, e, f, pf
    FROM unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::float8[], %s::float8[],
                %s::float8[], %s::float8[], %s::float8[]) AS r(d, t, v, i, p, e, f, pf)
"""  # noqa: S608 - constants only
INSERT_IF_NEW = f"""
    {INSERT} ON CONFLICT DO NOTHING RETURNING device_id, {AS_MS.format("timestamp")}
"""
COPY = f"COPY monitoring_energyreading ({COLUMNS}) FROM STDIN (FORMAT binary)"
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_ROW = struct.Struct("!hiqiqidididididid").pack
COPY_END = b"\xff\xff"
COPY_EPOCH_US = to_ms(datetime(2000, 1, 1, tzinfo=UTC)) * 1000
KNOWN = f"""
    SELECT device_id, {AS_MS.format("timestamp")}, voltage, current, power, energy, frequency,
           power_factor
    FROM monitoring_energyreading
    WHERE device_id = ANY(%s)
      AND timestamp = ANY(ARRAY(SELECT {AS_INSTANT.format("t")} FROM unnest(%s::bigint[]) AS t))
"""  # noqa: S608 - constants only
NOTE_CONTACTS = f"""
    INSERT INTO monitoring_deviceboot
        (device_id, boot, last_seq, ahead, first_seen, last_seen, firmware)
    SELECT d, '', 0, '', {AS_INSTANT.format("t")}, {AS_INSTANT.format("t")}, ''
    FROM unnest(%s::bigint[], %s::bigint[]) AS c(d, t) ORDER BY d
    ON CONFLICT (device_id, boot) DO UPDATE
    SET last_seen = greatest(monitoring_deviceboot.last_seen, excluded.last_seen)
"""  # noqa: S608 - constants only
# Everybody locks boots in the same order, so nobody waits in a circle.
LOCK_BOOTS = """
    SELECT device_id, boot, last_seq, ahead FROM monitoring_deviceboot
    WHERE (device_id, boot) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
    ORDER BY device_id, boot FOR UPDATE
"""
NEW_BOOTS = """
    INSERT INTO monitoring_deviceboot
        (device_id, boot, last_seq, ahead, first_seen, last_seen, firmware)
    SELECT d, b, 0, '', now(), 'epoch', '' FROM unnest(%s::bigint[], %s::text[]) AS r(d, b)
    ORDER BY d, b ON CONFLICT DO NOTHING RETURNING device_id, boot
"""
SAVE_BOOTS = f"""
    UPDATE monitoring_deviceboot SET
        last_seq = r.last_seq, ahead = r.ahead, firmware = r.firmware, uptime_s = r.uptime_s,
        rssi_dbm = r.rssi_dbm, free_heap = r.free_heap,
        last_seen = greatest(monitoring_deviceboot.last_seen, {AS_INSTANT.format("r.seen_ms")})
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::text[],
                %s::bigint[], %s::int[], %s::int[])
        AS r(device_id, boot, last_seq, ahead, seen_ms, firmware, uptime_s, rssi_dbm, free_heap)
    WHERE monitoring_deviceboot.device_id = r.device_id AND monitoring_deviceboot.boot = r.boot
"""  # noqa: S608 - constants only
# Locked: another process may prolong the same silence by windows of another boot.
SILENCE_BEFORE = f"""
    SELECT device_id, kind, {AS_MS.format("timestamp")}, {AS_MS.format("until")}, windows
    FROM monitoring_meterevent
    WHERE device_id = %s AND kind = 'silent' AND timestamp <= {AS_INSTANT.format("%s::bigint")}
    ORDER BY timestamp DESC LIMIT 1 FOR UPDATE
"""  # noqa: S608 - constants only
SAVE_EVENT = f"""
    INSERT INTO monitoring_meterevent (device_id, kind, timestamp, until, windows)
    VALUES (%s, %s, {AS_INSTANT.format("%s::bigint")}, {AS_INSTANT.format("%s::bigint")}, %s)
    ON CONFLICT (device_id, kind, timestamp) DO UPDATE
    SET until = greatest(monitoring_meterevent.until, excluded.until), windows = excluded.windows
"""  # noqa: S608 - constants only
SAVE_MARK = f"""
    INSERT INTO monitoring_ledgermark AS mark (device_id, start, until, touched)
    VALUES (%s, {AS_INSTANT.format("%s::bigint")}, {AS_INSTANT.format("%s::bigint")}, 0)
    ON CONFLICT (device_id, start) DO UPDATE SET touched = mark.touched + 1,
        until = CASE WHEN mark.until >= excluded.until THEN mark.until
                     WHEN mark.until < excluded.until THEN excluded.until END
"""  # noqa: S608 - constants only


class PostgresStore(Store):
    """One connection, one transaction a commit; a lost connection is made anew and it tried again.

    Trying again doubles nothing even where the first commit went through unheard: numbers and
    instants are known by then, and a reading that got its time from us is known by its values.
    """

    _has_plain = True

    def __init__(
        self,
        parameters: dict[str, Any],
        *,
        retry_s: float = RETRY_S,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self._parameters = parameters
        self._retry_s = retry_s
        self._pause = pause
        self._connection: psycopg.Connection[Any] | None = None
        self._is_retry = False

    def commit(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Outcome]:
        deadline = time.monotonic() + self._retry_s
        self._is_retry = False
        while True:
            try:
                if (stored := self._write_plain(batches, contacts)) is not None:
                    return stored
                with self._db.transaction():
                    return self._write(batches, contacts)
            except (psycopg.OperationalError, errors.UniqueViolation, OSError) as error:
                # Away, restarting, deadlocked, or another process stored the same just now.
                self.close()
                if time.monotonic() >= deadline:
                    raise StoreUnavailable(str(error)) from error
                self._is_retry = True
                self._pause(RETRY_PAUSE_S)
            except psycopg.Error as error:
                self.close()
                raise StoreUnavailable(str(error)) from error
            except BaseException:
                self.close()
                raise

    def _write_plain(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Outcome] | None:
        """Commit a small group in one statement; None, and nothing, if that cannot be.

        Never on a second try: only `_insert` knows a reading that the first one stored.
        """
        if self._is_retry or not self._has_plain or any([one.windows for one in batches]):  # noqa: C419
            return None
        readings = list(chain.from_iterable([one.readings for one in batches]))
        if not readings or len(readings) >= COPY_FROM:
            return None
        # What is late leaves marks, which this statement does not write.
        if not self._lateness.note_if_fresh(readings, int(self._clock() * 1000)):
            return None
        if not insert_plain(self._db.pgconn, readings, contacts):
            return None
        return list(split_plain(batches))

    def close(self) -> None:
        super().close()
        db, self._connection = self._connection, None
        if db is not None:
            with suppress(psycopg.Error, OSError):
                db.close()

    @property
    def _db(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(**self._parameters, autocommit=True)
            self._connection.execute(
                "SELECT set_config('statement_timeout', %s, false)", [str(STATEMENT_TIMEOUT_MS)]
            )
            if self._has_plain:
                prepare_plain(self._connection.pgconn)
        return self._connection

    # -- readings ----------------------------------------------------------------------------

    def _insert(self, readings: list[Reading], stamped: list[bool]) -> list[Reading | None] | None:
        if len(readings) >= COPY_FROM and self._copy(readings):
            return None
        free = FreeInstants()
        rows = [
            _place(row, free) if ours_to_stamp else row
            for row, ours_to_stamp in zip(readings, stamped, strict=True)
        ]
        stored: list[Reading | None] = list(rows)
        waiting = list(range(len(rows)))
        while waiting:
            inserted = self._insert_new([rows[index] for index in waiting])
            left = []
            for index in waiting:
                row = rows[index]
                key = row.device_id, row.timestamp_ms
                if key in inserted:
                    inserted.remove(key)
                    stored[index] = row
                elif stamped[index]:
                    left.append(index)
                else:
                    stored[index] = None
            waiting = self._move_on(rows, stored, left, free)
        return stored

    def _insert_new(self, rows: list[Reading]) -> set[tuple[int, int]]:
        """Insert those whose device and instant are free; return these pairs."""
        cursor = self._db.execute(INSERT_IF_NEW, _columns(rows))
        return {(device_id, at_ms) for device_id, at_ms in cursor}

    def _copy(self, readings: list[Reading]) -> bool:
        """Insert everything as if all of it were new; False, and nothing, if it is not."""
        try:
            with self._db.transaction(), self._db.cursor() as cursor, cursor.copy(COPY) as copy:
                copy.write(_copy_rows(readings))
        except errors.UniqueViolation:
            return False
        return True

    def _move_on(
        self,
        rows: list[Reading],
        stored: list[Reading | None],
        left: list[int],
        free: FreeInstants,
    ) -> list[int]:
        """Move readings whose millisecond is taken to a free one; return which still wait.

        On a second try the taker may be the reading itself, stored by the first.
        """
        if not left:
            return left
        known = self._known([rows[index] for index in left]) if self._is_retry else {}
        still = []
        for index in left:
            row = rows[index]
            if known.pop((row.device_id, row.timestamp_ms), None) == row:
                stored[index] = row
                continue
            free.take(row.device_id, row.timestamp_ms)
            rows[index] = _place(row, free)
            still.append(index)
        return still

    def _known(self, rows: list[Reading]) -> dict[tuple[int, int], Reading]:
        cursor = self._db.execute(
            KNOWN, [[row.device_id for row in rows], [row.timestamp_ms for row in rows]]
        )
        return {(row[0], row[1]): Reading(*row) for row in cursor}

    # -- boots, contacts, events -------------------------------------------------------------

    def _lock_boots(self, keys: list[BootKey]) -> dict[BootKey, tuple[int, str]]:
        found = self._select_boots(keys)
        if missing := [key for key in keys if key not in found]:
            made = {BootKey(*row) for row in self._db.execute(NEW_BOOTS, _columns(missing))}
            if theirs := [key for key in missing if key not in made]:
                found.update(self._select_boots(theirs))
        return found

    def _select_boots(self, keys: list[BootKey]) -> dict[BootKey, tuple[int, str]]:
        return {
            BootKey(row[0], row[1]): (row[2], row[3])
            for row in self._db.execute(LOCK_BOOTS, _columns(keys))
        }

    def _save_boots(self, rows: list[BootRow]) -> None:
        self._db.execute(SAVE_BOOTS, _columns([row.columns() for row in rows]))

    def _note_contacts(self, contacts: Sequence[tuple[int, int]]) -> None:
        self._db.execute(NOTE_CONTACTS, _columns(contacts))

    def _silence_before(self, device_id: int, at_ms: int) -> Event | None:
        row = self._db.execute(SILENCE_BEFORE, [device_id, at_ms]).fetchone()
        return Event(*row) if row else None

    def _save_events(self, events: list[Event]) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(SAVE_EVENT, events)

    def _save_marks(self, marks: list[LateSlots]) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(SAVE_MARK, marks)


class DistributedStore(PostgresStore):
    """Without ON CONFLICT for readings, which Citus runs a hundred times slower than without.

    What is known is looked up first; if another process stores the same meanwhile, the commit
    fails whole and is tried again, and then the look-up finds it.
    """

    # It names ON CONFLICT for contacts beside rows of other devices.
    _has_plain = False

    def _insert_new(self, rows: list[Reading]) -> set[tuple[int, int]]:
        taken = set(self._known(rows))
        free: dict[tuple[int, int], Reading] = {}
        for row in rows:
            key = row.device_id, row.timestamp_ms
            if key not in taken:
                free.setdefault(key, row)
        if free:
            self._db.execute(INSERT, _columns(list(free.values())))
        return set(free)

    def _copy(self, readings: list[Reading]) -> bool:
        if self._known(readings) or len({row[:2] for row in readings}) < len(readings):
            return False
        return super()._copy(readings)


def _place(row: Reading, free: FreeInstants) -> Reading:
    """Return a reading at the next instant that nothing of this commit has, and take it."""
    at_ms = free.find(row.device_id, row.timestamp_ms)
    free.take(row.device_id, at_ms)
    return row if at_ms == row.timestamp_ms else row._replace(timestamp_ms=at_ms)


def _copy_rows(readings: list[Reading]) -> bytes:
    """Return readings in COPY's binary form: a third of the time that writing rows of text takes.

    Each row is its number of columns, then each column's length and value; an instant counts
    microseconds from 2000.
    """
    rows = [
        COPY_ROW(8, 8, d, 8, ms * 1000 - COPY_EPOCH_US, 8, v, 8, i, 8, p, 8, e, 8, f, 8, pf)
        for d, ms, v, i, p, e, f, pf in readings
    ]
    return b"".join([COPY_HEAD, *rows, COPY_END])


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Return a table of rows as one list a column, as `unnest` takes it."""
    return [list(column) for column in zip(*rows, strict=True)]


def open_postgres_store() -> PostgresStore:
    """Return the store for Django's PostgreSQL; the distributed one if the table is."""
    settings = django_connection.settings_dict
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    parameters: dict[str, Any] = {
        **NOTICED_GONE,
        **{to: settings[name] for name, to in names.items() if settings[name]},
        **{
            name: value
            for name, value in settings.get("OPTIONS", {}).items()
            if name not in {"pool", "server_side_binding", "isolation_level", "assume_role"}
        },
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "wattkeep ingest",
    }
    if settings["PORT"]:
        parameters["port"] = settings["PORT"]
    kind = DistributedStore if _is_distributed(parameters) else PostgresStore
    return kind(parameters)


def _is_distributed(parameters: dict[str, Any]) -> bool:
    """Tell whether readings are a Citus table; a server that is away is taken for a plain one."""
    try:
        with psycopg.connect(**parameters) as db:
            row = db.execute(
                "SELECT to_regclass('pg_dist_partition') IS NOT NULL AND EXISTS (SELECT FROM"
                " pg_catalog.pg_class WHERE relname = 'monitoring_energyreading')"
            ).fetchone()
            if not row or not row[0]:
                return False
            found = db.execute(
                "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid ="
                " 'monitoring_energyreading'::regclass)"
            ).fetchone()
            return bool(found and found[0])
    except psycopg.Error:
        logger.warning("PostgreSQL is away; taking it for one that is not distributed")
        return False

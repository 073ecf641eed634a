"""Readings into PostgreSQL."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors

from wattkeep.domain.free_instants import FreeInstants
from wattkeep.domain.readings import Reading, Run
from wattkeep.ingest import postgres_statements as sql
from wattkeep.ingest.postgres_plain import insert_plain, prepare_plain
from wattkeep.ingest.postgres_statements import columns_of, copy_rows
from wattkeep.ingest.stores import (
    BootKey,
    BootRow,
    Event,
    Store,
    StoreUnavailable,
    split_plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wattkeep.ingest.batches import Batch
    from wattkeep.ingest.lateness import LateSlots
    from wattkeep.ingest.stores import Outcome

# How long a commit is tried anew when the server went away under it, before its requests are
# told to come back.
RETRY_S = 4.0
RETRY_PAUSE_S = 0.2
STATEMENT_TIMEOUT_MS = 15_000
# From this many readings on COPY is quicker than unnest (benchmarks/README.md).
COPY_FROM = 300


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
        is_bounced: bool = False,
        retry_s: float = RETRY_S,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self._parameters = parameters
        # PgBouncer is in between: the next transaction may be on another connection.
        self._is_bounced = is_bounced
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
                return self._write_whole(batches, contacts)
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

    def _write_whole(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Outcome]:
        """Commit a group in one transaction."""
        with self._db.transaction():
            if self._is_bounced:
                self._db.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            return self._write(batches, contacts)

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
        prepared = not self._is_bounced
        if not insert_plain(self._db.pgconn, readings, contacts, is_prepared=prepared):
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
            db = psycopg.connect(**self._parameters, autocommit=True)
            self._connection = db
            if self._is_bounced:
                db.prepare_threshold = None
                return db
            db.execute(
                "SELECT set_config('statement_timeout', %s, false)", [str(STATEMENT_TIMEOUT_MS)]
            )
            if self._has_plain:
                prepare_plain(db.pgconn)
        return self._connection

    # -- readings ----------------------------------------------------------------------------

    def _insert_runs(self, runs: list[Run]) -> Iterable[list[Reading | None] | None]:
        if len(runs) > 1 and self._copy(list(chain.from_iterable(runs))):
            return [None] * len(runs)
        return super()._insert_runs(runs)

    def _insert(
        self, readings: Sequence[Reading], stamped: list[bool]
    ) -> list[Reading | None] | None:
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
        cursor = self._db.execute(sql.INSERT_IF_NEW, columns_of(rows))
        return {(device_id, at_ms) for device_id, at_ms in cursor}

    def _copy(self, readings: Sequence[Reading]) -> bool:
        """Insert everything as if all of it were new; False, and nothing, if it is not."""
        try:
            with self._db.transaction(), self._db.cursor() as cursor, cursor.copy(sql.COPY) as copy:
                copy.write(copy_rows(readings))
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

    def _known(self, rows: Sequence[Reading]) -> dict[tuple[int, int], Reading]:
        cursor = self._db.execute(
            sql.KNOWN, [[row.device_id for row in rows], [row.timestamp_ms for row in rows]]
        )
        return {(row[0], row[1]): Reading(*row) for row in cursor}

    # -- boots, contacts, events -------------------------------------------------------------

    def _lock_boots(self, keys: list[BootKey]) -> dict[BootKey, tuple[int, str]]:
        found = self._select_boots(keys)
        if missing := [key for key in keys if key not in found]:
            made = {BootKey(*row) for row in self._db.execute(sql.NEW_BOOTS, columns_of(missing))}
            if theirs := [key for key in missing if key not in made]:
                found.update(self._select_boots(theirs))
        return found

    def _select_boots(self, keys: list[BootKey]) -> dict[BootKey, tuple[int, str]]:
        return {
            BootKey(row[0], row[1]): (row[2], row[3])
            for row in self._db.execute(sql.LOCK_BOOTS, columns_of(keys))
        }

    def _save_boots(self, rows: list[BootRow]) -> None:
        self._db.execute(sql.SAVE_BOOTS, columns_of([row.columns() for row in rows]))

    def _note_contacts(self, contacts: Sequence[tuple[int, int]]) -> None:
        self._db.execute(sql.NOTE_CONTACTS, columns_of(contacts))

    def _silence_before(self, device_id: int, at_ms: int) -> Event | None:
        row = self._db.execute(sql.SILENCE_BEFORE, [device_id, at_ms]).fetchone()
        return Event(*row) if row else None

    def _save_events(self, events: list[Event]) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(sql.SAVE_EVENT, events)

    def _save_marks(self, marks: list[LateSlots]) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(sql.SAVE_MARK, marks)


def _place(row: Reading, free: FreeInstants) -> Reading:
    """Return a reading at the next instant that nothing of this commit has, and take it."""
    at_ms = free.find(row.device_id, row.timestamp_ms)
    free.take(row.device_id, at_ms)
    return row if at_ms == row.timestamp_ms else row._replace(timestamp_ms=at_ms)

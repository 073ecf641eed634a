"""One commit's readings into the database: what happens in a transaction, whatever the dialect.

A store takes a whole group and either has all of it on the disk or none of it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from itertools import chain, compress
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from wattkeep.domain.readings import Run
from wattkeep.domain.sequence import Arrived, TooManyHolesError
from wattkeep.ingest.batches import Batch, PartlyStored, Stored
from wattkeep.ingest.lateness import Lateness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.batches import Windows
    from wattkeep.ingest.lateness import LateSlots

# Silent windows at most this far apart are one silence.
SILENCE_JOINS_MS = 60_000


class StoreUnavailable(Exception):  # noqa: N818 - named for what the caller answers
    """The group could not be committed; nothing of it is stored."""


Outcome = Stored | PartlyStored | StoreUnavailable


class BootKey(NamedTuple):
    """Which boot of which device."""

    device_id: int
    boot: str


class BootRow(NamedTuple):
    """A boot as it is written after its windows were taken."""

    key: BootKey
    arrived: Arrived
    windows: Windows

    def columns(self) -> tuple[Any, ...]:
        """Return device, boot, last number, runs, last seen (epoch ms) and how the board is."""
        board = self.windows.board
        return (
            *self.key,
            self.arrived.watermark,
            self.arrived.runs_text(),
            self.windows.arrived_ms,
            board.firmware,
            board.uptime_s,
            board.rssi_dbm,
            board.free_heap,
        )


class Event(NamedTuple):
    """A MeterEvent's columns."""

    device_id: int
    kind: str
    start_ms: int
    until_ms: int
    windows: int


class _Fresh(NamedTuple):
    """A batch without the windows that had arrived before."""

    readings: Sequence[Reading]
    stamped: list[bool]
    duplicates: int = 0
    silent_ms: list[int] = []  # noqa: RUF012 - never changed


class Store(ABC):
    """Where readings go. Called from one thread only."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lateness = Lateness()

    @abstractmethod
    def commit(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Outcome]:
        """Store every batch and each (device_id, last seen in epoch ms) in one transaction.

        A batch that cannot be stored while the others can has its reason in place of the result.

        Raises:
            StoreUnavailable: nothing was stored.
        """

    def close(self) -> None:
        """Let go of the database; what was not committed is gone."""
        self._lateness.forget()

    # -- what a dialect brings: each inside the transaction that `commit` began --------------

    @abstractmethod
    def _insert(
        self, readings: Sequence[Reading], stamped: list[bool]
    ) -> list[Reading | None] | None:
        """Insert readings; return each as stored, None for one known already.

        Ours to stamp move to the next free millisecond. None in place of the list: every one
        was new, and stored as it is.
        """

    @abstractmethod
    def _lock_boots(self, keys: list[BootKey]) -> dict[BootKey, tuple[int, str]]:
        """Return last_seq and runs of the boots that are known, and keep others from them."""

    @abstractmethod
    def _save_boots(self, rows: list[BootRow]) -> None: ...

    @abstractmethod
    def _note_contacts(self, contacts: Sequence[tuple[int, int]]) -> None: ...

    @abstractmethod
    def _silence_before(self, device_id: int, at_ms: int) -> Event | None:
        """Return the newest silence that begins at or before an instant."""

    @abstractmethod
    def _save_events(self, events: list[Event]) -> None: ...

    @abstractmethod
    def _save_marks(self, marks: list[LateSlots]) -> None:
        """Mark slots for the ledger; a mark that is there is touched, so that it outlives a run."""

    # -- the same for all --------------------------------------------------------------------

    def _write(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Outcome]:
        """Do everything a commit does but begin and end it."""
        if any(batch.windows for batch in batches):
            results = self._write_windows(batches)
        else:
            plain = [_Fresh(batch.readings, batch.stamped) for batch in batches]
            results = [*self._insert_groups(plain)]
        stored = [one for one in results if isinstance(one, Stored)]
        if marks := self._marks(stored):
            self._save_marks(marks)
        if contacts:
            self._note_contacts(contacts)
        return results

    def _marks(self, stored: list[Stored]) -> list[LateSlots]:
        now_ms = int(self._clock() * 1000)
        # A run is long, and what is asked of its readings quickly found out all at once.
        if not any(isinstance(one.readings, Run) for one in stored):
            readings = list(chain.from_iterable([one.readings for one in stored]))
            if self._lateness.note_if_fresh(readings, now_ms):
                return []
        return self._lateness.find(stored, now_ms)

    def _write_windows(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Write a group some of which is numbered: numbers first, in the same transaction."""
        keys = sorted({BootKey(b.device_id, b.windows.boot) for b in batches if b.windows})
        known = self._lock_boots(keys)
        boots = {key: Arrived.from_stored(*known.get(key, (0, ""))) for key in keys}
        fresh: list[_Fresh | StoreUnavailable] = []
        changed: dict[BootKey, BootRow] = {}
        for batch in batches:
            if (windows := batch.windows) is None:
                fresh.append(_Fresh(batch.readings, batch.stamped))
                continue
            key = BootKey(batch.device_id, windows.boot)
            try:
                taken = _take_windows(batch, windows, boots[key])
            except TooManyHolesError:
                fresh.append(StoreUnavailable("too many holes in a boot's numbers"))
                continue
            fresh.append(taken.fresh)
            if taken.fresh.silent_ms:
                self._save_events(self._silences(batch.device_id, taken.fresh.silent_ms))
            if key not in known and key not in changed:
                self._save_events([_boot_event(batch.device_id, windows)])
            if taken.is_change or key not in known:
                boots[key] = taken.arrived
                changed[key] = BootRow(key, taken.arrived, windows)
        results = iter(self._insert_groups([one for one in fresh if isinstance(one, _Fresh)]))
        if changed:
            self._save_boots([changed[key] for key in sorted(changed)])
        return [
            _with_ack(next(results), batch, boots) if isinstance(one, _Fresh) else one
            for batch, one in zip(batches, fresh, strict=True)
        ]

    def _insert_groups(self, fresh: list[_Fresh]) -> list[Stored]:
        """Insert what is new of every batch; return what became of each.

        Runs first: what is ours to stamp then finds another instant than one of theirs.
        """
        runs = [one.readings for one in fresh if isinstance(one.readings, Run)]
        placed = iter(self._insert_runs(runs) if runs else ())
        rest = self._insert_rows([one for one in fresh if not isinstance(one.readings, Run)])
        return [
            next(_outcomes([one], next(placed)) if isinstance(one.readings, Run) else rest)
            for one in fresh
        ]

    def _insert_runs(self, runs: list[Run]) -> Iterable[list[Reading | None] | None]:
        """Insert runs; return of each what `_insert` does."""
        return [self._insert(run, [False] * len(run)) for run in runs]

    def _insert_rows(self, fresh: list[_Fresh]) -> Iterator[Stored]:
        """Insert the readings of many batches at once."""
        readings = list(chain.from_iterable(one.readings for one in fresh))
        stamped = list(chain.from_iterable(one.stamped for one in fresh))
        return _outcomes(fresh, self._insert(readings, stamped) if readings else None)

    def _silences(self, device_id: int, silent_ms: Iterable[int]) -> list[Event]:
        """Return silent windows as events, joined to the one they continue."""
        events: list[Event] = []
        for at_ms in sorted(silent_ms):
            last = events[-1] if events else self._silence_before(device_id, at_ms)
            if last is not None and at_ms <= last.until_ms + SILENCE_JOINS_MS:
                joined = last._replace(until_ms=max(last.until_ms, at_ms), windows=last.windows + 1)
                events[-1:] = [joined]
            else:
                events.append(Event(device_id, "silent", at_ms, at_ms, 1))
        return events


class _Taken(NamedTuple):
    """What is new of an envelope, and the numbers arrived with it."""

    fresh: _Fresh
    arrived: Arrived
    is_change: bool


def _take_windows(batch: Batch, windows: Windows, before: Arrived) -> _Taken:
    arrived = before.copy()
    if windows.oldest:
        arrived.give_up_below(windows.oldest)
    is_new = [arrived.take(seq) for seq in windows.seqs]
    silent_ms = [at_ms for seq, at_ms in windows.silent if arrived.take(seq)]
    for seq in windows.refused:
        arrived.take(seq)
    fresh = _Fresh(
        list(compress(batch.readings, is_new)),
        list(compress(batch.stamped, is_new)),
        is_new.count(False) + len(windows.silent) - len(silent_ms),
        silent_ms,
    )
    return _Taken(fresh, arrived, arrived != before)


def _outcomes(fresh: list[_Fresh], rows: Sequence[Reading | None] | None) -> Iterator[Stored]:
    """Yield what became of batches by what became of their readings; None: all are new."""
    return _all_new(fresh) if rows is None else _split(fresh, rows)


def _all_new(fresh: list[_Fresh]) -> Iterator[Stored]:
    for one in fresh:
        last = one.readings[-1].timestamp_ms if one.readings else None
        yield Stored(one.readings, one.duplicates, last, silences=len(one.silent_ms))


def _split(fresh: list[_Fresh], rows: Sequence[Reading | None]) -> Iterator[Stored]:
    start = 0
    for one in fresh:
        part = rows[start : start + len(one.readings)]
        start += len(part)
        new = [row for row in part if row is not None]
        last = (part[-1] or one.readings[-1]).timestamp_ms if part else None
        yield Stored(new, one.duplicates + len(part) - len(new), last, silences=len(one.silent_ms))


def split_plain(batches: Sequence[Batch]) -> Iterator[Stored]:
    """Yield what became of batches without windows, every reading of which was new."""
    for batch in batches:
        yield Stored(batch.readings, 0, batch.readings[-1].timestamp_ms)


def _with_ack(stored: Stored, batch: Batch, boots: dict[BootKey, Arrived]) -> Stored:
    if batch.windows is None:
        return stored
    return replace(stored, ack=boots[BootKey(batch.device_id, batch.windows.boot)].watermark)


def _boot_event(device_id: int, windows: Windows) -> Event:
    at_ms = windows.arrived_ms - min(windows.board.uptime_s or 0, 10 * 365 * 86_400) * 1000
    return Event(device_id, "boot", at_ms, at_ms, 0)


def open_store() -> Store:
    """Return the store for the configured database."""
    if connection.vendor == "sqlite":
        from wattkeep.ingest.sqlite_store import SqliteStore

        return SqliteStore(str(connection.settings_dict["NAME"]))
    if connection.vendor == "postgresql":
        from wattkeep.ingest.postgres_choice import open_postgres_store

        return open_postgres_store()
    raise ImproperlyConfigured(
        f"Readings cannot be written to {connection.display_name}; use SQLite or PostgreSQL."
    )

"""Readings of the past into the database: finished days sealed at once, the newest as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from django.db import transaction

from wattkeep.domain.columns import Columns
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.importing.rows import COLUMNS, DAY_MS, Tally, day_parts
from wattkeep.ledger.blocks import WholeDay, make_block, merge_days, open_block, put_block
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.readings import readings_between
from wattkeep.monitoring.models import EnergyReading, LedgerState, ReadingBlock

if TYPE_CHECKING:
    from wattkeep.importing.sources import Source, Watch

# A day that is being sealed by somebody else meanwhile is tried again; nobody seals one for long.
MOST_TRIES = 20
ROWS_A_STATEMENT = 500


@dataclass(slots=True)
class Stored:
    """What became of a file's readings."""

    new: int = 0
    known: int = 0
    # Known ones of which the device has another counter; its own stay.
    differing: int = 0
    # Older than what the device keeps single readings for.
    too_old: int = 0
    days: int = 0


class DayBusyError(RuntimeError):
    """A day that others go on changing; what was stored before stays, and can be gone on from."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a file's readings go, and what is added to each counter on the way."""

    device_id: int
    now_ms: int
    shift_kwh: float = 0.0


def store_file(source: Source, target: Target, watch: Watch | None = None) -> Stored:
    """Store what the device does not have yet, a day a transaction.

    May be killed and run again, and run beside a server that stores and seals: what is there is
    left out, so nothing is doubled and nothing is lost.

    Raises:
        ImportFileError: the file is damaged; what stood before is stored.
        DayBusyError: a day could not be stored.
    """
    stored = Stored()
    raw_from_ms = _raw_from_ms(target.device_id)
    for part in day_parts(source.entries(watch), Tally(), target.now_ms):
        kept = _from(part.columns, raw_from_ms)
        stored.too_old += len(part.columns) - len(kept)
        if len(kept):
            _store_day(stored, target, part.day_ms, _shifted(kept, target.shift_kwh))
    return stored


def _raw_from_ms(device_id: int) -> int | None:
    state = LedgerState.objects.filter(device_id=device_id).first()
    if state is None or state.raw_from is None:
        return None
    return to_ms(state.raw_from)


def _from(columns: Columns, start_ms: int | None) -> Columns:
    """Return the readings from an instant on; all of them without one."""
    if start_ms is None or int(columns.timestamps[0]) >= start_ms:
        return columns
    return columns.slice(int(np.searchsorted(columns.timestamps, start_ms)), len(columns))


def _shifted(columns: Columns, shift_kwh: float) -> Columns:
    if not shift_kwh:
        return columns
    # Where the sum of two decimals is none, it becomes one again: they take less room.
    energy = np.round(columns["energy"] + shift_kwh, 9)
    return Columns(columns.timestamps, {**columns.values, "energy": energy})


def _store_day(stored: Stored, target: Target, day_ms: int, columns: Columns) -> None:
    compared = _compare(target.device_id, day_ms, columns)
    stored.known += len(columns) - len(compared.new)
    stored.differing += compared.differing
    if not len(compared.new):
        return
    if day_ms + DAY_MS <= target.now_ms:
        stored.new += _merge_into_block(target.device_id, day_ms, columns)
    else:
        stored.new += _insert_rows(target.device_id, compared.new)
    stored.days += 1


class _Compared(NamedTuple):
    new: Columns
    differing: int


def _compare(device_id: int, day_ms: int, columns: Columns) -> _Compared:
    """Return which of a day's readings the device does not have."""
    there = readings_between(device_id, day_ms, day_ms + DAY_MS, ("energy",))
    is_new = ~np.isin(columns.timestamps, there.timestamps)
    if is_new.all():
        return _Compared(columns, 0)
    places = np.searchsorted(there.timestamps, columns.timestamps[~is_new])
    differing = there["energy"][places] != columns["energy"][~is_new]
    return _Compared(_only(columns, is_new), int(np.count_nonzero(differing)))


def _only(columns: Columns, flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Columns:
    return Columns(columns.timestamps[flags], {name: columns[name][flags] for name in COLUMNS})


def _merge_into_block(device_id: int, day_ms: int, columns: Columns) -> int:
    """Add readings to a finished day's block, or make it; return how many were new.

    Encoding takes place outside the transaction. If the block is another one by then, somebody was
    quicker, and it is done again.
    """
    day = from_ms(day_ms)
    for _ in range(MOST_TRIES):
        # Not compared with what was read earlier: rows may have been sealed since.
        new = _compare(device_id, day_ms, columns).new
        if not len(new):
            return 0
        old = ReadingBlock.objects.filter(device_id=device_id, day=day).first()
        whole = _whole(new) if old is None else merge_days(open_block(old), _whole(new))
        block = make_block(device_id, day_ms, whole)
        with transaction.atomic():
            if put_block(block, old):
                leave_mark(device_id, int(new.timestamps[0]), int(new.timestamps[-1]))
                return len(new)
    raise DayBusyError(f"the readings of {day:%Y-%m-%d} are being changed by others all the time")


def _whole(columns: Columns) -> WholeDay:
    """Return a day with nulls where nothing is known."""
    return WholeDay(
        columns.timestamps,
        {name: columns[name] for name in COLUMNS},
        {name: np.isnan(columns[name]) for name in COLUMNS},
    )


def _insert_rows(device_id: int, new: Columns) -> int:
    """Insert readings of a day that is not over; return how many."""
    lists = {name: _with_none(new[name]) for name in COLUMNS}
    rows = [
        EnergyReading(
            device_id=device_id,
            timestamp=from_ms(at_ms),
            **{name: lists[name][place] for name in COLUMNS},
        )
        for place, at_ms in enumerate(new.timestamps.tolist())
    ]
    with transaction.atomic():
        EnergyReading.objects.bulk_create(rows, batch_size=ROWS_A_STATEMENT, ignore_conflicts=True)
        leave_mark(device_id, int(new.timestamps[0]), int(new.timestamps[-1]))
    return len(rows)


def _with_none(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN

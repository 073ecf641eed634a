"""Puts a device's day from rows into its block, and takes the rows away or leaves them.

A day is read and compressed outside of any transaction. A short one then puts the block in the
place of the one that was read, or of none, and deletes exactly the rows that are in it. If
anything else was there by then, nothing is done, and the day is looked at again.

Slots are made of its readings first. Pages add to stored slots what rows tell beyond them, and look
into no block for it.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from wattkeep.domain.columns import NAMES
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.blocks import (
    DAY_MS,
    BlockError,
    WholeDay,
    make_block,
    merge_days,
    open_block,
    put_block,
)
from wattkeep.ledger.marks import are_slots_made
from wattkeep.ledger.readings import whole_rows
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.models import Device, EnergyReading, LedgerState, ReadingBlock

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)

# Measured on SQLite: 10 ms with the lock held, the disk's part included.
MOST_ROWS_A_DELETE = 10_000
MOST_TRIES = 5


class SealedDay(NamedTuple):
    """A device's day that was sealed just now."""

    device_id: int
    day_ms: int
    readings: int


class PackedDay(NamedTuple):
    """A device's day whose rows are in its block, and are still rows."""

    sealed: SealedDay
    rows: WholeDay
    # Whether the block was written just now; False: all of them were in it already.
    is_written: bool


class _ChangedMeanwhile(Exception):  # noqa: N818 - no fault: it is tried again
    """Rows or block are not what was read."""


def seal_day(device_id: int, day_ms: int) -> SealedDay | None:
    """Move the rows of a device's UTC day into its block; None if there were no rows.

    Raises:
        BlockError: the day has a block already, which cannot be read.
    """
    for _ in range(MOST_TRIES):
        rows = whole_rows(device_id, day_ms, day_ms + DAY_MS)
        if rows is None:
            return None
        _make_slots(device_id, day_ms)
        old, new = _make_block(device_id, day_ms, rows)
        try:
            _swap(old, new, rows)
        except _ChangedMeanwhile:
            continue
        return SealedDay(device_id, day_ms, new.count)
    # Somebody else is at it: it gets done there, or by the next run here.
    return None


def pack_day(device_id: int, day_ms: int) -> PackedDay | None:
    """Put the rows of a device's UTC day into its block and leave them; None if there are none.

    Raises:
        BlockError: the day has a block already, which cannot be read.
    """
    for _ in range(MOST_TRIES):
        rows = whole_rows(device_id, day_ms, day_ms + DAY_MS)
        if rows is None:
            return None
        _make_slots(device_id, day_ms)
        old, new = _make_block(device_id, day_ms, rows)
        if old is not None and old.checksum == new.checksum and old.count == new.count:
            return PackedDay(SealedDay(device_id, day_ms, new.count), rows, is_written=False)
        with transaction.atomic():
            # Retention deletes under this lock: no day that it deleted comes back by us.
            LedgerState.objects.select_for_update().filter(device_id=device_id).first()
            if _count_rows(device_id, day_ms) == len(rows.timestamps) and put_block(new, old):
                return PackedDay(SealedDay(device_id, day_ms, new.count), rows, is_written=True)
    return None


def _make_slots(device_id: int, day_ms: int) -> None:
    """Have slots made of a day's readings, if they are not yet.

    To be called once these are read: what comes later is not sealed with them.
    """
    end = from_ms(day_ms + DAY_MS)
    state = LedgerState.objects.filter(device_id=device_id).first()
    if are_slots_made(state, end) or not Device.objects.filter(pk=device_id).exists():
        return
    try:
        # Up to now, as the ledger does it: the days that follow are then made as well.
        update_device(device_id, max(end, timezone.now()))
    except DatabaseError:
        raise
    except Exception:
        # What keeps the ledger from a device's day must not keep its rows for good.
        logger.exception("the slots of device %s could not be made before it is sealed", device_id)


def _make_block(
    device_id: int, day_ms: int, rows: WholeDay
) -> tuple[ReadingBlock | None, ReadingBlock]:
    """Return a day's block as it is stored, if it is, and the one that has these rows as well.

    Raises:
        BlockError: the stored one cannot be read.
    """
    old = ReadingBlock.objects.filter(device_id=device_id, day=from_ms(day_ms)).first()
    day = rows if old is None else merge_days(open_block(old), rows)
    new = make_block(device_id, day_ms, day)
    # Read back before the rows go: whatever this machine does wrong, it does not cost them.
    if not _is_same(open_block(new), day):
        raise BlockError(device_id, day_ms, "it does not decode to what went into it")
    return old, new


def _count_rows(device_id: int, day_ms: int) -> int:
    span = from_ms(day_ms), from_ms(day_ms + DAY_MS)
    return EnergyReading.objects.filter(
        device_id=device_id, timestamp__gte=span[0], timestamp__lt=span[1]
    ).count()


def _swap(old: ReadingBlock | None, new: ReadingBlock, rows: WholeDay) -> None:
    """Put a block in the place of the old one and delete the rows that are in it.

    Raises:
        _ChangedMeanwhile: somebody else did something to either; nothing was done.
    """
    first, rest = rows.timestamps[:MOST_ROWS_A_DELETE], rows.timestamps[MOST_ROWS_A_DELETE:]
    with transaction.atomic():
        if not put_block(new, old):
            raise _ChangedMeanwhile
        if _delete_rows(new.device_id, first.tolist()) != len(first):
            raise _ChangedMeanwhile
    # More than a meter ever makes in a day: the rest goes in steps, so that nobody waits for long.
    for start in range(0, len(rest), MOST_ROWS_A_DELETE):
        _delete_rows(new.device_id, rest[start : start + MOST_ROWS_A_DELETE].tolist())


def _delete_rows(device_id: int, instants_ms: list[int]) -> int:
    """Delete the rows at these instants and no others; return how many there were."""
    chosen = "IN (SELECT value FROM json_each(%s))"
    instants: str | list[datetime] = json.dumps(instants_ms)
    if connection.vendor != "sqlite":
        chosen, instants = "= ANY(%s)", [from_ms(ms) for ms in instants_ms]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM monitoring_energyreading"  # noqa: S608 - one of two constants
            f" WHERE device_id = %s AND timestamp {chosen}",
            [device_id, instants],
        )
        return int(cursor.rowcount)


def _is_same(one: WholeDay, other: WholeDay) -> bool:
    """Tell whether two days are the same to the bit."""
    return np.array_equal(one.timestamps, other.timestamps) and all(
        np.array_equal(one.nulls[name], other.nulls[name])
        and one.values[name].tobytes() == other.values[name].tobytes()
        for name in NAMES
    )

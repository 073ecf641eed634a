"""Sealing: a finished day's rows become one compressed block.

A day is read and compressed outside of any transaction. A short one then puts the block in the
place of the one that was read, or of none, and deletes exactly the rows that are in it. If
anything else was there by then, nothing is done, and the day is looked at again. So it may be
killed anywhere, run again, or run in several processes at once: each reading is in a row or in a
block, and whoever finds one in both (`readings.py`, or the next run) counts it once.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from django.db import connection, transaction

from wattkeep.domain.columns import NAMES
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.ledger.blocks import (
    DAY_MS,
    BlockError,
    WholeDay,
    make_block,
    merge_days,
    open_block,
    put_block,
)
from wattkeep.ledger.readings import oldest_row_ms, whole_rows
from wattkeep.monitoring.models import Device, ReadingBlock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

logger = logging.getLogger(__name__)

# A board that lost its network for the evening still has its day sealed only once.
SETTLED_AFTER_MS = 6 * 3_600_000
# Measured on SQLite: 10 ms with the lock held, the disk's part included.
MOST_ROWS_A_DELETE = 10_000
MOST_TRIES = 5


class SealedDay(NamedTuple):
    """A device's day that was sealed just now."""

    device_id: int
    day_ms: int
    readings: int


@dataclass(slots=True)
class SealReport:
    """What one run sealed, and the days it could not."""

    days: list[SealedDay] = field(default_factory=list)
    problems: list[BlockError] = field(default_factory=list)


class _ChangedMeanwhile(Exception):  # noqa: N818 - no fault: it is tried again
    """Rows or block are not what was read."""


def seal_due(now: datetime) -> SealReport:
    """Seal every finished day of every device that is over since some hours.

    A day whose block cannot be read keeps its rows; it is reported, and the others are sealed.
    """
    report = SealReport()
    for done in seal_days(now):
        if isinstance(done, SealedDay):
            report.days.append(done)
        else:
            logger.error("%s", done)
            report.problems.append(done)
    return report


def seal_days(now: datetime) -> Iterator[SealedDay | BlockError]:
    """Do what `seal_due` does, a day at a time: whoever stops asking stops the sealing."""
    end_ms = (to_ms(now) - SETTLED_AFTER_MS) // DAY_MS * DAY_MS
    for device_id in Device.objects.order_by("pk").values_list("pk", flat=True):
        from_day_ms: int | None = None
        while (oldest_ms := oldest_row_ms(device_id, from_day_ms)) is not None:
            day_ms = oldest_ms // DAY_MS * DAY_MS
            if day_ms >= end_ms:
                break
            try:
                if (sealed := seal_day(device_id, day_ms)) is not None:
                    yield sealed
            except BlockError as error:
                yield error
            from_day_ms = day_ms + DAY_MS


def seal_day(device_id: int, day_ms: int) -> SealedDay | None:
    """Move the rows of a device's UTC day into its block; None if there were no rows.

    Raises:
        BlockError: the day has a block already, which cannot be read.
    """
    for _ in range(MOST_TRIES):
        rows = whole_rows(device_id, day_ms, day_ms + DAY_MS)
        if rows is None:
            return None
        old = ReadingBlock.objects.filter(device_id=device_id, day=from_ms(day_ms)).first()
        day = rows if old is None else merge_days(open_block(old), rows)
        new = make_block(device_id, day_ms, day)
        # Read back before the rows go: whatever this machine does wrong, it does not cost them.
        if not _is_same(open_block(new), day):
            raise BlockError(device_id, day_ms, "it does not decode to what went into it")
        try:
            _swap(old, new, rows)
        except _ChangedMeanwhile:
            continue
        return SealedDay(device_id, day_ms, len(day.timestamps))
    # Somebody else is at it: it gets done there, or by the next run here.
    return None


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

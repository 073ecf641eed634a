"""Sealing: a finished day's rows become one compressed block.

Where the table has a partition a day, that goes (`dropping`); everywhere else the rows are deleted.
It may be killed anywhere, run again, or run in several processes at once: each reading is in a
row or in a block, and whoever finds one in both (`readings.py`, or the next run) counts it once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wattkeep.domain.instants import to_ms
from wattkeep.ledger.blocks import DAY_MS, BlockError
from wattkeep.ledger.dropping import seal_partitions
from wattkeep.ledger.packing import SealedDay, seal_day
from wattkeep.ledger.readings import oldest_row_ms
from wattkeep.monitoring.models import Device

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

__all__ = ["SealReport", "SealedDay", "seal_day", "seal_days", "seal_due"]

logger = logging.getLogger(__name__)

# A board that lost its network for the evening still has its day sealed only once.
SETTLED_AFTER_MS = 6 * 3_600_000


@dataclass(slots=True)
class SealReport:
    """What one run sealed, and the days it could not."""

    days: list[SealedDay] = field(default_factory=list)
    problems: list[BlockError] = field(default_factory=list)


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
    waiting: set[int] = set()
    yield from seal_partitions(end_ms, waiting)
    yield from _seal_rows(end_ms, waiting)


def _seal_rows(end_ms: int, left_alone_ms: Collection[int]) -> Iterator[SealedDay | BlockError]:
    """Seal days up to `end_ms` and delete their rows, but for days that are left alone."""
    for device_id in Device.objects.order_by("pk").values_list("pk", flat=True):
        from_day_ms: int | None = None
        while (oldest_ms := oldest_row_ms(device_id, from_day_ms)) is not None:
            day_ms = oldest_ms // DAY_MS * DAY_MS
            if day_ms >= end_ms:
                break
            from_day_ms = day_ms + DAY_MS
            if day_ms in left_alone_ms:
                continue
            try:
                if (sealed := seal_day(device_id, day_ms)) is not None:
                    yield sealed
            except BlockError as error:
                yield error

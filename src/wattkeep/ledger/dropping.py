"""A sealed day of all devices goes with its partition, never a late row with it.

Each device's rows of the day are put into its block first and stay rows as well, which whoever
reads counts once. Then, with everybody kept from writing to that day, the partition is looked
through a last time. It goes if it holds exactly the rows that are in the blocks.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from django.db import OperationalError, connection, transaction

from wattkeep.domain.instants import to_ms
from wattkeep.ledger.blocks import BlockError
from wattkeep.ledger.packing import MOST_TRIES, SealedDay, pack_day
from wattkeep.monitoring.partitions import (
    LOCK_TIMEOUT_MS,
    TABLE,
    day_partitions,
    is_partitioned,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattkeep.ledger.blocks import WholeDay
    from wattkeep.monitoring.partitions import Partition

logger = logging.getLogger(__name__)

CONTENTS = """
    SELECT device_id, count(*), sum((extract(epoch FROM timestamp) * 1000)::bigint)
    FROM {} GROUP BY device_id ORDER BY device_id
"""
PREPARED = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"


class Contents(NamedTuple):
    """What tells a device's rows of a day from any others: a row is never changed, nor moved."""

    rows: int
    sum_ms: int


class _StillInUse(Exception):  # noqa: N818 - no fault: it is tried again
    """The partition cannot go now."""


def seal_partitions(settled_ms: int, waiting: set[int]) -> Iterator[SealedDay | BlockError]:
    """Seal the days that have a partition and end by `settled_ms`, and drop it; oldest first.

    What cannot be dropped now is dropped by a later run: such a day is put into `waiting`. One with
    a block that cannot be read is not, as it might stay for good: there the rows of all other
    devices can be taken away one by one.
    """
    if not is_partitioned():
        return
    for partition in day_partitions():
        if to_ms(partition.end) <= settled_ms:
            yield from _seal_partition(partition, waiting)


def _seal_partition(partition: Partition, waiting: set[int]) -> Iterator[SealedDay | BlockError]:
    sealed: dict[int, Contents] = {}
    for _ in range(MOST_TRIES):
        found = _contents(partition)
        for device_id in [one for one in sealed if one not in found]:
            del sealed[device_id]
        for device_id in [one for one in found if sealed.get(one) != found[one]]:
            try:
                packed = pack_day(device_id, to_ms(partition.day))
            except BlockError as error:
                yield error
                return
            if packed is None:
                continue
            sealed[device_id] = _told(packed.rows)
            if packed.is_written:
                yield packed.sealed
        try:
            if _drop(partition, sealed):
                return
        except (_StillInUse, OperationalError) as error:
            logger.warning("%s stays for now: %s", partition.name, error)
            break
    waiting.add(to_ms(partition.day))


def _told(rows: WholeDay) -> Contents:
    return Contents(len(rows.timestamps), int(rows.timestamps.sum()))


def _contents(partition: Partition) -> dict[int, Contents]:
    with connection.cursor() as cursor:
        cursor.execute(CONTENTS.format(partition.name))
        return {row[0]: Contents(row[1], int(row[2])) for row in cursor.fetchall()}


def _drop(partition: Partition, sealed: dict[int, Contents]) -> bool:
    """Drop a partition if it holds what is sealed and nothing else; tell whether it did.

    Raises:
        _StillInUse: a prepared transaction remains: a row of it would go along, unseen.
        OperationalError: somebody reads it for long; waiting would keep everybody else out.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        # Writers of this day wait, readers and everybody else go on.
        cursor.execute(f"LOCK TABLE {partition.name} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(PREPARED)
        if cursor.fetchone()[0]:
            raise _StillInUse("there are prepared transactions (pg_prepared_xacts)")
        if _contents(partition) != sealed:
            return False
        cursor.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {partition.name}")
        cursor.execute(f"DROP TABLE {partition.name}")
    return True

"""Readings into PostgreSQL whose tables Citus spreads over several servers."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg

from wattkeep.ingest import postgres_statements as sql
from wattkeep.ingest.batches import Batch, PartlyStored, Stored
from wattkeep.ingest.postgres_statements import columns_of
from wattkeep.ingest.postgres_store import PostgresStore
from wattkeep.ingest.stores import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.stores import Outcome

logger = logging.getLogger(__name__)

# After a commit that failed, how long each worker's readings go into transactions of their own
# from the first.
APART_S = 10.0
WORKERS = """
    SELECT d, n.nodename || ':' || n.nodeport
    FROM unnest(%s::bigint[]) AS d
    JOIN pg_dist_placement p
      ON p.shardid = get_shard_id_for_distribution_column('monitoring_energyreading', d)
    JOIN pg_dist_node n ON n.groupid = p.groupid
"""


class DistributedStore(PostgresStore):
    """Without ON CONFLICT for readings, which Citus runs a hundred times slower than without.

    What is known is looked up first; if another process stores the same meanwhile, the commit
    fails whole and is tried again, and then the look-up finds it. If a worker is down, the
    readings of the other workers' devices are committed without it.
    """

    # It names ON CONFLICT for contacts beside rows of other devices.
    _has_plain = False

    def __init__(self, parameters: dict[str, Any], **options: Any) -> None:
        super().__init__(parameters, **options)
        self._apart_until = 0.0

    def commit(
        self, batches: Sequence[Batch], contacts: Sequence[tuple[int, int]]
    ) -> list[Outcome]:
        if time.monotonic() >= self._apart_until:
            try:
                return super().commit(batches, contacts)
            except StoreUnavailable as error:
                logger.warning("a commit failed; each worker gets its own: %s", error)
        workers = self._find_workers({*_devices(batches), *(one for one, _ in contacts)})
        self._apart_until = time.monotonic() + APART_S
        return self._commit_apart(batches, contacts, workers)

    def _find_workers(self, device_ids: set[int]) -> dict[int, str]:
        """Return device id → the worker its shard is on.

        Raises:
            StoreUnavailable: the coordinator is away: nothing can be stored at all.
        """
        try:
            return dict(self._db.execute(WORKERS, [sorted(device_ids)]).fetchall())
        except (psycopg.Error, OSError) as error:
            self.close()
            raise StoreUnavailable(str(error)) from error

    def _commit_apart(
        self,
        batches: Sequence[Batch],
        contacts: Sequence[tuple[int, int]],
        workers: dict[int, str],
    ) -> list[Outcome]:
        """Commit each worker's readings in a transaction of their own.

        Raises:
            StoreUnavailable: none of them could be.
        """
        whole, arriving = list(batches), None
        if whole and not whole[-1].device_id:
            arriving = whole.pop()
        results: list[Outcome] = [StoreUnavailable("its worker is down")] * len(whole)
        placed: list[Reading | None] = [None] * (len(arriving.readings) if arriving else 0)
        is_any_done = False
        for worker in sorted(set(workers.values())):
            mine = [n for n, one in enumerate(whole) if workers.get(one.device_id) == worker]
            rows = [
                n
                for n, one in enumerate(arriving.readings if arriving else ())
                if workers.get(one.device_id) == worker
            ]
            group = [whole[n] for n in mine]
            if arriving and rows:
                readings = [arriving.readings[n] for n in rows]
                group.append(Batch(0, readings, [True] * len(rows)))
            heard = [one for one in contacts if workers.get(one[0]) == worker]
            found = self._try(group, heard, worker)
            if found is None:
                continue
            is_any_done = True
            for n, outcome in zip(mine, found, strict=False):
                results[n] = outcome
            if rows and isinstance(found[-1], Stored):
                for n, reading in zip(rows, found[-1].readings, strict=True):
                    placed[n] = reading
        if not is_any_done:
            raise StoreUnavailable("every worker is down")
        return results if arriving is None else [*results, PartlyStored(placed)]

    def _try(
        self, group: list[Batch], contacts: list[tuple[int, int]], worker: str
    ) -> list[Outcome] | None:
        """Commit a worker's part once; None if it could not be."""
        # The failed commit may have gone through on this worker before another one failed.
        self._is_retry = True
        try:
            return self._write_whole(group, contacts)
        except (psycopg.Error, OSError) as error:
            logger.warning("the readings of %s cannot be stored: %s", worker, error)
            self.close()
            return None
        except BaseException:
            with suppress(psycopg.Error, OSError):
                self.close()
            raise

    def _insert_new(self, rows: list[Reading]) -> set[tuple[int, int]]:
        taken = set(self._known(rows))
        free: dict[tuple[int, int], Reading] = {}
        for row in rows:
            key = row.device_id, row.timestamp_ms
            if key not in taken:
                free.setdefault(key, row)
        if free:
            self._db.execute(sql.INSERT, columns_of(list(free.values())))
        return set(free)

    def _copy(self, readings: Sequence[Reading]) -> bool:
        if self._known(readings) or len({row[:2] for row in readings}) < len(readings):
            return False
        return super()._copy(readings)


def _devices(batches: Sequence[Batch]) -> set[int]:
    return {one.device_id for one in batches if one.device_id} | {
        reading.device_id for one in batches if not one.device_id for reading in one.readings
    }

"""Group commit: everything that waits goes into one transaction, and is answered after it."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from wattkeep.ingest.stores import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.decoding import Batch
    from wattkeep.ingest.stores import Store, Stored

logger = logging.getLogger(__name__)

MOST_WAITING_READINGS = 50_000
MOST_READINGS_A_COMMIT = 20_000
CONTACT_EVERY_MS = 10_000


class Writer:
    """Takes batches from many requests and commits them together on a thread of its own.

    While one commit waits for the disk the next group gathers, so the more arrive at once the
    fewer fsyncs each costs. `after_commit` gets the new readings of a commit; it must return
    at once and is no part of the acknowledgement.
    """

    def __init__(
        self, store: Store, after_commit: Callable[[Sequence[Reading]], None] | None = None
    ) -> None:
        self._store = store
        self._after_commit = after_commit
        self._waiting: list[tuple[Batch, asyncio.Future[Stored]]] = []
        self._waiting_readings = 0
        self._last_arrival_ms: dict[int, int] = {}
        self._contacts: dict[int, int] = {}
        self._contact_due_ms: dict[int, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "wattkeep-writer")

    async def write(self, batch: Batch, now_ms: int) -> Stored:
        """Return what became of `batch` once it is on the disk.

        Raises:
            StoreUnavailable: too much waits already, or the database refused; nothing is stored.
        """
        if self._waiting_readings + len(batch.readings) > MOST_WAITING_READINGS:
            raise StoreUnavailable("too many readings wait for the disk")
        if batch.stamped[0] and batch.readings[0].timestamp_ms == now_ms:
            batch.readings[0] = self._at_free_instant(batch.readings[0])
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, future))
        self._waiting_readings += len(batch.readings)
        self.note_contact(batch.device_id, now_ms)
        self._start()
        return await future

    def _at_free_instant(self, reading: Reading) -> Reading:
        """Return a reading that arrives now at a millisecond no other one of its device has got.

        The store would find one too, but by trying; this keeps a fast sender's commits short.
        """
        at_ms = max(reading.timestamp_ms, self._last_arrival_ms.get(reading.device_id, 0) + 1)
        self._last_arrival_ms[reading.device_id] = at_ms
        return reading._replace(timestamp_ms=at_ms)

    def note_contact(self, device_id: int, now_ms: int) -> None:
        """Remember that a device was heard; written at most every 10 s, with readings if any."""
        if now_ms >= self._contact_due_ms.get(device_id, 0):
            self._contact_due_ms[device_id] = now_ms + CONTACT_EVERY_MS
            self._contacts[device_id] = now_ms
            self._start()

    async def drain(self) -> None:
        """Return when everything accepted so far is committed or refused."""
        while self._task is not None:
            await asyncio.wait([self._task])
        await asyncio.get_running_loop().run_in_executor(self._thread, self._store.close)

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._commit_groups())

    async def _commit_groups(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            # One turn of the loop: what arrived together is committed together.
            await asyncio.sleep(0)
            while self._waiting or self._contacts:
                group = self._take_group()
                contacts = list(self._contacts.items())
                self._contacts.clear()
                batches = [batch for batch, _ in group]
                try:
                    stored = await loop.run_in_executor(
                        self._thread, self._store.commit, batches, contacts
                    )
                except Exception as error:  # noqa: BLE001 - every waiting request must be answered
                    self._refuse(group, contacts, error)
                else:
                    self._acknowledge(group, stored)
        finally:
            self._task = None

    def _take_group(self) -> list[tuple[Batch, asyncio.Future[Stored]]]:
        size = count = 0
        for batch, _ in self._waiting:
            size += len(batch.readings)
            count += 1
            if size >= MOST_READINGS_A_COMMIT:
                break
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_readings -= size
        return group

    def _acknowledge(
        self, group: list[tuple[Batch, asyncio.Future[Stored]]], stored: list[Stored]
    ) -> None:
        for (_, future), result in zip(group, stored, strict=True):
            if not future.done():  # done: the client has gone
                future.set_result(result)
        if self._after_commit is not None:
            new = [reading for result in stored for reading in result.readings]
            try:
                self._after_commit(new)
            except Exception:
                logger.exception("what follows a commit failed; the readings are stored")

    def _refuse(
        self,
        group: list[tuple[Batch, asyncio.Future[Stored]]],
        contacts: list[tuple[int, int]],
        error: Exception,
    ) -> None:
        if isinstance(error, StoreUnavailable):
            logger.error("readings could not be stored: %s", error)
        else:
            logger.error("the writer failed", exc_info=error)
            error = StoreUnavailable("internal error")
        for device_id, _ in contacts:
            self._contact_due_ms.pop(device_id, None)
        for _, future in group:
            if not future.done():
                future.set_exception(error)

"""Group commit: everything that waits goes into one transaction, and is answered after it."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from wattkeep.ingest.batches import Stored
from wattkeep.ingest.stores import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.batches import Batch
    from wattkeep.ingest.stores import Outcome, Store

logger = logging.getLogger(__name__)

MOST_WAITING_READINGS = 50_000
MOST_READINGS_A_COMMIT = 20_000
CONTACT_EVERY_MS = 10_000
# Who waits behind a commit that takes longer than this is told to come back.
PATIENCE_S = 5.0
# A last arrival further ahead than this means that the clock was set back since.
CLOCK_SET_BACK_MS = 5_000


class Writer:
    """Takes batches from many requests and commits them together on a thread of its own.

    While one commit waits for the disk the next group gathers, so the more arrive at once the
    fewer fsyncs each costs. `after_commit` gets the new readings of a commit; it must return
    at once and is no part of the acknowledgement.
    """

    def __init__(
        self,
        store: Store,
        after_commit: Callable[[Sequence[Reading]], None] | None = None,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store = store
        self._after_commit = after_commit
        self._patience_s = patience_s
        self._waiting: list[tuple[Batch, asyncio.Future[Stored]]] = []
        self._waiting_readings = 0
        self._last_arrival_ms: dict[int, int] = {}
        self._contacts: dict[int, int] = {}
        self._contact_ms: dict[int, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "wattkeep-writer")

    async def write(self, batch: Batch, now_ms: int) -> Stored:
        """Return what became of `batch` once it is on the disk.

        Raises:
            StoreUnavailable: too much waits already, or the database refused; nothing is stored.
        """
        if self._waiting_readings + batch.size > MOST_WAITING_READINGS:
            raise StoreUnavailable("too many readings wait for the disk")
        if batch.windows is None:
            # An envelope's contact is written with its numbers; a replayed one makes none.
            self.note_contact(batch.device_id, now_ms)
            if batch.stamped[0] and batch.readings[0].timestamp_ms == now_ms:
                batch.readings[0] = self._at_free_instant(batch.readings[0])
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, future))
        self._waiting_readings += batch.size
        self._start()
        return await future

    def _at_free_instant(self, reading: Reading) -> Reading:
        """Return a reading that arrives now at a millisecond no other one of its device has got.

        The store would find one too, but by trying; this keeps a fast sender's commits short.
        """
        at_ms = reading.timestamp_ms
        last_ms = self._last_arrival_ms.get(reading.device_id, 0)
        if at_ms <= last_ms < at_ms + CLOCK_SET_BACK_MS:
            at_ms = last_ms + 1
        self._last_arrival_ms[reading.device_id] = at_ms
        return reading._replace(timestamp_ms=at_ms)

    def note_contact(self, device_id: int, now_ms: int) -> None:
        """Remember that a device was heard; written at most every 10 s, with readings if any."""
        # A clock set back makes the difference negative: written at once, then as usual.
        if not 0 <= now_ms - self._contact_ms.get(device_id, -CONTACT_EVERY_MS) < CONTACT_EVERY_MS:
            self._contact_ms[device_id] = now_ms
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
                    outcomes = await self._outcomes(
                        loop.run_in_executor(self._thread, self._store.commit, batches, contacts)
                    )
                except Exception as error:  # noqa: BLE001 - every waiting request must be answered
                    self._refuse(group, contacts, error)
                else:
                    self._acknowledge(group, outcomes)
        finally:
            self._task = None

    async def _outcomes(self, commit: asyncio.Future[list[Outcome]]) -> list[Outcome]:
        """Return what a commit returns; as long as it hangs, refuse whoever waits behind it."""
        while not (await asyncio.wait([commit], timeout=self._patience_s))[0]:
            waiting, self._waiting, self._waiting_readings = self._waiting, [], 0
            if waiting:
                self._refuse(waiting, [], StoreUnavailable("a commit hangs"))
        return commit.result()

    def _take_group(self) -> list[tuple[Batch, asyncio.Future[Stored]]]:
        size = count = 0
        for batch, _ in self._waiting:
            size += batch.size
            count += 1
            if size >= MOST_READINGS_A_COMMIT:
                break
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_readings -= size
        return group

    def _acknowledge(
        self, group: list[tuple[Batch, asyncio.Future[Stored]]], outcomes: list[Outcome]
    ) -> None:
        new: list[Reading] = []
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Stored):
                new.extend(outcome.readings)
                if not future.done():  # done: the client has gone
                    future.set_result(outcome)
            elif not future.done():
                future.set_exception(outcome)
        if self._after_commit is not None:
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
            self._contact_ms.pop(device_id, None)
        for _, future in group:
            if not future.done():
                future.set_exception(error)

"""Group commit: everything that waits goes into one transaction, and is answered after it."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.domain.readings import Run
from wattkeep.ingest.batches import Batch, PartlyStored, Stored
from wattkeep.ingest.counts import IngestCounts
from wattkeep.ingest.stores import StoreUnavailable
from wattkeep.ingest.work_thread import WorkThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.stores import Outcome, Store

    # Told the reading as it is stored, or None where it could not be.
    Answer = Callable[[Reading | None], None]

logger = logging.getLogger(__name__)

MOST_WAITING_READINGS = 50_000
MOST_READINGS_A_COMMIT = 20_000
CONTACT_EVERY_MS = 10_000
# Who waits behind a commit that takes longer than this is told to come back.
PATIENCE_S = 5.0
# A last arrival further ahead than this means that the clock was set back since.
CLOCK_SET_BACK_MS = 5_000


class _Group(NamedTuple):
    """What goes into one commit."""

    batches: list[Batch]
    futures: list[asyncio.Future[Stored]]
    arriving: list[Reading]
    answers: list[Answer]

    @property
    def size(self) -> int:
        """How many readings it has."""
        return len(self.arriving) + sum(batch.size for batch in self.batches)

    @property
    def all_batches(self) -> list[Batch]:
        """The batches, and as the last one the arriving readings, if any, of many devices."""
        if not self.arriving:
            return self.batches
        return [*self.batches, Batch(0, self.arriving, [True] * len(self.arriving))]


class Writer:
    """Takes batches from many requests and commits them together on a thread of its own.

    While one commit waits for the disk the next group gathers, so the more arrive at once the
    fewer fsyncs each costs. `after_commit` gets the new readings of a commit, perhaps in several
    parts; it must return at once and is no part of the acknowledgement.
    """

    def __init__(
        self,
        store: Store,
        after_commit: Callable[[Sequence[Reading]], None] | None = None,
        *,
        patience_s: float = PATIENCE_S,
        counts: IngestCounts | None = None,
    ) -> None:
        self._store = store
        self._counts = counts or IngestCounts()
        self._after_commit = after_commit
        self._patience_s = patience_s
        self._waiting: list[tuple[Batch, asyncio.Future[Stored]]] = []
        self._arriving: list[Reading] = []
        self._answers: list[Answer] = []
        self._waiting_readings = 0
        self._last_arrival_ms: dict[int, int] = {}
        self._contacts: dict[int, int] = {}
        self._contact_ms: dict[int, int] = {}
        self._is_busy = False
        self._is_hanging = False
        self._alarm: asyncio.TimerHandle | None = None
        self._idle: list[asyncio.Future[None]] = []
        self._thread = WorkThread("wattkeep-writer")

    async def write(self, batch: Batch, now_ms: int) -> Stored:
        """Return what became of `batch` once it is on the disk.

        Raises:
            StoreUnavailable: too much waits already, or the database refused; nothing is stored.
        """
        waiting = self._waiting_readings + len(self._arriving)
        if waiting + batch.size > MOST_WAITING_READINGS:
            raise StoreUnavailable("too many readings wait for the disk")
        if batch.windows is None:
            # An envelope's contact is written with its numbers; a replayed one makes none.
            self.note_contact(batch.device_id, now_ms)
            if batch.stamped[0] and batch.readings[0].timestamp_ms == now_ms:
                first, *others = batch.readings
                batch.readings = [self._at_free_instant(first), *others]
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, future))
        self._waiting_readings += batch.size
        self._start()
        return await future

    @property
    def waiting(self) -> int:
        """How many readings wait for a commit."""
        return self._waiting_readings + len(self._arriving)

    @property
    def has_room(self) -> bool:
        """Whether one more reading may wait."""
        return self._waiting_readings + len(self._arriving) < MOST_WAITING_READINGS

    @property
    def is_taking(self) -> bool:
        """Whether readings that arrive now will be committed, as far as can be seen."""
        return self.has_room and not self._is_hanging

    def write_arriving(self, reading: Reading, now_ms: int, answer: Answer) -> None:
        """Have a reading that arrives at `now_ms` written, then `answer` called.

        As `write`, without a future and a coroutine. Whoever calls has looked at `has_room`.
        """
        self.note_contact(reading.device_id, now_ms)
        self._arriving.append(self._at_free_instant(reading))
        self._answers.append(answer)
        self._start()

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
        """Return when everything accepted so far is committed or refused and the store closed."""
        loop = asyncio.get_running_loop()
        if self._is_busy:
            idle = loop.create_future()
            self._idle.append(idle)
            await idle
        closed: asyncio.Future[object] = loop.create_future()
        self._thread.do(self._store.close, closed.set_result)
        await closed
        self._thread.end()

    # -- one group after the other: begun here, committed on the thread, ended here ------------

    def _start(self) -> None:
        if not self._is_busy:
            self._is_busy = True
            # One turn of the loop: what arrived together is committed together.
            asyncio.get_running_loop().call_soon(self._begin_commit)

    def _begin_commit(self) -> None:
        if not (self._waiting or self._arriving or self._contacts):
            self._is_busy = False
            for idle in self._idle:
                if not idle.done():
                    idle.set_result(None)
            self._idle.clear()
            return
        group = self._take_group()
        contacts = list(self._contacts.items())
        self._contacts.clear()
        self._set_alarm()
        self._thread.do(
            partial(self._store.commit, group.all_batches, contacts),
            partial(self._end_commit, group, contacts, time.perf_counter()),
        )

    def _end_commit(
        self,
        group: _Group,
        contacts: list[tuple[int, int]],
        begun_s: float,
        result: list[Outcome] | Exception,
    ) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._is_hanging = False
        try:
            if isinstance(result, Exception):
                self._counts.failed_commits += 1
                self._refuse(group, contacts, result)
            else:
                self._counts.note_commit(time.perf_counter() - begun_s, group.size)
                self._acknowledge(group, result)
        finally:
            # Whatever went wrong in telling: those who wait get their commit, and nobody of this
            # group waits for an answer for ever.
            for future in group.futures:
                if not future.done():
                    future.set_exception(StoreUnavailable("internal error"))
            self._begin_commit()

    def _set_alarm(self) -> None:
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(self._patience_s, self._refuse_waiting)

    def _refuse_waiting(self) -> None:
        """As long as a commit hangs, refuse whoever waits behind it."""
        self._is_hanging = True
        while self._waiting or self._arriving:
            self._refuse(self._take_group(), [], StoreUnavailable("a commit hangs"))
        self._set_alarm()

    def _take_group(self) -> _Group:
        size = count = 0
        for batch, _ in self._waiting:
            size += batch.size
            count += 1
            if size >= MOST_READINGS_A_COMMIT:
                break
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_readings -= size
        arriving, self._arriving = self._arriving, []
        answers, self._answers = self._answers, []
        return _Group([one for one, _ in taken], [one for _, one in taken], arriving, answers)

    def _acknowledge(self, group: _Group, outcomes: list[Outcome]) -> None:
        new: list[Sequence[Reading]] = []
        if group.arriving:
            *outcomes, last = outcomes
            new.append(self._answer_arriving(group.answers, last))
        for future, outcome in zip(group.futures, outcomes, strict=True):
            if isinstance(outcome, Stored):
                new.append(outcome.readings)
                self._counts.known += outcome.duplicates
                if not future.done():  # done: the client has gone
                    future.set_result(outcome)
            elif isinstance(outcome, StoreUnavailable) and not future.done():
                future.set_exception(outcome)
        self._counts.stored += sum(map(len, new))
        if self._after_commit is not None:
            try:
                for part in _by_form(new):
                    self._after_commit(part)
            except Exception:
                logger.exception("what follows a commit failed; the readings are stored")

    def _answer_arriving(self, answers: list[Answer], outcome: Outcome) -> list[Reading]:
        """Tell those that brought one reading each; return what is stored of these.

        Readings that got their time from us are never known already: none is left out.
        """
        placed: Sequence[Reading | None] = [None] * len(answers)
        if isinstance(outcome, (Stored, PartlyStored)):
            placed = outcome.readings
        _call_all(answers, placed)
        stored = [reading for reading in placed if reading is not None]
        if stored:
            self._counts.note_plain_posts(stored)
        if refused := len(placed) - len(stored):
            self._counts.note_refused_plain_posts(refused)
        return stored

    def _refuse(self, group: _Group, contacts: list[tuple[int, int]], error: Exception) -> None:
        if isinstance(error, StoreUnavailable):
            logger.error("readings could not be stored: %s", error)
        else:
            logger.error("the writer failed", exc_info=error)
            error = StoreUnavailable("internal error")
        for device_id, _ in contacts:
            self._contact_ms.pop(device_id, None)
        if group.answers:
            _call_all(group.answers, [None] * len(group.answers))
            self._counts.note_refused_plain_posts(len(group.answers))
        for future in group.futures:
            if not future.done():
                future.set_exception(error)


def _by_form(parts: list[Sequence[Reading]]) -> Iterator[Sequence[Reading]]:
    """Yield each run as it is, and all other readings as one list."""
    rows = list(chain.from_iterable(part for part in parts if not isinstance(part, Run)))
    if rows:
        yield rows
    for part in parts:
        if isinstance(part, Run):
            yield part


def _call_all(answers: Sequence[Answer], results: Sequence[Reading | None]) -> None:
    for answer, result in zip(answers, results, strict=True):
        try:
            answer(result)
        except Exception:
            logger.exception("an answer could not be sent; its reading is as the others")

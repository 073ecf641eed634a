"""The ticker: runs the periodic tasks in a server's process, each on a thread of its own.

However many processes there are, a task runs in one of them at a time: whoever gets its lease.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from wattkeep.ledger.leases import (
    HELD_FOR,
    Outcome,
    give_back,
    keep_lease,
    let_go,
    new_holder,
    take_lease,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from wattkeep.tasks import Task

logger = logging.getLogger(__name__)

# How often a process looks whether a task is due: three times from one time to the next, within
# these; one that is due more often is asked for then.
LOOK_EVERY = timedelta(seconds=5)
LOOK_SELDOM = timedelta(minutes=1)
# Between two steps of a task the event loop and its readings come first: a task that does not take
# longer than it may works a fifth of the time.
BREATH_S = 0.002
SHARE = 0.2
LONGEST_BREATH_S = 0.25
# Steps as short as this are taken together.
SHORT_STEP_S = 0.001
# How long a stop waits for the steps under way, all of them together: a service manager kills
# what has not ended within half a minute.
PATIENCE_S = 8.0
# How often a task's lease is renewed while a step of it takes long, and how often at most: a step
# that hangs is left to another process in the end.
BEAT_S = HELD_FOR.total_seconds() / 3
MOST_BEATS = 6 * 60 * 4


class Breather:
    """Says how long a task of many steps has to pause after each of them.

    What counts is its thread's work, not what it waits for: else a busy machine would slow it down
    twice. One that has gone on for longer than from one time to the next is behind: it hurries.
    Without `every_s` it never is, and keeps to its share however long its steps are.
    """

    def __init__(
        self,
        every_s: float | None,
        clock: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._worked = worked
        self._hurries_at = None if every_s is None else clock() + every_s
        self._paused_at = worked()

    def pause_s(self) -> float:
        """Return how long to pause now; 0 if so little was done that it can go on."""
        now_s = self._worked()
        worked_s = now_s - self._paused_at
        if worked_s < SHORT_STEP_S:
            return 0.0
        self._paused_at = now_s
        pause_s = max(worked_s * (1 / SHARE - 1), BREATH_S)
        if self._hurries_at is None:
            return pause_s
        if self._clock() >= self._hurries_at:
            return BREATH_S
        return min(pause_s, LONGEST_BREATH_S)


class Stopping(Protocol):
    """An event, of threads or of processes, that ends a task after the step it is at."""

    def wait(self, timeout: float | None = None, /) -> object:
        """Wait for it so long; tell whether it has happened."""


class Runner:
    """Runs tasks that are due and that no other process has; what goes wrong is noted and logged.

    Only where readings are served, or written to the same file, tasks `breathe` between their
    steps. Who is called from outside rather than looking all the time gives a task back `lead`
    before it is due: a call may come a little early.
    """

    def __init__(
        self,
        is_stopping: Stopping,
        clock: Callable[[], datetime] = timezone.now,
        *,
        breathes: bool = True,
        lead: timedelta = timedelta(),
        beat_s: float = BEAT_S,
    ) -> None:
        self._clock = clock
        self._holder = new_holder()
        self._is_stopping = is_stopping
        self._breathes = breathes
        self._lead = lead
        self._beat_s = beat_s

    def run_if_due(self, task: Task) -> bool:
        """Run a task if it is due and no other process has it; tell whether it was run.

        Raises:
            DatabaseError: the lease could not be taken or given back.
        """
        started = self._clock()
        if not take_lease(task.name, self._holder, task.every, started):
            return False
        error = None
        try:
            with self._kept(task):
                is_done = self._run(task, started)
        except Exception as fault:
            if isinstance(fault, DatabaseError):
                logger.error("%s: %s", task.name, fault)  # noqa: TRY400 - no fault of the code's
            else:
                logger.exception("%s failed; it is tried again", task.name)
            error, is_done = f"{type(fault).__name__}: {fault}", True
        now = self._clock()
        if is_done:
            # A clock set back meanwhile must not put the next time off.
            pause = task.every if error is None else min(task.every, task.again)
            again_at = min(started, now) + pause - min(self._lead, pause / 2)
            give_back(task.name, self._holder, Outcome(again_at, now, error))
        else:
            let_go(task.name, self._holder, now)
        return True

    @contextmanager
    def _kept(self, task: Task) -> Iterator[None]:
        """Renew a task's lease on a thread for as long as the block takes."""
        is_over = threading.Event()

        def beat() -> None:
            try:
                for _ in range(MOST_BEATS):
                    if is_over.wait(self._beat_s) or not self._keep(task):
                        return
            finally:
                connection.close()

        heart = threading.Thread(target=beat, name=f"wattkeep-{task.name}-lease", daemon=True)
        heart.start()
        try:
            yield
        finally:
            is_over.set()
            heart.join(PATIENCE_S)

    def _keep(self, task: Task) -> bool:
        """Renew a task's lease; False: somebody else has it now."""
        try:
            return keep_lease(task.name, self._holder, self._clock())
        except DatabaseError as error:
            logger.warning("%s could not renew its lease: %s", task.name, error)
            return True

    def _run(self, task: Task, now: datetime) -> bool:
        """Run a task to its end; False: it was broken off."""
        result = task.run(now)
        if not isinstance(result, Iterator):
            return True
        kept_at = now
        breather = Breather(task.every.total_seconds() if task.hurries else None)
        for _ in result:
            if self._is_stopping.wait(breather.pause_s() if self._breathes else 0.0):
                return False
            if not timedelta() <= self._clock() - kept_at < HELD_FOR / 3:
                kept_at = self._clock()
                if not keep_lease(task.name, self._holder, kept_at):
                    return False
        return True


class Ticker(Runner):
    """Starts and ends with a server process, and looks at its tasks as long as that `is_wanted`.

    A task that hangs stops no other one, nor the end of the process.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        clock: Callable[[], datetime] = timezone.now,
        is_wanted: Callable[[], bool] = lambda: True,
        *,
        beat_s: float = BEAT_S,
    ) -> None:
        self._is_over = threading.Event()
        super().__init__(self._is_over, clock, beat_s=beat_s)
        self._tasks = tasks
        self._is_wanted = is_wanted
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._threads = [
            threading.Thread(
                target=self._tick, args=(task,), name=f"wattkeep-{task.name}", daemon=True
            )
            for task in self._tasks
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End every task after the step it is at; return when that is done, or takes too long."""
        self._is_over.set()
        deadline = time.monotonic() + PATIENCE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                logger.warning("%s is busy; left alone", thread.name)

    def _tick(self, task: Task) -> None:
        pause = min(task.every, max(LOOK_EVERY, min(task.every / 3, LOOK_SELDOM)))
        is_away = False
        while not self._is_over.is_set():
            try:
                if self._is_wanted():
                    self.run_if_due(task)
                is_away = False
            except DatabaseError as error:
                if not is_away:
                    logger.warning("%s waits for the database: %s", task.name, error)
                is_away = True
            except Exception:
                logger.exception("%s could not be run", task.name)
            finally:
                # Connections are few, but a new one every few seconds costs PostgreSQL, which
                # starts a process for each, more than what is asked.
                if connection.vendor == "sqlite" or pause > LOOK_EVERY or is_away:
                    connection.close()
                # A pool gets its own back, and the next look finds out whether it still works.
                close_old_connections()
            self._is_over.wait(pause.total_seconds())
        connection.close()

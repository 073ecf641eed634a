"""The periodic tasks in a process of their own, beside the servers, once there are many devices.

Threads of one process share its interpreter: while the ledger counts for thousands of devices,
readings wait for their turn. A process for each home's few devices would cost more than that.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from ctypes import c_bool
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

logger = logging.getLogger(__name__)

MANY_DEVICES = 2000
LOOK_S = 0.5
# How often devices are counted, and how soon at the earliest it is started anew.
COUNT_EVERY_S = 60.0
# Longer than it takes to end by itself (`ticker.PATIENCE_S`).
END_S = 12.0

# A terminal and a service manager tell all of their processes; this one ends with the server.
FOR_THE_SERVER = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)

# Forking would hand it this process's database connections and threads.
_context = multiprocessing.get_context("spawn")
# Shared memory without a lock, which a process that is killed would keep.
_joined: list[c_bool] = []


def join(is_running: c_bool | None) -> None:
    """Make this process one whose tasks are done by another while `is_running`."""
    _joined[:] = [] if is_running is None else [is_running]


def does_all() -> bool:
    """Tell whether a process beside this one does the periodic tasks now."""
    return any(is_running.value for is_running in _joined)


class TickerProcess:
    """Starts the process as soon as it is needed, and anew if it ends by itself.

    `is_running` is told whether it runs; others may look at it.
    """

    def __init__(self, is_needed: Callable[[], bool], is_running: c_bool) -> None:
        self.is_running = is_running
        self._is_needed = is_needed
        self._is_over = threading.Event()
        self._process: BaseProcess | None = None
        # The process ends when this does: also if nobody is left to close it.
        self._lifeline: Connection | None = None
        self._count_at_s = 0.0
        self._is_old = False
        self._thread = threading.Thread(
            target=self._look_after, name="wattkeep-ticker-process", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def replace(self) -> None:
        """Have another process, of the code as it is now, take over soon."""
        self._is_old = True

    def stop(self) -> None:
        """End the process after the steps it is at; return when that is done."""
        self._is_over.set()
        # It may wait for a database; it is too late for it to start anything.
        self._thread.join(LOOK_S)
        self._end()

    def _look_after(self) -> None:
        from django.db import DatabaseError, connection

        while True:
            try:
                self._look()
            except (DatabaseError, OSError) as error:
                logger.warning("devices cannot be counted: %s", error)
            except Exception:
                # Whatever it is: while nobody looks, a process that died would be missed.
                logger.exception("the process for periodic tasks could not be looked after")
            finally:
                connection.close()
            if self._is_over.wait(LOOK_S):
                return

    def _look(self) -> None:
        if self._process is not None and not self._process.is_alive():
            logger.error(
                "the process for periodic tasks ended by itself: %s", self._process.exitcode
            )
            self._end()
        if self._is_old:
            self._is_old = False
            self._count_at_s = 0.0
            self._end()
        if self._process is None and time.monotonic() >= self._count_at_s:
            self._count_at_s = time.monotonic() + COUNT_EVERY_S
            if self._is_needed() and not self._is_over.is_set():
                self._begin()

    def _begin(self) -> None:
        theirs, ours = _context.Pipe(duplex=False)
        process = _context.Process(
            target=_work, args=(theirs,), name="wattkeep-ticker", daemon=True
        )
        # By itself it would let signals through again.
        resource_tracker.ensure_running()
        # Until the process can ignore them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_SERVER)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._process, self._lifeline = process, ours
        self.is_running.value = True

    def _end(self) -> None:
        self.is_running.value = False
        process, self._process = self._process, None
        if process is None:
            return
        if self._lifeline is not None:
            self._lifeline.close()
        process.join(END_S)
        if process.is_alive():
            logger.error("the process for periodic tasks does not end; it is killed")
            process.kill()
            process.join()


@contextmanager
def ticking_beside(*, is_told_to_others: bool) -> Iterator[TickerProcess | None]:
    """Have the periodic tasks done beside this process, from when on there are many devices.

    Where they are several, `is_told_to_others` makes `is_running` something they can share.
    """
    from django.conf import settings

    if settings.TICKER in {"on", "off"} or (settings.TICKER == "auto" and settings.REDIS_URL):
        yield None
        return
    is_running = c_bool(False)
    if is_told_to_others:
        try:
            is_running = _context.RawValue(c_bool, False)
        except OSError as error:
            logger.warning(
                "periodic tasks stay in the servers, for lack of memory to share: %s", error
            )
            yield None
            return
    ticker = TickerProcess(are_devices_many, is_running)
    join(ticker.is_running)
    ticker.start()
    try:
        yield ticker
    finally:
        ticker.stop()
        join(None)


def are_devices_many() -> bool:
    """Tell whether there are so many devices that the tasks want a process of their own."""
    from django.conf import settings

    from wattkeep.monitoring.models import Device

    return settings.TICKER == "beside" or Device.objects.order_by("pk")[MANY_DEVICES:].exists()


def _work(lifeline: Connection) -> None:
    """Do the periodic tasks until the other end of the line is closed."""
    for number in FOR_THE_SERVER:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_THE_SERVER)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wattkeep.settings")
    import django

    from wattkeep.memory import keep_memory_small, leave_out_unused, limit_arenas

    leave_out_unused()
    limit_arenas()
    django.setup(set_prefix=False)

    # isort: split
    from wattkeep.tasks import TASKS
    from wattkeep.ticker import Ticker
    from wattkeep.tracing import end_tracing, traced_tasks

    keep_memory_small()
    ticker = Ticker(traced_tasks(TASKS))
    ticker.start()
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    ticker.stop()
    end_tracing()

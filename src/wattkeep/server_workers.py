"""Several server processes on one port: started, replaced one after the other, and ended."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvloop

from wattkeep.metrics.sharing import Share, merge_ended, shared_folder
from wattkeep.serving import (
    LINGER_S,
    RETIRE_SIGNAL,
    STOP_S,
    announce_when_ready,
    listen,
    run_server,
)
from wattkeep.tether import PARENT_VARIABLE

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from ctypes import c_bool
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from pathlib import Path

    from wattkeep.ticker_process import TickerProcess

logger = logging.getLogger(__name__)

LOOK_S = 0.2
RESPAWN_S = 1.0
# A new worker has to import everything, on a slow machine beside others that do the same.
START_S = 120.0
# Whoever takes longer to end is killed.
END_S = 40.0
# So many that end before they have begun, and it is no accident.
MOST_FALSE_STARTS = 3


class FalseStartError(Exception):
    """Workers end again and again before they take their first connection."""


@dataclass
class _Worker:
    """One process. Its listener is ours too, so that a successor takes it over as it is."""

    slot: int
    process: SpawnProcess
    listener: socket.socket
    started: Connection
    is_ready: bool = False

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive()

    def look(self) -> bool:
        """Tell whether it takes connections by now."""
        if not self.is_ready:
            with suppress(EOFError, OSError):
                self.is_ready = self.started.poll() and bool(self.started.recv_bytes())
        return self.is_ready

    def tell(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, number)

    def forget(self) -> None:
        """Let go of what belongs to a process that has ended."""
        self.process.join()
        self.started.close()


class Workers:
    """Keeps `count` processes; SIGHUP replaces them, SIGTERM and SIGINT end them and `run`."""

    def __init__(
        self,
        host: str,
        port: int,
        count: int,
        folder: Path,
        ticker: TickerProcess | None = None,
    ) -> None:
        self._address = host, port
        self._count = count
        self._folder = folder
        self._ticker = ticker
        # Forking would hand every worker this process's database connections and threads.
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[int, _Worker] = {}
        self._retired: list[_Worker] = []
        self._stop_signal: int = signal.SIGTERM
        self._stops = 0
        self._stopped = threading.Event()
        self._is_asked_to_replace = False
        self._false_starts = 0
        self._has_terminal = os.isatty(0)

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until told to stop.

        Raises:
            FalseStartError: workers end before they have begun.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._ask_to_replace)
        # Without us nobody would restart or end them, and they would keep the port.
        os.environ[PARENT_VARIABLE] = str(os.getpid())
        try:
            for slot in range(self._count):
                self._running[slot] = self._start(slot, listen(*self._address, shared=True))
            announce_when_ready(*self._address, on_ready)
            while not self._stopped.wait(LOOK_S):
                self._look_after()
                if self._is_asked_to_replace:
                    self._is_asked_to_replace = False
                    self._replace_all()
        finally:
            self._end_all()

    def _stop(self, number: int, _frame: object) -> None:
        self._stop_signal = number
        self._stops += 1
        self._stopped.set()

    def _ask_to_replace(self, number: int, frame: object) -> None:
        if self._has_terminal and not os.isatty(0):  # it was closed
            self._stop(number, frame)
        self._is_asked_to_replace = True

    def _start(self, slot: int, listener: socket.socket) -> _Worker:
        ours, theirs = self._context.Pipe(duplex=False)
        share = Share(self._folder, slot)
        process = self._context.Process(
            target=_work,
            args=(listener, theirs, share, self._ticker and self._ticker.is_running),
            name=f"wattkeep-{slot}",
        )
        process.start()
        theirs.close()
        return _Worker(slot, process, listener, ours)

    def _look_after(self, but: int | None = None) -> None:
        """Start anew whoever died, and forget who has left."""
        for slot, worker in list(self._running.items()):
            if not worker.is_ready and worker.look():
                self._false_starts = 0
            if slot == but or worker.is_alive:
                continue
            if not worker.is_ready:
                self._false_starts += 1
                if self._false_starts >= MOST_FALSE_STARTS and not self._somebody_serves():
                    raise FalseStartError("workers end before they take a connection")
            logger.error("worker %d ended by itself; started anew", slot)
            self._forget(worker)
            # New connections go to the others until somebody listens here again.
            worker.listener.close()
            if self._stopped.wait(RESPAWN_S * (1 + min(self._false_starts, MOST_FALSE_STARTS))):
                return
            self._running[slot] = self._start(slot, listen(*self._address, shared=True))
        for worker in [one for one in self._retired if not one.is_alive]:
            self._retired.remove(worker)
            self._forget(worker)

    def _somebody_serves(self) -> bool:
        return any(one.is_ready and one.is_alive for one in self._running.values())

    def _forget(self, worker: _Worker) -> None:
        pid = worker.process.pid
        worker.forget()
        merge_ended(self._folder, worker.slot, pid or 0)

    def _replace_all(self) -> None:
        for slot in range(self._count):
            if not self._replace(slot):
                return
        if self._ticker is not None:
            self._ticker.replace()
        logger.warning("%d workers were replaced", self._count)

    def _replace(self, slot: int) -> bool:
        """Start a successor, and then retire the old one; False if the old one has to stay."""
        old = self._running[slot]
        new = self._start(slot, old.listener)
        if not self._wait(lambda: new.look() or not new.is_alive, START_S, slot) or not new.look():
            new.process.kill()
            self._forget(new)
            if not self._stopped.is_set():
                logger.error("a new worker did not start; the old ones stay")
            return False
        self._running[slot] = new
        self._retired.append(old)
        old.tell(RETIRE_SIGNAL)
        self._wait(lambda: not old.is_alive, LINGER_S + STOP_S, slot)
        return not self._stopped.is_set()

    def _wait(self, is_done: Callable[[], bool], patience_s: float, slot: int) -> bool:
        """Return whether it came to be; meanwhile the others are looked after."""
        until_s = time.monotonic() + patience_s
        while not is_done():
            if time.monotonic() > until_s or self._stopped.wait(LOOK_S):
                return False
            self._look_after(but=slot)
        return True

    def _end_all(self) -> None:
        """End every worker; a second signal makes them hurry."""
        workers = [*self._running.values(), *self._retired]
        for worker in self._running.values():
            # Closed before theirs: else the kernel would let in whom nobody serves.
            worker.listener.close()
        told = 0
        kill_at_s = time.monotonic() + END_S
        while any(worker.is_alive for worker in workers):
            if time.monotonic() > kill_at_s:
                logger.error("a worker does not end; it is killed")
                for worker in workers:
                    worker.tell(signal.SIGKILL)
            if told < max(self._stops, 1):
                told += 1
                for worker in workers:
                    worker.tell(self._stop_signal)
            time.sleep(LOOK_S)
        for worker in workers:
            worker.forget()


def serve_workers(
    host: str,
    port: int,
    count: int,
    on_ready: Callable[[], None],
    ticker: TickerProcess | None = None,
) -> None:
    """Serve in `count` processes that share the port, until told to stop.

    `ticker` is the one that does their periodic tasks while it runs.

    Raises:
        FalseStartError: workers end before they have begun.
    """
    with shared_folder() as folder:
        Workers(host, port, count, folder, ticker).run(on_ready)


def _work(
    listener: socket.socket, started: Connection, share: Share, is_ticked: c_bool | None
) -> None:
    from wattkeep import ticker_process
    from wattkeep.metrics import sharing

    sharing.join(share)
    ticker_process.join(is_ticked)

    def tell() -> None:
        started.send_bytes(b"1")
        started.close()

    with listener:
        uvloop.run(run_server(listener, tell, lingers=True))
    sys.exit(0)

"""The HTTP server around the application, in one process or several, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import resource
import signal
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from wattkeep.tether import PARENT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import SpawnProcess

logger = logging.getLogger(__name__)

READY_POLL_S = 0.02
BACKLOG = 1024
MOST_MESSAGE_BYTES = 4096
STOP_SIGNALS = signal.SIGINT, signal.SIGTERM
# How long requests that are under way may take once the server is asked to stop.
STOP_S = 10
# How long workers may take to end before they are killed: a service manager gives half a minute.
WORKERS_STOP_S = 25.0
LOOK_S = 0.2
# A worker that died is started anew after a pause, which doubles with each early death.
RESPAWN_S = 1.0
LONGEST_RESPAWN_S = 60.0
EARLY_S = 30.0


class PortTakenError(Exception):
    """Nobody can listen at that address."""


def check_port(host: str, port: int) -> None:
    """Raise PortTakenError if the address cannot be listened at, with the reason."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise PortTakenError(f"cannot listen at {host}:{port}: {error.strerror}") from error


def allow_many_connections() -> None:
    """Raise this process's limit of open files as far as it may; each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Server(uvicorn.Server):
    """uvicorn's server, ended by signals that the event loop hears."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM, and end like a program that was asked to."""

        def stop() -> None:
            self.should_exit = True

        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, stop)
        yield


def serve(host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve in this process; `on_ready` is called on a thread once connections are taken."""
    with _listen(host, port) as listener:
        _announce_when_ready(host, port, on_ready)
        uvloop.run(_serve(listener))


async def _serve(listener: socket.socket) -> None:
    from wattkeep.asgi import application  # sets Django up, before anything imports models

    # isort: split
    from wattkeep.connection import Connection

    config = uvicorn.Config(
        application,
        http=Connection,
        ws="websockets-sansio",
        # Pages say nothing, so nobody has to be listened to for long.
        ws_max_size=MOST_MESSAGE_BYTES,
        interface="asgi3",
        lifespan="on",
        log_config=None,
        log_level="error",  # its start and stop lines are ours to print
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_S,
    )
    await _Server(config).serve([listener])


def _listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, proto)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        # Each worker has a queue of its own: from one they all share the first takes everything.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(address)
    return listener


def serve_workers(host: str, port: int, workers: int, on_ready: Callable[[], None]) -> None:
    """Serve in `workers` processes that share the port; one that dies is started anew."""
    # Without us nobody would restart or end them, and they would keep the port.
    os.environ[PARENT_VARIABLE] = str(os.getpid())
    # Forking would hand every worker this process's database connections and threads.
    context = multiprocessing.get_context("spawn")
    stopped = threading.Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stopped.set())

    def start() -> SpawnProcess:
        process = context.Process(target=_work, args=(host, port), name="wattkeep-worker")
        process.start()
        return process

    places = [WorkerPlace(start) for _ in range(workers)]
    _announce_when_ready(host, port, on_ready)
    while not stopped.wait(LOOK_S):
        for place in places:
            place.look()
    end_all([place.process for place in places], WORKERS_STOP_S)


class WorkerPlace:
    """One worker and its successors: who dies early again and again is started ever later."""

    def __init__(
        self, start: Callable[[], SpawnProcess], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start = start
        self._clock = clock
        self._pause_s = RESPAWN_S
        self._start_at: float | None = None
        self._begin()

    def _begin(self) -> None:
        self.process = self._start()
        self._started_at = self._clock()
        self._start_at = None

    def look(self) -> None:
        """Start a new worker in place of one that has died, once its pause is over."""
        now = self._clock()
        if self._start_at is None and not self.process.is_alive():
            is_early = now - self._started_at < EARLY_S
            self._pause_s = min(self._pause_s * 2, LONGEST_RESPAWN_S) if is_early else RESPAWN_S
            self._start_at = now + self._pause_s
            logger.error(
                "a worker died with status %s; another one starts in %.0f s",
                self.process.exitcode,
                self._pause_s,
            )
        if self._start_at is not None and now >= self._start_at:
            self._begin()


def end_all(processes: Sequence[SpawnProcess], within_s: float) -> None:
    """Ask processes to end; who has not done so in time is killed."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + within_s
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            logger.error("a worker does not end; it is killed")
            process.kill()
            process.join()


def _work(host: str, port: int) -> None:
    with _listen(host, port, shared=True) as listener:
        uvloop.run(_serve(listener))


def _announce_when_ready(host: str, port: int, on_ready: Callable[[], None]) -> None:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound

    def wait() -> None:
        while True:
            try:
                with socket.create_connection((target, port), timeout=1) as probe:
                    probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    if probe.recv(1):
                        break
            except OSError:
                time.sleep(READY_POLL_S)
        on_ready()

    threading.Thread(target=wait, daemon=True, name="wattkeep-announce").start()

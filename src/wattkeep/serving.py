"""The HTTP server around the application, in one process or several, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import uvloop
from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server.embed import Server

from wattkeep.tether import PARENT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

READY_POLL_S = 0.02
BACKLOG = 1024
# Boards keep their connections open between posts; one that is not taken waits for ever.
MOST_CONNECTIONS = 32_768


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


def serve(host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve in this process; `on_ready` is called on a thread once connections are taken."""
    uvloop.run(_serve(host, port, on_ready))


async def _serve(host: str, port: int, on_ready: Callable[[], None]) -> None:
    from wattkeep.asgi import application  # Django must be set up first

    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=True,
        log_level=LogLevels.error,  # its start and stop lines are ours to print
        backlog=BACKLOG,
        backpressure=MOST_CONNECTIONS,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    _announce_when_ready(host, port, on_ready)
    await server.serve()


def serve_workers(host: str, port: int, workers: int, on_ready: Callable[[], None]) -> None:
    """Serve in `workers` processes that share the port; one that dies is started anew."""
    # Forking would hand every worker this process's database connections and threads.
    multiprocessing.set_start_method("spawn", force=True)
    # Without us nobody would restart or end them, and they would keep the port.
    os.environ[PARENT_VARIABLE] = str(os.getpid())
    server = Granian(
        "wattkeep.asgi:application",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        loop=Loops.uvloop,
        websockets=True,
        log_level=LogLevels.error,
        backlog=BACKLOG,
        backpressure=MOST_CONNECTIONS,
        respawn_failed_workers=True,
        respawn_interval=1,
    )
    _announce_when_ready(host, port, on_ready)
    server.serve()


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

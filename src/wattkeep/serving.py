"""The HTTP server around the application: one process, ended by SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING

import uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

if TYPE_CHECKING:
    from collections.abc import Callable

READY_POLL_S = 0.02


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


def serve(host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve until a signal comes; `on_ready` is called on a thread once requests are answered."""
    uvloop.run(_serve(host, port, on_ready))


async def _serve(host: str, port: int, on_ready: Callable[[], None]) -> None:
    from wattkeep.asgi import application

    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_level=LogLevels.error,  # its start and stop lines are ours to print
        backlog=1024,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    announcing = loop.create_task(_announce(host, port, on_ready))
    try:
        await server.serve()
    finally:
        announcing.cancel()


async def _announce(host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Call `on_ready` when a connection is taken."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    while True:
        try:
            _, writer = await asyncio.open_connection(target, port)
        except OSError:
            await asyncio.sleep(READY_POLL_S)
        else:
            writer.close()
            break
    await asyncio.to_thread(on_ready)

"""The HTTP server around the application in one process, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import ctypes
import resource
import signal
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn
import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READY_POLL_S = 0.02
BACKLOG = 1024
MOST_MESSAGE_BYTES = 4096
# How long requests that are under way may take once the server is asked to stop.
STOP_S = 10
# How long connections are kept for one more request, whose answer says that it was the last. Boards
# post every 10 seconds; a proxy must not keep idle ones for longer (deploy/nginx.conf).
LINGER_S = 12.0
LINGER_POLL_S = 0.1
# What a connection needs to be made once its first packet was let in.
HANDSHAKE_S = 0.5
# Told to a worker whose successor takes connections from the same listener already.
RETIRE_SIGNAL = signal.SIGUSR1
# Lets every packet through but those that ask for a new connection: SYN, the second of the flags
# in the 14th byte of a TCP header. Lines of a classic BPF program: code, jumps, operand.
_ALL_BUT_SYN = (
    (0x30, 0, 0, 13),  # load that byte
    (0x54, 0, 0, 0x02),  # and
    (0x15, 0, 1, 0x02),  # is it set?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFF_FFFF),  # keep
)
_SO_ATTACH_FILTER = 26


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
    """uvicorn's server, ended by signals that the event loop hears.

    SIGINT ends it at once. With `lingers`, SIGTERM and RETIRE_SIGNAL end it without a request lost:
    nobody is refused whom the kernel has let in, and kept connections are closed with an answer.
    """

    def __init__(
        self, config: uvicorn.Config, on_started: Callable[[], None], *, lingers: bool
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._may_linger = lingers
        self._lingers = False
        self._has_successor = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT, SIGTERM and RETIRE_SIGNAL, and end like a program that was asked to."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._stop)
        loop.add_signal_handler(signal.SIGTERM, self._stop_politely)
        if self._may_linger:
            loop.add_signal_handler(RETIRE_SIGNAL, self._retire)
            # A terminal that closes tells all of its processes; what follows is the parent's word.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        yield

    def _stop(self) -> None:
        self.should_exit = True
        self._lingers = False

    def _stop_politely(self) -> None:
        # Asked again, it hurries.
        self._lingers = self._may_linger and not self.should_exit
        self.should_exit = True

    def _retire(self) -> None:
        self._has_successor = True
        self._stop_politely()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections; end those there are."""
        if self._lingers:
            await self._linger(sockets or [])
        await super().shutdown(sockets)

    async def _linger(self, sockets: list[socket.socket]) -> None:
        if not self._has_successor:
            # Whoever is in the listener's queue when it closes would be reset.
            for sock in sockets:
                refuse_newcomers(sock)
            await asyncio.sleep(HANDSHAKE_S)
        for server in self.servers:
            server.close()
        for sock in sockets:
            sock.close()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + LINGER_S
        # Again and again: some become known only now, others are WebSockets by now.
        while self._lingers and loop.time() < until_s:
            for connection in list(self.server_state.connections):
                leave = getattr(connection, "leave", connection.shutdown)
                leave()
            await asyncio.sleep(LINGER_POLL_S)
            await self.on_tick(0)  # keeps the answers' date
            if not self.server_state.connections:
                break


def refuse_newcomers(listener: socket.socket) -> None:
    """Let the kernel answer no new connections here; those under way come through.

    Their clients ask again after a second, and find another listener or none.
    """
    code = b"".join(struct.pack("HBBI", *line) for line in _ALL_BUT_SYN)
    kept = ctypes.create_string_buffer(code)
    program = struct.pack("HL", len(_ALL_BUT_SYN), ctypes.addressof(kept))
    with suppress(OSError):  # not Linux
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def serve(host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve in this process; `on_ready` is called on a thread once connections are taken."""
    with listen(host, port) as listener:
        announce_when_ready(host, port, on_ready)
        uvloop.run(run_server(listener))


def _say_nothing() -> None:
    pass


async def run_server(
    listener: socket.socket, on_started: Callable[[], None] = _say_nothing, *, lingers: bool = False
) -> None:
    """Serve connections to `listener` until a signal comes; then close it.

    `on_started` is called once connections are taken. `lingers`: see `LINGER_S`.
    """
    from wattkeep.asgi import application  # sets Django up, before anything imports models

    # isort: split
    from wattkeep.connection import Connection, Socket

    config = uvicorn.Config(
        application,
        http=Connection,
        ws=Socket,
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
    await _Server(config, on_started, lingers=lingers).serve([listener])


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a socket bound to the address; `shared`: others of ours may have it too."""
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


def announce_when_ready(host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Call `on_ready`, on a thread, as soon as somebody answers at the address."""
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

"""The network between a board and its server, which can be cut."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from typing import Self

CONNECT_S = 5.0
LOOK_S = 0.1
MOST_BYTES = 16_384


class Relay:
    """Hands connections on to a server; while `is_up` is False it refuses and drops them."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.is_up = True
        self._server = _Server(self)
        threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": LOOK_S},
            name="relay",
            daemon=True,
        ).start()

    @property
    def url(self) -> str:
        """Where a board reaches it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        """Stop, and drop what is open."""
        self.is_up = False
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        super().__init__(("127.0.0.1", 0), _Connection)


class _Connection(socketserver.BaseRequestHandler):
    """One connection of a board."""

    def handle(self) -> None:
        relay = self.server.relay  # type: ignore[attr-defined]
        # A server that goes away in mid-sentence is what is being played here.
        with contextlib.suppress(OSError):
            if relay.is_up:
                with socket.create_connection(relay.upstream, timeout=CONNECT_S) as server:
                    self._pump(relay, server)

    def _pump(self, relay: Relay, server: socket.socket) -> None:
        """Carry bytes both ways until one side ends or the network is cut."""
        other = {self.request: server, server: self.request}
        while relay.is_up:
            for ready in select.select(list(other), [], [], LOOK_S)[0]:
                content = ready.recv(MOST_BYTES)
                if not content:
                    return
                other[ready].sendall(content)

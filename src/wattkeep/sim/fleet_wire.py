"""A virtual board's connection: HTTP/1.1, kept alive, one request at a time, and light."""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "/api/energy-data/"
MOST_ANSWER_BYTES = 4 * 1024 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after:[ \t]*(\d{1,6})[ \t]*\r\n", re.IGNORECASE)


class FleetError(Exception):
    """The fleet cannot start; the message says why and what to do."""


class Answer(NamedTuple):
    """A complete answer; `retry_after_s` is 0 where none was asked for."""

    status: int
    body: bytes
    retry_after_s: int
    keeps_open: bool


@dataclass(slots=True)
class Target:
    """Where a fleet posts: an address looked up once, not by every board."""

    url: str
    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None
    address: str = field(default="")

    @classmethod
    def parse(cls, url: str) -> Target:
        """Take `http://host[:port][/prefix]` apart.

        Raises:
            FleetError: it is not one.
        """
        try:
            parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise FleetError(f"{url!r} is not an address: {error}.") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise FleetError(f"{url!r} is not an address such as http://127.0.0.1:8000.")
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        return cls(url, parts.hostname, port, parts.path.rstrip("/") + PATH, tls)

    async def resolve(self) -> None:
        """Look the host up.

        Raises:
            FleetError: nobody knows it.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=1)
        except OSError as error:
            raise FleetError(f"{self.host} cannot be found: {error.strerror}.") from error
        self.address = str(found[0][4][0])

    def head(self, headers: str) -> bytes:
        """Return a request's beginning, up to where its length is filled in."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: {host}:{self.port}\r\n"
            f"Content-Type: application/json\r\n{headers}"
        ).encode()

    async def connect(self, connection: Connection) -> None:
        """Open `connection`; raises OSError as sockets do."""
        await asyncio.get_running_loop().create_connection(
            lambda: connection,
            self.address,
            self.port,
            ssl=self.tls,
            server_hostname=self.host if self.tls else None,
        )


class Connection(asyncio.Protocol):
    """Sends one request at a time; `on_answer` gets what came, or in words why nothing did."""

    __slots__ = ("_incoming", "_on_answer", "_transport", "_waits")

    def __init__(self, on_answer: Callable[[Answer | str], None]) -> None:
        self._on_answer = on_answer
        self._transport: asyncio.Transport | None = None
        self._incoming = b""
        self._waits = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do what asyncio's do and inherit nothing from them.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, *, deaf: bool = False) -> None:
        """Send a request; with `deaf`, its answer stays unread."""
        assert self._transport is not None  # noqa: S101 - the caller looks at is_open
        self._waits = not deaf
        self._incoming = b""
        if deaf:
            self._transport.pause_reading()
        self._transport.write(request)

    def close(self) -> None:
        """Hang up; nothing more is told to `on_answer`."""
        self._waits = False
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._waits:
            self.close()  # something nobody asked for: the server's last words
            return
        self._incoming += data
        if len(self._incoming) > MOST_ANSWER_BYTES:
            self._finish("answer too long")
            return
        head_end = self._incoming.find(b"\r\n\r\n")
        if head_end >= 0:
            self._take(self._incoming[: head_end + 2], head_end + 4)

    def _take(self, head: bytes, body_at: int) -> None:
        status = _STATUS.match(head)
        length = _LENGTH.search(head)
        if status is None or length is None:
            self._finish("answer not understood")
            return
        end = body_at + int(length[1])
        if len(self._incoming) < end:
            return
        pause = _RETRY_AFTER.search(head)
        self._finish(
            Answer(
                int(status[1]),
                self._incoming[body_at:end],
                int(pause[1]) if pause else 0,
                keeps_open=_CLOSES.search(head) is None,
            )
        )

    def _finish(self, outcome: Answer | str) -> None:
        self._waits = False
        self._incoming = b""
        if isinstance(outcome, str) or not outcome.keeps_open:
            self.close()
        self._on_answer(outcome)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        if self._waits:
            self._finish("connection lost")

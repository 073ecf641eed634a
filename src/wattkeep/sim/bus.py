"""Several meters on one line, and a line whose time is the board's own."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from typing import TYPE_CHECKING, Self

from wattkeep.sim.pzem import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.sim.pzem import VirtualPzem


class Bus:
    """Meters that hear every request and of which at most one answers."""

    def __init__(self, meters: Sequence[VirtualPzem]) -> None:
        self.meters = tuple(meters)
        self._line: Line | None = None

    def answer(self, request: bytes) -> bytes:
        """Return what comes back: where two speak at once, noise."""
        replies = [reply for meter in self.meters if (reply := meter.answer(request))]
        if len(replies) > 1:
            return bytes(one & other for one, other in zip(replies[0], replies[1], strict=False))
        return replies[0] if replies else b""

    def open(self) -> str:
        """Start answering on a pty and return its path."""
        if self._line is None:
            self._line = Line(self.answer)
        return self._line.path

    def close(self) -> None:
        """Take all meters off the wire."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BoardTime:
    """The time a board believes has passed, which its sleep may make pass quickly."""

    def __init__(self) -> None:
        self._started_s = self._now_s = time.time()

    def __call__(self) -> float:
        """Return it as Unix seconds."""
        return self._now_s

    def begin_life(self) -> None:
        """Count on from here: the board has started, and its own count begins anew."""
        self._started_s = self._now_s

    def has_been(self, ms: int) -> None:
        """Note how long the board says it has been running."""
        self._now_s = max(self._now_s, self._started_s + ms / 1000)


class SteppedLine:
    """A line on which each request says when it was asked, in the board's own time.

    The meters on it take that time from `clock`, so that a day can pass in seconds.
    """

    def __init__(self, answer: Callable[[bytes], bytes], clock: BoardTime) -> None:
        self.answer = answer
        self.clock = clock
        self._server: _LineServer | None = None

    def open(self) -> str:
        """Start answering and return where, as `host:port`."""
        if self._server is None:
            self._server = _LineServer(self)
            threading.Thread(
                target=self._server.serve_forever, args=(0.05,), name="stepped-line", daemon=True
            ).start()
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _LineServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, line: SteppedLine) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.line = line


class _Requests(socketserver.StreamRequestHandler):
    """One life of one board: for each `ms length` line and request, a length and a reply."""

    server: _LineServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        line = self.server.line
        line.clock.begin_life()
        # Power goes in the middle of a word.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self._answer_all(line)

    def _answer_all(self, line: SteppedLine) -> None:
        while head := self.rfile.readline():
            ms, length = head.split()
            request = self.rfile.read(int(length))
            line.clock.has_been(int(ms))
            reply = line.answer(request)
            self.wfile.write(bytes((len(reply),)) + reply)

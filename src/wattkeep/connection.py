"""One HTTP connection: plain posts are answered here, everything else by the application.

A post through a server's threads and ASGI took more than twice the processor time of this way,
the network's included (docs/decisions/0011).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from wattkeep.ingest.endpoint import RETRY_STORE_S, UNAVAILABLE, encode, plain_success
from wattkeep.ingest.plain_posts import END_OF_HEAD, MOST_HEAD_BYTES, STARTS, read_head

if TYPE_CHECKING:
    import asyncio

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.plain_posts import PlainPosts

# A connection on which no request ends for so long is closed, whether silent or slow. Boards keep
# theirs between two posts.
IDLE_S = 75
MOST_HELD_BYTES = 64 * 1024
# How much may come in a row that neither ends a head nor belongs to a body.
MOST_DULL_BYTES = 64 * 1024
CLOSE = b"connection: close\r\n"
# When an address that holds too many connections may try again: most of them are idle by then.
RETRY_CROWD_S = 60


class Connection(HttpToolsProtocol):
    """uvicorn's connection with a short way for plain posts.

    A request goes the short way only if the one before it is answered, so the two ways never work
    on one connection at the same time.
    """

    idle_s: float = IDLE_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.timeout_keep_alive = IDLE_S
        self._posts: PlainPosts = self.app.plain_posts
        # What came of a plain post so far, or behind one that is being written.
        self._held = b""
        self._is_writing = False
        self._ends_after_answer = False
        self._is_leaving = False
        self._is_reading_general = False
        self._has_moved_on = False
        self._dull_bytes = 0
        # Requests answered, and times that a slow reader has caught up.
        self._steps = 0
        self._steps_before = 0
        self._sweep: asyncio.TimerHandle | None = None
        # What this connection is counted by; "" if it is not.
        self._crowd = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        crowd = self.app.crowds.group(self.client)
        if self.app.crowds.enter(crowd):
            self._crowd = crowd
            self._sweep = self.loop.call_later(self.idle_s, self._close_if_idle)
        else:
            transport.write(_too_many())
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        self.app.crowds.leave(self._crowd)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._held:
            data, self._held = self._held + data, b""
        if self._is_writing:
            self._hold(data)
        elif self._is_general_busy or not self._take_plain(data):
            self._feed_general(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn closes at once
        """Answer what is under way to a client that has said all it will."""
        is_waiting = self._is_waiting
        if is_waiting:
            self.shutdown()
        return is_waiting

    def resume_writing(self) -> None:
        """Note that a slow reader has caught up."""
        self._steps += 1
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Do nothing: uvicorn does not know of plain posts, `_close_if_idle` does."""

    def shutdown(self) -> None:
        """Close once nothing is under way any more."""
        if self._is_writing:
            self._ends_after_answer = True
        else:
            super().shutdown()

    def leave(self) -> None:
        """Close after the next answer, which says so: its request may be on the way already."""
        self._is_leaving = True
        self._tell_of_leaving()

    def _tell_of_leaving(self) -> None:
        cycle: Any = self.cycle
        if self._is_leaving and cycle is not None and not cycle.response_started:
            cycle.keep_alive = False

    # -- the short way -----------------------------------------------------------------------

    def _take_plain(self, data: bytes) -> bool:
        """Take a plain post, or what there is of one; False, and nothing done, if it is none."""
        if not data.startswith(STARTS):
            return False
        end = data.find(END_OF_HEAD)
        if end < 0:
            return len(data) < MOST_HEAD_BYTES and self._hold(data)
        if end > MOST_HEAD_BYTES or (head := read_head(data[:end])) is None:
            return False
        missing = end + len(END_OF_HEAD) + head.length - len(data)
        if missing > 0:
            return self._hold(data)
        if missing < 0 or self.flow.write_paused:
            return False
        self._is_writing = self._posts.take(head, data[end + len(END_OF_HEAD) :], self._answer)
        return self._is_writing

    def _hold(self, data: bytes) -> bool:
        self._held = data
        if len(data) > MOST_HELD_BYTES:
            self.flow.pause_reading()
        return True

    def _answer(self, reading: Reading | None) -> None:
        """Answer a plain post; None where its reading could not be stored."""
        self._is_writing = False
        self._steps += 1
        if self.transport.is_closing():
            return
        headers = self.server_state.default_headers
        date = headers[0][1] if headers else b""
        is_last = self._is_leaving and not self._held
        if reading is None:
            self.transport.write(_unavailable(date, is_last=is_last))
        else:
            body = plain_success(reading.timestamp_ms)
            self.transport.write(_created(date, len(body), is_last=is_last) + body)
        if is_last or self._ends_after_answer:
            self.transport.close()
        elif self._held:
            self.flow.resume_reading()
            self.data_received(b"")

    # -- the general way ---------------------------------------------------------------------

    @property
    def _is_general_busy(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        is_answered = cycle is None or (cycle.response_complete and not self.pipeline)
        return self._is_reading_general or not is_answered

    @property
    def _is_waiting(self) -> bool:
        """Whether a client has sent a whole request and waits for its answer."""
        return self._is_writing or (self._is_general_busy and not self._is_reading_general)

    def _feed_general(self, data: bytes) -> None:
        self._has_moved_on = False
        super().data_received(data)
        self._dull_bytes = 0 if self._has_moved_on else self._dull_bytes + len(data)
        if self._dull_bytes > MOST_DULL_BYTES:
            # Heads, and what follows a chunked body, are gathered in memory.
            self.send_400_response("The request's head is too long.")

    def on_message_begin(self) -> None:
        """Note that the parser is inside a request."""
        self._is_reading_general = self._has_moved_on = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that a head has ended."""
        self._has_moved_on = True
        super().on_headers_complete()
        self._tell_of_leaving()

    def on_body(self, body: bytes) -> None:
        """Note that a body goes on."""
        self._has_moved_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the parser is between two requests."""
        self._is_reading_general = False
        self._has_moved_on = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Count the answer."""
        self._steps += 1
        super().on_response_complete()

    def _close_if_idle(self) -> None:
        if self.transport.get_protocol() is not self:
            return  # a WebSocket by now
        if self._steps == self._steps_before:
            if self.transport.is_closing() or self.flow.write_paused:
                # Nobody reads: what is buffered would keep the connection, and its page, for good.
                self.transport.abort()
                return
            if not self._is_waiting:
                self.transport.close()
        self._steps_before = self._steps
        self._sweep = self.loop.call_later(self.idle_s, self._close_if_idle)


class Socket(WebSocketsSansIOProtocol):
    """A WebSocket, which takes over a connection that was counted; that one is told no end."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.app.crowds.leave(self.app.crowds.group(self.client))
        super().connection_lost(exc)


@lru_cache(8)
def _created(date: bytes, length: int, *, is_last: bool) -> bytes:
    return (
        b"HTTP/1.1 201 Created\r\ndate: %b\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n%b\r\n" % (date, length, CLOSE if is_last else b"")
    )


def _too_many() -> bytes:
    body = encode({"error": "Too many connections of this address are open."})
    return (
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\nretry-after: %d\r\n%b\r\n%b"
        % (len(body), RETRY_CROWD_S, CLOSE, body)
    )


def _unavailable(date: bytes, *, is_last: bool) -> bytes:
    body = encode({"error": UNAVAILABLE})
    return (
        b"HTTP/1.1 503 Service Unavailable\r\ndate: %b\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\nretry-after: %d\r\n%b\r\n%b"
        % (date, len(body), RETRY_STORE_S, CLOSE if is_last else b"", body)
    )

"""`POST /api/energy-data/`: a small ASGI function with one job, many thousand times a second."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import msgspec

from wattkeep.ingest.decoding import Batch, Refused, decode, rejections
from wattkeep.ingest.keys import KeysUnavailable
from wattkeep.ingest.stores import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from wattkeep.ingest.keys import KeyCache
    from wattkeep.ingest.limits import RateLimit
    from wattkeep.ingest.stores import Stored
    from wattkeep.ingest.writer import Writer

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Header = tuple[bytes, bytes]

PATHS = frozenset({"/api/energy-data/", "/api/energy-data"})
MOST_BYTES = 2 * 1024 * 1024
RETRY_STORE_S = 5

_encode = msgspec.json.Encoder().encode


class _Gone(Exception):  # noqa: N818 - nobody is left to answer
    """The client went away before its body was complete."""


class IngestEndpoint:
    """Authenticates, decodes, has it written, and only then says 201."""

    def __init__(
        self,
        keys: KeyCache,
        writer: Writer,
        limit: RateLimit,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._writer = writer
        self._limit = limit
        self._clock = clock

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, as docs/api.md lists the answers."""
        headers: list[Header] = []
        try:
            status, body = await self._answer(scope, receive)
        except _Gone:
            return
        except Refused as refusal:
            status, body = refusal.status, refusal.body
            if status == 405:  # noqa: PLR2004
                headers.append((b"allow", b"POST"))
        except _TryLater as later:
            status, body = later.status, {"error": str(later)}
            headers.append((b"retry-after", b"%d" % later.after_s))
        await _send_json(send, status, body, headers)

    async def _answer(self, scope: Message, receive: Receive) -> tuple[int, dict[str, Any]]:
        if scope["method"] != "POST":
            raise Refused(405, {"error": "Send readings with POST."})
        key, content_type, length = _read_headers(scope["headers"])
        device_id = await self._authenticate(key)
        if content_type.partition(b";")[0].strip().lower() != b"application/json":
            raise Refused(415, {"error": "Send JSON, with Content-Type: application/json."})
        body = await _read_body(receive, length)
        if wait_s := self._limit.wait_s(device_id):
            raise _TryLater(429, "Too many requests from this device.", math.ceil(wait_s))
        now_ms = int(self._clock() * 1000)
        try:
            batch = decode(body, device_id, now_ms)
        except Refused:
            # Refused, but the board is there: its page says that the meter is silent.
            self._writer.note_contact(device_id, now_ms)
            raise
        try:
            return 201, _success(batch, await self._writer.write(batch, now_ms))
        except StoreUnavailable:
            raise _TryLater(
                503, "Readings cannot be stored now; nothing was.", RETRY_STORE_S
            ) from None

    async def _authenticate(self, key: bytes) -> int:
        if not key:
            raise Refused(401, {"error": "API key is required"})
        try:
            device_id = await self._keys.device_of(key.decode("latin-1"))
        except KeysUnavailable:
            raise _TryLater(
                503, "Readings cannot be stored now; nothing was.", RETRY_STORE_S
            ) from None
        if device_id is None:
            raise Refused(401, {"error": "Invalid API key"})
        return device_id


class _TryLater(Exception):  # noqa: N818 - it is an answer, not a fault
    def __init__(self, status: int, message: str, after_s: int) -> None:
        super().__init__(message)
        self.status = status
        self.after_s = after_s


def _read_headers(headers: list[Header]) -> tuple[bytes, bytes, int]:
    """Return key, content type and length (0 where none is told)."""
    key = content_type = b""
    length = 0
    for name, value in headers:
        if name == b"x-api-key":
            key = value.strip()
        elif name == b"content-type":
            content_type = value
        elif name == b"content-length" and value.isdigit():
            length = int(value[:20])
    return key, content_type, length


async def _read_body(receive: Receive, length: int) -> bytes:
    if length > MOST_BYTES:
        raise Refused(413, _too_large())
    body = b""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body = message.get("body", b"")
        if not message.get("more_body"):
            break
        chunks.append(body)
        size += len(body)
        if size > MOST_BYTES:
            raise Refused(413, _too_large())
    if chunks:
        chunks.append(body)
        body = b"".join(chunks)
    if len(body) > MOST_BYTES:
        raise Refused(413, _too_large())
    return body


def _too_large() -> dict[str, str]:
    return {"error": f"The body is larger than {MOST_BYTES:,} bytes."}


def _success(batch: Batch, stored: Stored) -> dict[str, Any]:
    body: dict[str, Any] = {
        "status": "success",
        "message": "Data received successfully",
        "reading_id": stored.reading_id,
    }
    if batch.is_array:
        body["accepted"] = len(stored.readings)
        body["duplicates"] = stored.duplicates
        body["rejected"] = rejections(batch)
    return body


async def _send_json(send: Send, status: int, body: dict[str, Any], headers: list[Header]) -> None:
    content = _encode(body)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(content)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": content})

"""`POST /api/energy-data/`: a small ASGI function with one job, many thousand times a second."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from wattkeep.arrival import client_address
from wattkeep.domain.instants import FIRST_MS
from wattkeep.domain.keys import is_signature
from wattkeep.ingest.batches import Refused
from wattkeep.ingest.counts import IngestCounts
from wattkeep.ingest.decoding import decode, rejections
from wattkeep.ingest.guesses import Guesses
from wattkeep.ingest.keys import KeysUnavailable
from wattkeep.ingest.stores import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from wattkeep.ingest.batches import Batch, Stored
    from wattkeep.ingest.keys import Identity, KeyCache
    from wattkeep.ingest.limits import RateLimit
    from wattkeep.ingest.writer import Writer
    from wattkeep.ledger.disk import DiskGuard

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Header = tuple[bytes, bytes]

PATHS = frozenset({"/api/energy-data/", "/api/energy-data"})
MOST_BYTES = 2 * 1024 * 1024
RETRY_STORE_S = 5
# A post costs one from its device's bucket, and one more for each so many readings.
READINGS_A_POST = 100
UNAVAILABLE = "Readings cannot be stored now; nothing was."
DISK_ALMOST_FULL = "The disk is almost full; nothing was stored."
RETRY_DISK_S = 30
CLOCK_NOT_SET = "The server's clock is not set; nothing was stored."
RETRY_CLOCK_S = 30
TOO_MANY_GUESSES = "Too many wrong keys from this address."
# What refusals are counted under.
REASONS = {400: "body", 401: "key", 405: "method", 413: "size", 415: "type"}

encode = msgspec.json.Encoder().encode

_PLAIN_SUCCESS = b'{"status":"success","message":"Data received successfully","reading_id":%d}'


class Gone(Exception):  # noqa: N818 - nobody is left to answer
    """The client went away before its body was complete."""


class IngestEndpoint:
    """Authenticates, decodes, has it written, and only then says 201."""

    def __init__(  # noqa: PLR0913 - its parts, wired together in `asgi.py`
        self,
        keys: KeyCache,
        writer: Writer,
        limit: RateLimit,
        disk: DiskGuard,
        clock: Callable[[], float] = time.time,
        *,
        counts: IngestCounts | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self._counts = counts or IngestCounts()
        self._keys = keys
        self._guesses = guesses or Guesses()
        self._writer = writer
        self._limit = limit
        self._disk = disk
        self._clock = clock

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, as docs/api.md lists the answers."""
        headers: list[Header] = []
        reason = ""
        begun_s = time.perf_counter()
        try:
            status, body = await self._answer(scope, receive)
        except Gone:
            return
        except Refused as refusal:
            status, body = refusal.status, refusal.body
            reason = REASONS.get(status, "other")
            if status == 405:  # noqa: PLR2004
                headers.append((b"allow", b"POST"))
        except _TryLater as later:
            status, body, reason = later.status, {"error": str(later)}, later.reason
            headers.append((b"retry-after", b"%d" % later.after_s))
        await send_json(send, status, body, headers)
        self._counts.note_post(status, time.perf_counter() - begun_s, reason)

    async def _answer(self, scope: Message, receive: Receive) -> tuple[int, dict[str, Any]]:
        if scope["method"] != "POST":
            raise Refused(405, {"error": "Send readings with POST."})
        headers = _Headers.read(scope["headers"])
        address = client_address(scope)
        identity = await self._identify(headers, address)
        if headers.content_type.partition(b";")[0].strip().lower() != b"application/json":
            raise Refused(415, {"error": "Send JSON, with Content-Type: application/json."})
        body = await read_body(receive, headers.length)
        if headers.signature and not is_signature(
            headers.signature.decode("latin-1"), body, identity.signing_key
        ):
            raise self._wrong("signature", address)
        if wait_s := self._limit.wait_s(identity.device_id):
            raise _TryLater(429, "Too many requests from this device.", math.ceil(wait_s), "rate")
        now_ms = int(self._clock() * 1000)
        if now_ms < FIRST_MS:
            # A machine without a battery for its clock starts in 1970 until it has a network: the
            # times it would give are wrong for good.
            raise _TryLater(503, CLOCK_NOT_SET, RETRY_CLOCK_S, "clock")
        batch = self._decode(body, identity, now_ms, is_signed=bool(headers.signature))
        self._limit.charge(identity.device_id, batch.size // READINGS_A_POST)
        if self._disk.is_almost_full():
            # The board is there, and its page may say so: a contact takes no more room each time.
            self._writer.note_contact(identity.device_id, now_ms)
            raise _TryLater(503, DISK_ALMOST_FULL, RETRY_DISK_S, "disk")
        try:
            stored = await self._writer.write(batch, now_ms)
        except StoreUnavailable:
            raise _TryLater(503, UNAVAILABLE, RETRY_STORE_S, "store") from None
        self._counts.rejected += len(batch.rejected)
        return 201, _success(batch, stored, identity, now_ms)

    async def _identify(self, headers: _Headers, address: str) -> Identity:
        """Return the device that posts; with a signature, it has yet to be checked."""
        if not headers.key and not headers.signature:
            raise Refused(401, {"error": "API key is required"})
        prefix = headers.device.decode("latin-1") if headers.signature else ""
        key = headers.key.decode("latin-1")
        is_guess = self._keys.is_strange(key=key, prefix=prefix)
        if is_guess and (wait_s := self._guesses.wait_s(address)):
            raise _TryLater(429, TOO_MANY_GUESSES, math.ceil(wait_s), "guesses")
        try:
            if headers.signature:
                identity = await self._keys.of_prefix(prefix)
            else:
                identity = await self._keys.of_key(key)
        except KeysUnavailable:
            raise _TryLater(503, UNAVAILABLE, RETRY_STORE_S, "database") from None
        if identity is None:
            # The same words for a wrong prefix as for a wrong signature: nobody learns which.
            what = "signature" if headers.signature else "API key"
            raise self._wrong(what, address, is_guess=is_guess)
        if identity.signed_only and not headers.signature:
            raise Refused(401, {"error": "This device accepts signed readings only"})
        return identity

    def _wrong(self, what: str, address: str, *, is_guess: bool = True) -> Exception:
        """Return what a wrong key or signature is answered; new ones count as guesses."""
        if is_guess:
            if wait_s := self._guesses.wait_s(address):
                return _TryLater(429, TOO_MANY_GUESSES, math.ceil(wait_s), "guesses")
            self._guesses.count(address)
        return Refused(401, {"error": f"Invalid {what}"})

    def _decode(self, body: bytes, identity: Identity, now_ms: int, *, is_signed: bool) -> Batch:
        try:
            batch = decode(body, identity.device_id, now_ms)
            if is_signed and batch.windows is None:
                # Only numbered windows can be told from the same ones sent again by a listener.
                raise Refused(400, {"error": "A signed body needs boot and numbered readings."})
        except Refused:
            # Refused, but the board is there: its page says that the meter is silent.
            if not is_signed:
                self._writer.note_contact(identity.device_id, now_ms)
            raise
        return batch


class _TryLater(Exception):  # noqa: N818 - it is an answer, not a fault
    def __init__(self, status: int, message: str, after_s: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.after_s = after_s


class _Headers(NamedTuple):
    """What counts of a request's headers; empty and 0 where there is none."""

    key: bytes
    device: bytes
    signature: bytes
    content_type: bytes
    length: int

    @classmethod
    def read(cls, headers: list[Header]) -> _Headers:
        key = device = signature = content_type = b""
        length = 0
        for name, value in headers:
            if name == b"x-api-key":
                key = value.strip()
            elif name == b"content-type":
                content_type = value
            elif name == b"content-length" and value.isdigit():
                length = int(value[:20])
            elif name == b"x-device":
                device = value.strip()
            elif name == b"x-signature":
                signature = value.strip()
        return cls(key, device, signature, content_type, length)


async def read_body(receive: Receive, length: int) -> bytes:
    """Return a request's body; `length` is what its head says, 0 if nothing.

    Raises:
        Refused: it is larger than MOST_BYTES.
        Gone: the client went away.
    """
    if length > MOST_BYTES:
        raise Refused(413, _too_large())
    body = b""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
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


def _success(batch: Batch, stored: Stored, identity: Identity, now_ms: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "status": "success",
        "message": "Data received successfully",
        "reading_id": stored.reading_id,
    }
    if batch.is_array or batch.windows is not None:
        body["accepted"] = len(stored.readings) + stored.silences
        body["duplicates"] = stored.duplicates
        body["rejected"] = rejections(batch)
    if batch.windows is not None:
        body["ack"] = stored.ack
        body["server_time_ms"] = now_ms
        body["config_version"] = identity.config_version
    return body


def plain_success(reading_id: int) -> bytes:
    """Return what `_success` says of one reading, in a tenth of the time."""
    return _PLAIN_SUCCESS % reading_id


async def send_json(send: Send, status: int, body: dict[str, Any], headers: list[Header]) -> None:
    """Answer an HTTP request with JSON."""
    content = encode(body)
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

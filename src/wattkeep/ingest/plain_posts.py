"""The commonest post, without ASGI: one reading without a time, by a key that is known.

Whatever is unusual about a request is none of this module's business: it says so, and the same
bytes go through `endpoint.py`, which knows every case and writes every answer.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.domain.instants import FIRST_MS
from wattkeep.domain.keys import key_hash
from wattkeep.ingest.decoding import plain_reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattkeep.ingest.keys import KeyCache
    from wattkeep.ingest.limits import RateLimit
    from wattkeep.ingest.writer import Answer, Writer
    from wattkeep.ledger.disk import DiskGuard

STARTS = b"POST /api/energy-data/ HTTP/1.1\r\n", b"POST /api/energy-data HTTP/1.1\r\n"
END_OF_HEAD = b"\r\n\r\n"
MOST_HEAD_BYTES = 1024
# A device's heads differ by the length of its bodies only.
HEADS_KEPT = 8192

_HEADER = re.compile(rb"([A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)")
# Bodies under 1,000 bytes: a reading has about 110.
_SHORT = re.compile(rb"[0-9]{1,3}")
# Headers that change nothing about how a post is answered. With any other the endpoint decides.
_IDLE_HEADERS = frozenset(
    {b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"date"}
)
_NEEDED = frozenset({b"content-type", b"content-length", b"x-api-key", b"host"})
_EXPECTED = {b"content-type": b"application/json", b"connection": b"keep-alive"}


class Head(NamedTuple):
    """What counts of a plain post's head."""

    key_hash: bytes
    length: int


@lru_cache(HEADS_KEPT)
def read_head(head: bytes) -> Head | None:
    """Return what counts of a request's head, its last line end cut off; None if unusual.

    Stricter than HTTP: every line is a name and printable ASCII, and no header comes twice, so
    there are no two ways to read it.
    """
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n")[1:]:
        found = _HEADER.fullmatch(line)
        if found is None or found[1].lower() in fields:
            return None
        fields[found[1].lower()] = found[2]
    are_usual = all(
        value.lower() == _EXPECTED[name] if name in _EXPECTED else name in _NEEDED | _IDLE_HEADERS
        for name, value in fields.items()
    )
    length = fields.get(b"content-length", b"")
    if not are_usual or not fields.keys() >= _NEEDED or not _SHORT.fullmatch(length):
        return None
    return Head(key_hash(fields[b"x-api-key"].decode("ascii")), int(length))


class PlainPosts:
    """Takes what can be taken at once; everything else is left to the endpoint."""

    def __init__(
        self,
        keys: KeyCache,
        writer: Writer,
        limit: RateLimit,
        disk: DiskGuard,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._writer = writer
        self._limit = limit
        self._disk = disk
        self._clock = clock

    def take(self, head: Head, body: bytes, answer: Answer) -> bool:
        """Have the reading in `body` written, then `answer` called.

        False, and nothing done, if this is no plain post of a known device within its limit.
        """
        device = self._keys.known(head.key_hash)
        if device is None or device.signed_only:
            return False
        if not self._writer.has_room or self._disk.is_almost_full():
            return False
        now_ms = int(self._clock() * 1000)
        if now_ms < FIRST_MS:
            return False
        reading = plain_reading(body, device.device_id, now_ms)
        if reading is None or self._limit.wait_s(device.device_id):
            return False
        self._writer.write_arriving(reading, now_ms, answer)
        return True

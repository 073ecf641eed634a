"""HTTP as a board speaks it: one connection, one request at a time, and no answer now and then."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, NamedTuple

PATH = "/api/energy-data/"
# Longer than the server takes to say 503 while its database is away.
ANSWER_WITHIN_S = 30
NOTHING_HEARD = (OSError, EOFError, TimeoutError)


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: Any


class Message(NamedTuple):
    """An HTTP message as it came over the wire: its head and its body."""

    head: bytes
    body: bytes

    def headers(self):
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.lower(): value.strip() for name, _, value in pairs}


async def read_message(reader):
    """Return the next request or response; raise EOFError where there is none, or half of one."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = Message(head, b"").headers().get("content-length", "0")
    return Message(head, await reader.readexactly(int(length)))


def request(key, payload):
    """Return a POST as it goes over the wire."""
    body = json.dumps(payload).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: wattkeep\r\nContent-Type: application/json\r\n"
        f"X-API-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def close(writer):
    """Close a connection, whoever broke it."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


class Line:
    """A kept-alive connection to wherever `find_port` says the server is now."""

    def __init__(self, find_port, key):
        self._find_port = find_port
        self._key = key
        self._writer = self._reader = None

    async def post(self, payload):
        """Return the answer; None where nothing was heard, so that anything may have happened."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                message = await self._exchange(request(self._key, payload))
        except NOTHING_HEARD:
            await self.close()
            return None
        status = int(message.head.split(b" ", 2)[1])
        return Answer(status, message.headers(), json.loads(message.body or b"null"))

    async def _exchange(self, data):
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._find_port()
            )
        self._writer.write(data)
        await self._writer.drain()
        return await read_message(self._reader)

    async def close(self):
        writer, self._writer = self._writer, None
        if writer is not None:
            await close(writer)

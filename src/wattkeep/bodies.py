"""Bodies of requests while they arrive: bounded in time, in room, and in number by address."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from wattkeep.arrival import client_address
from wattkeep.ingest.batches import Refused
from wattkeep.ingest.endpoint import read_body

if TYPE_CHECKING:
    from wattkeep.ingest.endpoint import Message, Receive

# A form or a small file comes at once; one of 2 MiB within this needs 35 kB/s.
WITHIN_S = 60.0
# How many requests of one address may be under way to us. A home behind one address has few.
MOST_OF_ONE_ADDRESS = 100
# What all that are under way may hold together; a small machine has little memory.
MOST_HELD_BYTES = 32 * 1024 * 1024


class Bodies:
    """Reads bodies; whoever sends slowly, or many at once, takes nothing from others."""

    def __init__(self, within_s: float = WITHIN_S) -> None:
        self._within_s = within_s
        self._arriving: Counter[str] = Counter()
        self._held_bytes = 0

    async def read(self, scope: Message, receive: Receive) -> bytes:
        """Return a request's body.

        Raises:
            Refused: it is too large or too slow, or too many arrive.
            Gone: the client went away.
        """
        length = _length(scope)
        if not length:
            return await read_body(receive, 0)
        address = client_address(scope)
        if self._arriving[address] >= MOST_OF_ONE_ADDRESS:
            raise Refused(429, {"error": "Too many requests of this address are under way."})
        self._arriving[address] += 1
        held = _Held(self, receive)
        try:
            async with asyncio.timeout(self._within_s):
                return await read_body(held.receive, length)
        except TimeoutError:
            raise Refused(408, {"error": "The body came too slowly."}) from None
        finally:
            self._held_bytes -= held.size
            self._arriving[address] -= 1
            if not self._arriving[address]:
                del self._arriving[address]

    def hold(self, size: int) -> None:
        """Count bytes of a body that is not complete.

        Raises:
            Refused: there is no room for them.
        """
        if self._held_bytes + size > MOST_HELD_BYTES:
            raise Refused(503, {"error": "Too much is under way. Try again."})
        self._held_bytes += size


class _Held:
    """Receives a body and counts what of it is held."""

    def __init__(self, bodies: Bodies, receive: Receive) -> None:
        self._bodies = bodies
        self._receive = receive
        self.size = 0

    async def receive(self) -> Message:
        message = await self._receive()
        size = len(message.get("body", b""))
        self._bodies.hold(size)
        self.size += size
        return message


def _length(scope: Message) -> int:
    """Return how long a body says it is, at least 1 if it does not say; 0 if there is none."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value[:20]) if value.isdigit() else 1
        if name == b"transfer-encoding":
            return 1
    return 0

"""A bad network: a proxy that loses, doubles, delays and reorders requests."""

from __future__ import annotations

import asyncio
from collections import Counter

from chaos.line import NOTHING_HEARD, close, read_message

FORWARD_WITHIN_S = 30
LONGEST_DELAY_S = 0.2
LATEST_S = 1.5


class ChaosProxy:
    """Listens on a free loopback port; what becomes of a request is up to `rng`.

    With `share` as the chance of each: a request is held for a moment; it is lost (before the
    server sees it, after that, or so late that its sender has tried again long since); a second
    copy of it arrives at some other time.
    """

    def __init__(self, find_port, rng, share=0.3):
        self._find_port = find_port
        self._rng = rng
        self._tasks = set()
        self._calls = set()
        self._share = share
        self.did = Counter()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in (*self._calls, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._calls, *self._tasks, return_exceptions=True)

    def calm(self):
        """Pass everything on from now, at once and a single time."""
        self._share = 0

    async def settle(self):
        """Return when nothing late is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self._calls.add(task)
        try:
            while await self._relay(await read_message(reader), writer):
                pass
        except (*NOTHING_HEARD, asyncio.CancelledError):
            pass
        finally:
            self._calls.discard(task)
            await close(writer)

    async def _relay(self, message, writer):
        """Do to one request what the dice say; return whether its sender hears an answer."""
        if self._happens("delayed"):
            await asyncio.sleep(self._rng.uniform(0, LONGEST_DELAY_S))
        if self._happens("doubled"):
            self._forward_late(message)
        if self._happens("lost"):
            match self._rng.choice(("before", "after", "late")):
                case "after":
                    await self._forward(message)
                case "late":
                    self._forward_late(message)
            return False
        answer = await self._forward(message)
        if answer is None:
            return False
        writer.write(answer.head + answer.body)
        await writer.drain()
        return True

    def _happens(self, what):
        if self._rng.random() >= self._share:
            self.did[f"not {what}"] += 1
            return False
        self.did[what] += 1
        return True

    def _forward_late(self, message):
        task = asyncio.create_task(self._forward(message, self._rng.uniform(0, LATEST_S)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, message, after_s=0.0):
        """Return the server's answer, or None if there is none."""
        await asyncio.sleep(after_s)
        writer = None
        try:
            async with asyncio.timeout(FORWARD_WITHIN_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._find_port())
                writer.write(message.head + message.body)
                await writer.drain()
                return await read_message(reader)
        except NOTHING_HEARD:
            return None
        finally:
            if writer is not None:
                await close(writer)

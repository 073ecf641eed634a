"""Open pages as a server sees them: a live connection that comes back by itself."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress

import websockets

AGAIN_S = 1.0
QUIET_S = 12.0
PAST = (OSError, TimeoutError, websockets.WebSocketException)


class Viewer:
    """Keeps to what frontend/src/socket.js does: after a silence or an end it connects again."""

    def __init__(self, url, cookie, ids):
        query = "&".join(f"device={pk}" for pk in ids)
        self._url = url.replace("http", "ws") + f"/ws/live/?{query}"
        self._cookie = cookie
        # Of each device the newest reading shown.
        self.shown = {}
        self.connects = 0
        self.readings = 0

    async def run(self):
        while True:
            with suppress(*PAST):
                headers = {"Cookie": self._cookie}
                async with websockets.connect(self._url, additional_headers=headers) as socket:
                    self.connects += 1
                    await self._watch(socket)
            await asyncio.sleep(AGAIN_S * random.uniform(0.5, 1))

    async def _watch(self, socket):
        while True:
            async with asyncio.timeout(QUIET_S):
                message = json.loads(await socket.recv())
            if message["type"] == "reading":
                self.readings += 1
                self.shown[message["device"]] = message["timestamp"]

"""`/readyz`: whether this process can do its work now, and which part of it cannot."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from wattkeep.ingest.keys import KeysUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattkeep.ingest.keys import KeyCache
    from wattkeep.ingest.writer import Writer
    from wattkeep.ledger.disk import DiskGuard

# However often somebody asks, the database is asked once in so long.
KEPT_S = 1.0


class Readiness:
    """Looks at the database, the writer and the disk; strangers may ask, so it names no reasons."""

    def __init__(
        self,
        keys: KeyCache,
        writer: Writer,
        disk: DiskGuard,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._writer = writer
        self._disk = disk
        self._clock = clock
        self._turn = asyncio.Lock()
        self._found: dict[str, bool] = {}
        self._good_until = 0.0

    async def answer(self) -> tuple[int, dict[str, Any]]:
        """Return the status, 200 or 503, and what is said of each part."""
        async with self._turn:
            if self._clock() >= self._good_until:
                self._found = await self._look()
                self._good_until = self._clock() + KEPT_S
        is_ready = all(self._found.values())
        checks = {name: "ok" if is_good else "failing" for name, is_good in self._found.items()}
        status = "ok" if is_ready else "unavailable"
        return 200 if is_ready else 503, {"status": status, "checks": checks}

    async def _look(self) -> dict[str, bool]:
        try:
            await self._keys.ask_database()
            is_there = True
        except KeysUnavailable:
            is_there = False
        return {
            "database": is_there,
            "writer": self._writer.is_taking,
            "disk": not self._disk.is_almost_full(),
        }

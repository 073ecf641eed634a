"""Who watches which device in this process, and what they are told."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from wattkeep.domain.readings import Reading

    Message = dict[str, Any]

# A device that reports faster is shown once a second: its newest reading.
READING_EVERY_S = 1.0


class Watcher:
    """One open page: of each device the newest reading waits, and of other messages all do.

    However slow the reader, no more waits than that, so no page can fill the memory.
    """

    def __init__(self, device_ids: Collection[int], clock: Callable[[], float]) -> None:
        self.device_ids = frozenset(device_ids)
        self._clock = clock
        self._readings: dict[int, Reading] = {}
        self._shown_ms: dict[int, int] = {}
        self._next_s: dict[int, float] = {}
        self._others: dict[tuple[str, int, Any], Message] = {}
        self._is_new = asyncio.Event()

    def offer(self, reading: Reading) -> None:
        """Take a reading to be shown, unless a newer one was: backlogs are no live values."""
        waiting = self._readings.get(reading.device_id)
        newest_ms = waiting.timestamp_ms if waiting else self._shown_ms.get(reading.device_id, 0)
        if reading.timestamp_ms > newest_ms:
            self._readings[reading.device_id] = reading
            self._is_new.set()

    def tell(self, kind: str, device_id: int, number: Any, message: Message) -> None:
        """Take another message; one of the same kind, device and number replaces it."""
        self._others[kind, device_id, number] = message
        self._is_new.set()

    async def next(self, patience_s: float) -> Message | None:
        """Return what is to be sent next, as soon as there is anything; None if nothing came."""
        until_s = self._clock() + patience_s
        while True:
            if self._others:
                return self._others.pop(next(iter(self._others)))
            now = self._clock()
            wait_s = until_s - now
            for device_id, reading in self._readings.items():
                due_s = self._next_s.get(device_id, 0.0) - now
                if due_s <= 0:
                    return self._take(device_id, reading, now)
                wait_s = min(wait_s, due_s)
            if now >= until_s:
                return None
            self._is_new.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_new.wait(), wait_s)

    def waiting(self) -> list[Message]:
        """Return all that can be sent at once, to go out beside what `next` returned."""
        now = self._clock()
        others, self._others = list(self._others.values()), {}
        due = [
            (device_id, reading)
            for device_id, reading in self._readings.items()
            if self._next_s.get(device_id, 0.0) <= now
        ]
        return others + [self._take(device_id, reading, now) for device_id, reading in due]

    def _take(self, device_id: int, reading: Reading, now: float) -> Message:
        del self._readings[device_id]
        self._shown_ms[device_id] = reading.timestamp_ms
        self._next_s[device_id] = now + READING_EVERY_S
        return {"type": "reading", "reading": reading}


class Hub:
    """Hands each commit's readings to the pages that watch their devices; for the loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watchers: dict[int, set[Watcher]] = {}
        self._open = 0
        # Called when other devices are watched than before.
        self.on_change: Callable[[], None] | None = None

    def open(self, device_ids: Collection[int]) -> Watcher:
        """Begin to watch devices."""
        watcher = Watcher(device_ids, self._clock)
        self._open += 1
        for device_id in watcher.device_ids:
            self._watchers.setdefault(device_id, set()).add(watcher)
        self._note_change()
        return watcher

    def close(self, watcher: Watcher) -> None:
        """Stop watching."""
        self._open -= 1
        for device_id in watcher.device_ids:
            watchers = self._watchers.get(device_id, set())
            watchers.discard(watcher)
            if not watchers:
                self._watchers.pop(device_id, None)
        self._note_change()

    @property
    def open_count(self) -> int:
        """How many pages are open."""
        return self._open

    def is_full(self, most: int) -> bool:
        """Tell whether as many pages are open as this process may serve."""
        return self._open >= most

    def publish(self, readings: Sequence[Reading]) -> None:
        """Offer new readings to whoever watches their devices; cheap where nobody does."""
        if not self._watchers:
            return
        for reading in readings:
            for watcher in self._watchers.get(reading.device_id, ()):
                watcher.offer(reading)

    def _note_change(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def watchers_of(self, device_id: int) -> Iterable[Watcher]:
        """Return who watches a device."""
        return tuple(self._watchers.get(device_id, ()))

    def watched(self) -> list[int]:
        """Return the ids of all devices somebody watches."""
        return list(self._watchers)

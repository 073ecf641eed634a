"""Live readings across processes: each tells the others what its pages watch, and gets that."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from wattkeep.domain.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.exchange import Exchange
    from wattkeep.live.hub import Hub

# Readings of so long go into one message; nobody sees the difference.
GATHERED_S = 0.05
WATCHED_AGAIN_S = 5.0
# A process that has not said for so long what it watches is gone.
WATCHED_FOR_S = 15.0


class Fanout:
    """Publishes each commit's readings: to this process's pages, and to others that watch them.

    A reading that nobody watches elsewhere costs one look into a set.
    """

    def __init__(
        self, hub: Hub, exchange: Exchange, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._hub = hub
        self._exchange = exchange
        self._clock = clock
        # Process → the devices its pages watch, and until when that holds.
        self._watching: dict[str, tuple[frozenset[int], float]] = {}
        self._wanted: frozenset[int] = frozenset()
        self._gathered: dict[int, Reading] = {}
        self._is_telling = False
        self._told: frozenset[int] = frozenset()
        self._tell_again_s = 0.0
        exchange.on("watched", self._take_watched)
        exchange.on("readings", self._take_readings)
        exchange.on_beat(self._beat)
        hub.on_change = self._tell_if_changed

    def publish(self, readings: Sequence[Reading]) -> None:
        """Hand new readings on to whoever watches their devices, wherever."""
        self._hub.publish(readings)
        if not self._wanted:
            return
        for reading in readings:
            if reading.device_id in self._wanted:
                newest = self._gathered.get(reading.device_id)
                if newest is None or newest.timestamp_ms < reading.timestamp_ms:
                    self._gathered[reading.device_id] = reading
        if self._gathered and not self._is_telling:
            self._is_telling = True
            asyncio.get_running_loop().call_later(GATHERED_S, self._tell_gathered)

    def _tell_gathered(self) -> None:
        self._is_telling = False
        gathered, self._gathered = self._gathered, {}
        self._exchange.tell("readings", [tuple(one) for one in gathered.values()])

    def _tell_if_changed(self) -> None:
        watched = frozenset(self._hub.watched())
        if watched != self._told:
            self._tell_watched(watched)

    def _tell_watched(self, watched: frozenset[int]) -> None:
        self._told = watched
        self._tell_again_s = self._clock() + WATCHED_AGAIN_S
        self._exchange.tell("watched", list(watched))

    def _beat(self) -> None:
        now = self._clock()
        if now >= self._tell_again_s:
            self._tell_watched(frozenset(self._hub.watched()))
        if any(until < now for _, until in self._watching.values()):
            self._watching = {
                name: (ids, until) for name, (ids, until) in self._watching.items() if until >= now
            }
            self._find_wanted()

    def _take_watched(self, name: str, ids: Any) -> None:
        if name != self._exchange.name:
            self._watching[name] = frozenset(ids), self._clock() + WATCHED_FOR_S
            self._find_wanted()

    def _find_wanted(self) -> None:
        self._wanted = frozenset().union(*(ids for ids, _ in self._watching.values()))

    def _take_readings(self, name: str, rows: Any) -> None:
        if name != self._exchange.name:
            self._hub.publish([Reading(*row) for row in rows])

"""How often one device may post: a token bucket each, filled by the clock, emptied by posts.

Each process has its own buckets and asks nobody. Where several serve the same devices they tell
each other every second what heavy posters took, so that together they allow what one would.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wattkeep.exchange import Exchange

FORGET_EVERY_S = 60.0
# Who took less than this share of the rate is not worth telling of: no board comes near it.
TELLING_SHARE = 1 / 16


class RateLimit:
    """`burst` posts at once, `rate_per_s` after that; a rate of 0 allows everything."""

    def __init__(
        self, rate_per_s: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate_per_s
        self._burst = max(burst, 1.0)
        self._clock = clock
        # device → (posts left, when that was so)
        self._buckets: dict[int, tuple[float, float]] = {}
        self._forget_at = clock() + FORGET_EVERY_S
        # What each device took since `take_spent`; None as long as nobody asks for it.
        self._spent: dict[int, float] | None = None
        self._spent_since = clock()

    def wait_s(self, device_id: int) -> float:
        """Take one post from the device's bucket; return 0, or the seconds until there is one."""
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        if now >= self._forget_at:
            self._forget_full(now)
        left, at = self._buckets.get(device_id, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        if left < 1:
            self._buckets[device_id] = (left, now)
            return (1 - left) / self._rate
        self._buckets[device_id] = (left - 1, now)
        if self._spent is not None:
            self._spent[device_id] = self._spent.get(device_id, 0.0) + 1
        return 0.0

    def charge(self, device_id: int, posts: float) -> None:
        """Take more from the bucket for a large post; the next ones wait until it is made up."""
        if self._rate > 0 and device_id in self._buckets:
            left, at = self._buckets[device_id]
            self._buckets[device_id] = (left - posts, at)
            if self._spent is not None and posts:
                self._spent[device_id] = self._spent.get(device_id, 0.0) + posts

    def take_spent(self) -> dict[int, float]:
        """Return what heavy posters took here since this was last called."""
        now = self._clock()
        least = (now - self._spent_since) * self._rate * TELLING_SHARE
        spent, self._spent, self._spent_since = self._spent or {}, {}, now
        return {device: posts for device, posts in spent.items() if posts > least}

    def charge_spent(self, spent: Mapping[int, float]) -> None:
        """Take from the buckets what devices took in another process."""
        if self._rate <= 0:
            return
        now = self._clock()
        for device_id, posts in spent.items():
            left, at = self._buckets.get(device_id, (self._burst, now))
            self._buckets[device_id] = (left - posts, at)

    def _forget_full(self, now: float) -> None:
        """Drop the buckets that have filled up again: they say nothing."""
        self._forget_at = now + FORGET_EVERY_S
        self._buckets = {
            device: (left, at)
            for device, (left, at) in self._buckets.items()
            if left + (now - at) * self._rate < self._burst
        }


def share_limits(limit: RateLimit, exchange: Exchange) -> None:
    """Have what heavy posters take told to the other processes, and theirs taken off here."""

    def tell() -> None:
        if spent := limit.take_spent():
            exchange.tell("spent", list(spent.items()))

    def hear(name: str, spent: Iterable[tuple[int, float]]) -> None:
        if name != exchange.name:
            limit.charge_spent(dict(spent))

    exchange.on_beat(tell)
    exchange.on("spent", hear)

"""How often one device may post: a token bucket each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FORGET_EVERY_S = 60.0


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
        return 0.0

    def charge(self, device_id: int, posts: float) -> None:
        """Take more from the bucket for a large post; the next ones wait until it is made up."""
        if self._rate > 0 and device_id in self._buckets:
            left, at = self._buckets[device_id]
            self._buckets[device_id] = (left - posts, at)

    def _forget_full(self, now: float) -> None:
        """Drop the buckets that have filled up again: they say nothing."""
        self._forget_at = now + FORGET_EVERY_S
        self._buckets = {
            device: (left, at)
            for device, (left, at) in self._buckets.items()
            if left + (now - at) * self._rate < self._burst
        }

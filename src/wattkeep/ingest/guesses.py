"""How many keys that nobody has one address may try: a bucket of attempts each."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from wattkeep.monitoring.throttles import group_of

if TYPE_CHECKING:
    from collections.abc import Callable

# A home that moves in with a dozen mistyped boards passes; a guesser gets one a five seconds.
BURST = 30
RATE_PER_S = 0.2
MOST_ADDRESSES = 10_000


class Guesses:
    """Counts unknown keys by address. Known devices never come here, whatever their address does.

    The same wrong key again is no new guess, so that one board with a wrong key, sending for days,
    takes nothing from the others behind its router. Counted in each process: a shared count would
    make every post wait for another server.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # address → (guesses left, when that was so), the least recently counted first
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return 0 if this address may try an unknown key, or the seconds until it may."""
        if not self._buckets:
            return 0.0
        left = self._left(group_of(address))
        return 0.0 if left >= 1 else (1 - left) / RATE_PER_S

    def count(self, address: str) -> None:
        """Note that this address tried a key that is none."""
        group = group_of(address)
        self._buckets[group] = (max(self._left(group) - 1, 0.0), self._clock())
        self._buckets.move_to_end(group)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)

    def _left(self, group: str) -> float:
        left, at = self._buckets.get(group, (float(BURST), 0.0))
        return min(float(BURST), left + (self._clock() - at) * RATE_PER_S)

"""A circuit breaker: what has just failed is left alone for a while, not waited for again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REST_S = 2.0


class Breaker:
    """Says whether something that may be away is worth asking; for any number of threads.

    After a failure nobody asks for `rest_s`; then one does, and the others wait for what it finds.
    """

    def __init__(self, rest_s: float = REST_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest_s = rest_s
        self._clock = clock
        self._again_at: float | None = None
        self._lock = threading.Lock()

    @property
    def is_closed(self) -> bool:
        """Whether the last that asked got an answer."""
        return self._again_at is None

    def may_ask(self) -> bool:
        """Tell whether to ask; who is told yes reports how it went."""
        if self.is_closed:
            return True
        with self._lock:
            now = self._clock()
            # An answer may have come just now.
            if self._again_at is None or now < self._again_at:
                return self._again_at is None
            # Whoever never reports does not keep the others away for longer.
            self._again_at = now + self._rest_s
            return True

    def succeed(self) -> bool:
        """Note an answer; True: it is the first after a failure."""
        if self._again_at is None:
            return False
        with self._lock:
            was_open, self._again_at = self._again_at is not None, None
        return was_open

    def fail(self) -> bool:
        """Note a failure; True: it is the first after an answer."""
        with self._lock:
            was_closed = self._again_at is None
            self._again_at = self._clock() + self._rest_s
        return was_closed

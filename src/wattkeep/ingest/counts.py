"""What the way of a reading counts: plain numbers of one process, for its event loop only."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.domain.readings import Reading

# Upper bounds, as Prometheus has them: a value belongs to the first that is not less than it.
WAIT_BOUNDS_MS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
COMMIT_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
COMMIT_BOUNDS_READINGS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


class Histogram:
    """How many values fell between which bounds, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        # The last one is for what is beyond all bounds.
        self.counts = [0] * (len(bounds) + 1)
        self.total: float = 0

    def note(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class IngestCounts:
    """Counts of one process since its start.

    No locks and no look-ups by label for a reading: what a post adds here costs it a fifth of a
    microsecond of about a hundred.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.posts: dict[int, int] = {201: 0}
        self.refused: dict[str, int] = {}
        self.stored = 0
        self.known = 0
        self.rejected = 0
        self.failed_commits = 0
        self.post_ms = Histogram(WAIT_BOUNDS_MS)
        self.commit_ms = Histogram(COMMIT_BOUNDS_MS)
        self.commit_readings = Histogram(COMMIT_BOUNDS_READINGS)

    def note_plain_posts(self, readings: Sequence[Reading]) -> None:
        """Count plain posts that are answered now; a plain reading's time is its arrival."""
        now_ms = int(self._clock() * 1000)
        self.posts[201] += len(readings)
        bounds, counts = self.post_ms.bounds, self.post_ms.counts
        total = 0
        for reading in readings:
            # A clock set back meanwhile, or a reading put at the next free millisecond.
            waited_ms = max(now_ms - reading[1], 0)
            counts[bisect_left(bounds, waited_ms)] += 1
            total += waited_ms
        self.post_ms.total += total

    def note_post(self, status: int, seconds: float, reason: str) -> None:
        """Count a post the endpoint answers; `reason` says why it was refused, if it was."""
        self.posts[status] = self.posts.get(status, 0) + 1
        if reason:
            self.refused[reason] = self.refused.get(reason, 0) + 1
        self.post_ms.note(seconds * 1000)

    def note_refused_plain_posts(self, count: int) -> None:
        """Count plain posts whose readings could not be stored."""
        self.posts[503] = self.posts.get(503, 0) + count
        self.refused["store"] = self.refused.get("store", 0) + count

    def note_commit(self, seconds: float, readings: int) -> None:
        """Count a commit that went through."""
        self.commit_ms.note(seconds * 1000)
        self.commit_readings.note(readings)

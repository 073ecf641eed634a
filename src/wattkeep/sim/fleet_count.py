"""What a fleet counts: answers, windows, latencies, and how hard its own process works."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RECENT_S = 10
# Two per cent apart: finer than any two runs agree.
_STEPS_PER_E = 50
_BUCKETS = _STEPS_PER_E * 19  # up to e^19 µs, three minutes

BUSY_CPU = 0.9
LATE_S = 0.02
LATE_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Latencies in milliseconds, to 2 %."""

    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class Latencies:
    """A histogram of durations: since the start, and of the last seconds."""

    def __init__(self) -> None:
        self._all = [0] * _BUCKETS
        self._recent: deque[list[int]] = deque([[0] * _BUCKETS], maxlen=RECENT_S)

    def add(self, seconds: float) -> None:
        index = int(math.log(max(seconds * 1e6, 1.0)) * _STEPS_PER_E)
        index = min(index, _BUCKETS - 1)
        self._all[index] += 1
        self._recent[-1][index] += 1

    def next_second(self) -> None:
        """Forget the oldest of the last seconds."""
        self._recent.append([0] * _BUCKETS)

    def since_start(self) -> Percentiles:
        return _percentiles(self._all)

    def recent(self) -> Percentiles:
        return _percentiles([sum(column) for column in zip(*self._recent, strict=True)])


def _percentiles(buckets: list[int]) -> Percentiles:
    total = sum(buckets)
    if not total:
        return Percentiles()
    wanted = [math.ceil(total * share) for share in (0.50, 0.95, 0.99, 1.0)]
    found: list[float] = []
    seen = 0
    for index, count in enumerate(buckets):
        seen += count
        while len(found) < len(wanted) and seen >= wanted[len(found)]:
            found.append(round(math.exp((index + 0.5) / _STEPS_PER_E) / 1000, 3))
    return Percentiles(*found)


@dataclass(slots=True)
class Tally:
    """Counts since the start; every window is counted once as made and once as what became of it.

    `acked` are readings and `silent` windows without one, both settled by the server. `refused` is
    what it would not store, `parked` what it would not look at, `overflowed` what no buffer held.
    `sent` counts a reading as often as it was posted. `lost_answers` were not waited for, on
    purpose; `cut` were in the air when their board went offline.
    """

    requests: int = 0
    answers: int = 0
    made: int = 0
    sent: int = 0
    acked: int = 0
    silent: int = 0
    duplicates: int = 0
    refused: int = 0
    parked: int = 0
    overflowed: int = 0
    lost_answers: int = 0
    cut: int = 0
    retries: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def backlog(self) -> int:
        """How many windows the boards hold."""
        return self.made - self.acked - self.silent - self.refused - self.parked - self.overflowed


class Strain:
    """How late this process's own event loop is, and how much of a core it uses."""

    def __init__(
        self,
        wall: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._wall = wall
        self._cpu = cpu
        self._lag = Latencies()
        self._started_s = wall()
        self._cpu_before_s = cpu()
        self._seconds: deque[tuple[float, float]] = deque(maxlen=RECENT_S + 1)
        self._busiest = 0.0
        self.next_second()

    def note_lag(self, seconds: float) -> None:
        self._lag.add(max(seconds, 0.0))

    def next_second(self) -> None:
        self._lag.next_second()
        self._seconds.append((self._wall(), self._cpu()))
        if len(self._seconds) > RECENT_S:
            self._busiest = max(self._busiest, self.recent_cpu())

    def recent_cpu(self) -> float:
        """Return the share of one core used in the last seconds."""
        (wall_s, cpu_s), (now_s, now_cpu_s) = self._seconds[0], self._seconds[-1]
        return (now_cpu_s - cpu_s) / (now_s - wall_s) if now_s > wall_s else 0.0

    def cpu(self) -> float:
        """Return the share of one core used since the start."""
        wall_s = self._wall() - self._started_s
        return (self._cpu() - self._cpu_before_s) / wall_s if wall_s else 0.0

    def lag(self) -> Percentiles:
        return self._lag.since_start()

    def verdict(self, latency: Percentiles) -> str:
        """Return why the figures say more about this process than about the server, or nothing.

        A slow server answers in bursts, which delay this loop too: that is no matter as long as it
        is a small part of the latency.
        """
        busy = max(self._busiest, self.cpu())
        late_ms = self._lag.since_start().p99_ms
        if busy >= BUSY_CPU:
            return (
                f"The load generator itself is the bottleneck: it used {busy:.0%} of a core. Its "
                "latencies are its own; try fewer devices, or several fleets."
            )
        if late_ms >= max(LATE_S * 1000, LATE_SHARE * latency.p99_ms):
            return (
                f"The load generator itself was held up: its event loop ran {late_ms:.0f} ms late "
                "(p99), and the latencies contain that. Give it a core of its own, or another "
                "machine."
            )
        return ""


@dataclass(frozen=True, slots=True)
class FleetReport:
    """How a fleet does, or did: `rate` is answers a second in the last ones, `mean_rate` of all.

    Latencies are those of posts that were answered 2xx, from the moment the board wanted to post,
    a new connection included. `refusal` holds the server's last words about what it would not take.
    """

    elapsed_s: float
    devices: int
    offline: int
    rate: float
    mean_rate: float
    tally: Tally
    latency: Percentiles
    latency_recent: Percentiles
    client_cpu: float
    client_cpu_mean: float
    client_lag: Percentiles
    client_is_bottleneck: str
    refusal: str

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        return {
            **asdict(self),
            "tally": {
                **asdict(self.tally),
                "errors": dict(self.tally.errors),
                "backlog": self.tally.backlog,
            },
        }

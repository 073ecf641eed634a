"""What a virtual board keeps and what it sends next: numbered windows, until acknowledged."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

BACKLOG_PER_LIVE = 4
BATCH_WINDOWS = 50
FIRST_AFTER_SILENCE = 2
WAS_BUFFERED = 4
FIRMWARE = "fleet"
NULLS = "null,null,null,null,null,null"


class Window(NamedTuple):
    """One closed window; `values` is the six integers as they are sent, or six nulls."""

    seq: int
    closed_s: float
    values: str
    samples: int
    flags: int

    @property
    def is_silent(self) -> bool:
        return self.values is NULLS


class Batch(NamedTuple):
    """Windows sent together, and whether they had to wait for it."""

    windows: tuple[Window, ...]
    is_backlog: bool


@dataclass(slots=True)
class Board:
    """One boot of one board: a buffer of at most `most_kept` windows until they are acknowledged.

    Nothing here waits or sends; `choose` says what goes next, and what came of it is told to
    `settle` or `drop`. A batch that got no answer stays where it is.
    """

    boot: str
    started_s: float
    most_kept: int
    kept: deque[Window] = field(default_factory=deque)
    overflowed: int = 0
    _seq: int = 0
    _live: Window | None = None
    _credit: int = 0
    _was_live: bool = False
    _was_silent: bool = False

    def close_window(self, values: str | None, samples: int, now_s: float) -> None:
        """Keep a window that has just closed; None: the meter never answered in it."""
        self._seq += 1
        flags = FIRST_AFTER_SILENCE if self._was_silent and values is not None else 0
        self._was_silent = values is None
        self._live = Window(self._seq, now_s, NULLS if values is None else values, samples, flags)
        self._credit = BACKLOG_PER_LIVE
        self.kept.append(self._live)
        if len(self.kept) > self.most_kept:
            self.kept.popleft()
            self.overflowed += 1

    def choose(self, *, is_draining: bool = False) -> Batch | None:
        """Return what to send now: the newest window once, then what waits, oldest first.

        Backlog goes at most four times between two live windows, unless no more live ones come; and
        at least once where something waits, or a slow server would never see any of it.
        """
        is_backlog_due = self._was_live and len(self.kept) > 1
        self._was_live = self._live is not None and not is_backlog_due
        if self._was_live and self._live is not None:
            batch = Batch((self._live,), is_backlog=False)
        elif self.kept and (self._credit or is_draining):
            self._credit -= 1
            batch = Batch(tuple(islice(self.kept, BATCH_WINDOWS)), is_backlog=True)
        else:
            return None
        if batch.windows[-1] is self._live:
            self._live = None
        return batch

    def settle(self, ack: int) -> list[Window]:
        """Drop and return the windows up to `ack`: the server has settled them."""
        settled = []
        while self.kept and self.kept[0].seq <= ack:
            settled.append(self.kept.popleft())
        return settled

    def drop(self, seqs: Collection[int]) -> int:
        """Drop what the server will never take; return how many windows that were."""
        before = len(self.kept)
        self.kept = deque(window for window in self.kept if window.seq not in seqs)
        return before - len(self.kept)

    def envelope(self, batch: Batch, now_s: float) -> bytes:
        """Return the body that carries `batch` if it is sent now."""
        late = WAS_BUFFERED if batch.is_backlog else 0
        rows = ",".join(
            f"[{seq},{max(int((now_s - closed_s) * 1000), 0)},{values},{samples},{flags | late}]"
            for seq, closed_s, values, samples, flags in batch.windows
        )
        up_s = int(now_s - self.started_s)
        free_heap = 21_000 - 37 * (self._seq % 100)
        return (
            f'{{"boot":"{self.boot}","uptime_s":{up_s},"firmware":"{FIRMWARE}",'
            f'"rssi_dbm":-67,"free_heap":{free_heap},"readings":[{rows}]}}'
        ).encode()

"""What one request brought, and what became of it.

Not frozen: some are made for every request, and freezing triples what that costs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.domain.readings import Reading


@dataclass(slots=True)
class Board:
    """How a board says it is; None where it did not say."""

    firmware: str = ""
    uptime_s: int | None = None
    rssi_dbm: int | None = None
    free_heap: int | None = None


@dataclass(slots=True)
class Windows:
    """The numbered windows of an envelope.

    `seqs[i]` numbers `Batch.readings[i]`; `silent` holds (seq, epoch ms) of windows in which the
    meter never answered; `refused` the numbers that will never be stored. `oldest` is the first
    number the board still has, or 0 where it did not tell.
    """

    boot: str
    arrived_ms: int
    board: Board
    seqs: list[int] = field(default_factory=list)
    silent: list[tuple[int, int]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    oldest: int = 0


@dataclass(slots=True)
class Batch:
    """The readings of one request, all of one device.

    `stamped[i]` tells that `readings[i]` got its time from us: it may be moved to the next free
    millisecond. `rejected` holds (index, errors) of elements that are not stored.
    """

    device_id: int
    readings: Sequence[Reading]
    stamped: list[bool]
    is_array: bool = False
    rejected: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    windows: Windows | None = None

    @property
    def size(self) -> int:
        """How much waits with this batch: its readings, and windows without one."""
        silent = len(self.windows.silent) if self.windows else 0
        return max(1, len(self.readings) + silent)


@dataclass(slots=True)
class Stored:
    """What became of a batch once it was committed.

    `readings` and the count of `silences` are those new to us; `reading_id` is the instant of the
    last reading the batch held, in epoch ms, or None if it held none; `ack` the highest number up
    to which everything of the boot is settled.
    """

    readings: Sequence[Reading]
    duplicates: int = 0
    reading_id: int | None = None
    silences: int = 0
    ack: int = 0


@dataclass(slots=True)
class PartlyStored:
    """What became of arriving readings of many devices: None where it could not be stored."""

    readings: list[Reading | None]


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A body that is not stored, with the status and body of the answer."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.status = status
        self.body = body

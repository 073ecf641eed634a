"""Which readings come so late that the ledger would not look for them by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wattkeep.domain.slots import slot_start

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wattkeep.ingest.batches import Stored

# The ledger looks back further than this at each run (`ledger.update.LOOK_BACK`): between the two
# lies the time a commit may take.
FRESH_MS = 120_000


class LateSlots(NamedTuple):
    """A mark: slots of a device that have to be made again, by their starts."""

    device_id: int
    start_ms: int
    until_ms: int


class Lateness:
    """Remembers each device's newest reading, to tell which of the next ones are late.

    A reading is late if it is two minutes older than the moment, or than the newest of its
    device: after a clock was set back, what is stamped now belongs among older ones. What a
    device sends first is taken as late, for the clock may have moved while nobody looked.
    """

    def __init__(self) -> None:
        self._newest_ms: dict[int, int] = {}

    def forget(self) -> None:
        """Take every device's next readings as late: a commit failed, and its marks with it."""
        self._newest_ms.clear()

    def find(self, stored: Iterable[Stored], now_ms: int) -> list[LateSlots]:
        """Return the marks that newly stored readings need, in an order that is the same for all.

        Deadlocks come from two that lock the same marks in different orders.
        """
        marks = set()
        fresh_from_ms = now_ms - FRESH_MS
        newest = self._newest_ms
        for batch in stored:
            readings = batch.readings
            if not readings:
                continue
            device_id, earliest_ms = readings[0][:2]
            latest_ms = earliest_ms
            if len(readings) > 1:
                instants = [reading.timestamp_ms for reading in readings]
                earliest_ms, latest_ms = min(instants), max(instants)
            known_ms = newest.get(device_id)
            if known_ms is None:
                late_before_ms = latest_ms + 1
            else:
                late_before_ms = max(fresh_from_ms, known_ms - FRESH_MS)
            if known_ms is None or latest_ms > known_ms:
                newest[device_id] = latest_ms
            if earliest_ms < late_before_ms:
                late_ms = (
                    one.timestamp_ms for one in readings if one.timestamp_ms < late_before_ms
                )
                last_ms = max(late_ms)
                marks.add(LateSlots(device_id, slot_start(earliest_ms), slot_start(last_ms)))
        return sorted(marks)

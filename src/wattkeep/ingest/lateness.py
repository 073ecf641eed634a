"""Which readings come so late that the ledger would not look for them by itself."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.domain.readings import Run, instants_of
from wattkeep.domain.slots import slot_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.batches import Stored

# The ledger looks back further than this at each run (`ledger.due.LOOK_BACK`): between the two
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

    def note_if_fresh(self, readings: Sequence[Reading], now_ms: int) -> bool:
        """Tell whether none of these needs a mark; if so they count as seen.

        Nearly always so, and quicker to find out than which marks there would be.
        """
        newest = self._newest_ms
        fresh_from_ms = now_ms - FRESH_MS
        for reading in readings:
            at_ms, known_ms = reading[1], newest.get(reading[0])
            if known_ms is None or at_ms < fresh_from_ms or at_ms < known_ms - FRESH_MS:
                return False
        for reading in readings:
            newest[reading[0]] = max(newest[reading[0]], reading[1])
        return True

    def find(self, stored: Iterable[Stored], now_ms: int) -> list[LateSlots]:
        """Return the marks that newly stored readings need, in an order that is the same for all.

        Deadlocks come from two that lock the same marks in different orders.
        """
        marks = set()
        fresh_from_ms = now_ms - FRESH_MS
        newest = self._newest_ms
        for readings in chain.from_iterable(_by_device(one.readings) for one in stored):
            device_id = readings[0].device_id
            instants = instants_of(readings)
            earliest_ms, latest_ms = min(instants), max(instants)
            known_ms = newest.get(device_id)
            if known_ms is None:
                late_before_ms = latest_ms + 1
            else:
                late_before_ms = max(fresh_from_ms, known_ms - FRESH_MS)
            if known_ms is None or latest_ms > known_ms:
                newest[device_id] = latest_ms
            if earliest_ms < late_before_ms:
                last_ms = latest_ms
                if latest_ms >= late_before_ms:
                    last_ms = max(at_ms for at_ms in instants if at_ms < late_before_ms)
                marks.add(LateSlots(device_id, slot_start(earliest_ms), slot_start(last_ms)))
        return sorted(marks)


def _by_device(readings: Sequence[Reading]) -> Iterable[Sequence[Reading]]:
    """Return each device's readings; those of many that arrived alone are stored as one batch."""
    if isinstance(readings, Run):
        return (readings,)
    found: dict[int, list[Reading]] = {}
    for reading in readings:
        found.setdefault(reading[0], []).append(reading)
    return found.values()

"""Readings that wait to be judged: when they are many, as plain numbers, a sixth of the memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from struct import Struct, pack
from typing import TYPE_CHECKING

from wattkeep.domain.readings import Reading, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Beyond this the oldest are let go. Those that come later lead back to them: what opens an incident
# is judged by what is stored.
MOST_WAITING = 50_000
# So many wait as they are, which is more than a commit of a rush brings: to pack and unpack one
# takes half a microsecond, a fifth of all that is done with it.
MOST_LOOSE = 12_000
ONE = Struct(f"{len(Reading._fields)}d")


@dataclass(slots=True)
class _Pile:
    """One device's readings; `packed` has the fields of each, one after the other."""

    loose: list[Sequence[Reading]] = field(default_factory=list)
    packed: bytearray = field(default_factory=bytearray)

    @property
    def size(self) -> int:
        return sum(map(len, self.loose)) + len(self.packed) // ONE.size

    def pack(self, readings: Sequence[Reading]) -> None:
        values = chain.from_iterable(readings)
        self.packed += pack(f"{len(readings) * len(Reading._fields)}d", *values)

    def take(self, most: int) -> Sequence[Reading]:
        loose, self.loose = self.loose, []
        some = self.packed[: most * ONE.size]
        del self.packed[: most * ONE.size]
        packed = [
            Reading(int(device_id), int(at_ms), *values)
            for device_id, at_ms, *values in ONE.iter_unpack(some)
        ]
        return joined([*loose, packed] if packed else loose)


class Waiting:
    """Readings by device, those first whose device has waited longest."""

    def __init__(self) -> None:
        self._piles: dict[int, _Pile] = {}
        self.count = 0

    def __contains__(self, device_id: int) -> bool:
        return device_id in self._piles

    def __iter__(self) -> Iterator[int]:
        return iter(self._piles)

    def __len__(self) -> int:
        return len(self._piles)

    def put(self, device_id: int, readings: Sequence[Reading]) -> None:
        """Add readings of a device; let go of others' if that is too many."""
        pile = self._piles.get(device_id)
        if pile is None:
            pile = self._piles[device_id] = _Pile()
        self.count += len(readings)
        # What is packed came before: nothing may overtake it.
        if self.count > MOST_LOOSE or pile.packed:
            pile.pack(readings)
        else:
            pile.loose.append(readings)
        while self.count > MOST_WAITING and len(self._piles) > 1:
            self.count -= self._piles.pop(next(iter(self._piles))).size

    def take(self, most_devices: int, most_readings: int) -> dict[int, Sequence[Reading]]:
        """Take out some devices' readings, of the last one perhaps a part, the oldest."""
        taken: dict[int, Sequence[Reading]] = {}
        left = most_readings
        for device_id in list(self._piles)[:most_devices]:
            taken[device_id] = self._piles[device_id].take(left)
            left -= len(taken[device_id])
            if not self._piles[device_id].size:
                del self._piles[device_id]
            if left <= 0:
                break
        self.count -= most_readings - left
        return taken

"""What a person says an interval used, laid over what the slots say; the slots stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.domain.slots import SLOT_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Energy:
    """What was used, in whole mWh, by where the figure comes from."""

    measured_mwh: int = 0
    estimated_mwh: int = 0
    corrected_mwh: int = 0

    @property
    def total_mwh(self) -> int:
        return self.measured_mwh + self.estimated_mwh + self.corrected_mwh

    def __add__(self, other: Energy) -> Energy:
        return Energy(
            self.measured_mwh + other.measured_mwh,
            self.estimated_mwh + other.estimated_mwh,
            self.corrected_mwh + other.corrected_mwh,
        )

    def __sub__(self, other: Energy) -> Energy:
        return Energy(
            self.measured_mwh - other.measured_mwh,
            self.estimated_mwh - other.estimated_mwh,
            self.corrected_mwh - other.corrected_mwh,
        )


class Corrected(NamedTuple):
    """An interval at full quarter-hours and what it used; None leaves it out of every sum."""

    start_ms: int
    end_ms: int
    energy_mwh: int | None


def apply_corrections(
    slots: Mapping[int, Energy], corrections: Iterable[Corrected]
) -> dict[int, Energy]:
    """Return the slots, by their start, with each corrected interval's energy in place of theirs.

    It is spread in proportion to what was there, evenly if there was nothing, to the whole mWh.
    `slots` must hold all that there is of each interval. No two intervals may overlap.

    Raises:
        ValueError: two corrections overlap.
    """
    ordered = sorted(corrections)
    for one, following in pairwise(ordered):
        if following.start_ms < one.end_ms:
            raise ValueError(f"corrections {one} and {following} overlap")
    corrected = dict(slots)
    for correction in ordered:
        corrected.update(_spread(slots, correction))
    return corrected


def _spread(slots: Mapping[int, Energy], correction: Corrected) -> dict[int, Energy]:
    starts = range(correction.start_ms, correction.end_ms, SLOT_MS)
    if correction.energy_mwh is None:
        return {at: Energy() for at in starts if at in slots}
    there = {at: slots[at].total_mwh for at in starts if at in slots}
    weights = there if any(there.values()) else dict.fromkeys(starts, 1)
    whole = sum(weights.values())
    spread = {at: Energy() for at in there}
    done = done_mwh = 0
    for at, weight in weights.items():
        done += weight
        # To the nearest, by whole numbers: the last one ends at exactly the energy.
        upto_mwh = (2 * correction.energy_mwh * done + whole) // (2 * whole)
        spread[at] = Energy(corrected_mwh=upto_mwh - done_mwh)
        done_mwh = upto_mwh
    return spread

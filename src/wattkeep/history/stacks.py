"""What the bars of a site are stacked of: each device's part, nothing twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.domain.corrections import Energy
from wattkeep.history.quarters import NOTHING
from wattkeep.history.trees import branches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wattkeep.history.trees import Branch
    from wattkeep.monitoring.models import Device


@dataclass(frozen=True, slots=True)
class Part:
    """One colour of a stack, period by period.

    `is_rest`: of a device with sub-meters, what none of them tells of. Without a device it is all
    those together that have no colour of their own.
    """

    device: Device | None
    energies: Sequence[Energy]
    is_rest: bool = False

    @property
    def total_mwh(self) -> int:
        return sum(one.total_mwh for one in self.energies)


@dataclass(frozen=True, slots=True)
class Stack:
    """Parts that add up to the site's total, but for `excess_mwh`.

    That is what sub-meters claim beyond what passed through their parents, period by period.
    """

    parts: Sequence[Part]
    excess_mwh: Sequence[int]


def stack(devices: Sequence[Device], used: Mapping[int, Sequence[Energy]], most: int) -> Stack:
    """Return what each device adds to its site, in at most so many parts.

    The smallest are put together where there are more.
    """
    if not devices:
        return Stack((), ())
    periods = [
        branches(devices, dict(zip(used, of_period, strict=True)))
        for of_period in zip(*used.values(), strict=True)
    ]
    parts = [
        Part(
            device,
            [_part_of(of_period[place]) for of_period in periods],
            is_rest=bool(periods) and periods[0][place].has_children,
        )
        for place, device in enumerate(devices)
    ]
    excess = [sum(branch.excess_mwh for branch in of_period) for of_period in periods]
    return Stack(_joined(parts, most), excess)


def _part_of(branch: Branch) -> Energy:
    if not branch.has_children:
        return branch.own
    # How the untracked rest is known, nobody knows exactly: as much of it as the parent has of a
    # kind beyond its sub-meters.
    left = branch.untracked_mwh
    corrected = min(left, max(0, branch.own.corrected_mwh - branch.behind.corrected_mwh))
    left -= corrected
    estimated = min(left, max(0, branch.own.estimated_mwh - branch.behind.estimated_mwh))
    return Energy(left - estimated, estimated, corrected)


def _joined(parts: Sequence[Part], most: int) -> list[Part]:
    if len(parts) <= most:
        return list(parts)
    kept = sorted(parts, key=lambda part: -part.total_mwh)[: most - 1]
    others = [part.energies for part in parts if part not in kept]
    together = [sum(of_period, NOTHING) for of_period in zip(*others, strict=True)]
    return [*(part for part in parts if part in kept), Part(None, together)]

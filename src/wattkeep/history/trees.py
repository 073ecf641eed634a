"""Meters behind meters: what a site used, nothing counted twice, and what no meter tracks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.domain.corrections import Energy
from wattkeep.domain.slots import Envelope
from wattkeep.history.quarters import NOTHING
from wattkeep.history.series import NO_VALUES, Point

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wattkeep.history.series import Series
    from wattkeep.monitoring.models import Device


@dataclass(frozen=True, slots=True)
class Branch:
    """A device's use, and how its sub-meters share it.

    `own` − `behind` = `untracked_mwh` − `excess_mwh`: what no sub-meter tells of is untracked.
    Sub-meters that claim more than passed through their parent are in excess: a wrong parent, a
    reversed clamp, or meters that are not equally exact.
    """

    device: Device
    own: Energy
    behind: Energy
    has_children: bool

    @property
    def untracked_mwh(self) -> int:
        return max(0, self.own.total_mwh - self.behind.total_mwh)

    @property
    def excess_mwh(self) -> int:
        return max(0, self.behind.total_mwh - self.own.total_mwh)


def branches(devices: Sequence[Device], used: Mapping[int, Energy]) -> list[Branch]:
    """Return each device with what is behind it; children of absent parents are nobody's."""
    behind: dict[int, Energy] = defaultdict(Energy)
    parents = parents_of(devices)
    for device_id, parent_id in parents.items():
        behind[parent_id] += used.get(device_id, NOTHING)
    have_children = set(parents.values())
    return [
        Branch(
            device,
            used.get(device.pk, NOTHING),
            behind.get(device.pk, NOTHING),
            device.pk in have_children,
        )
        for device in devices
    ]


def site_totals(devices: Sequence[Device], used: Mapping[int, Sequence[Energy]]) -> list[Energy]:
    """Return what all devices used together, period by period: that of those behind no other."""
    parents = parents_of(devices)
    of_roots = [used[device.pk] for device in devices if device.pk not in parents]
    return [sum(of_period, NOTHING) for of_period in zip(*of_roots, strict=True)]


def total_power(devices: Sequence[Device], found: Sequence[Series]) -> list[Point]:
    """Return the power of all devices together, where each that is behind no other has a value.

    Means add up. The least and the greatest are bounds: nobody knows whether the devices reached
    theirs at the same moment.
    """
    parents = parents_of(devices)
    roots = [one for one in found if one.device_id not in parents and one.points]
    at_steps: dict[int, list[Envelope]] = defaultdict(list)
    for one in roots:
        for point in one.points:
            at_steps[point.at_ms].append(point.envelope)
    points: list[Point] = []
    for at_ms, envelopes in sorted(at_steps.items()):
        if len(envelopes) == len(roots) and NO_VALUES not in envelopes:
            points.append(Point(at_ms, Envelope(*map(sum, zip(*envelopes, strict=True)))))
        elif points and points[-1].envelope != NO_VALUES:
            points.append(Point(at_ms, NO_VALUES))
    return points


def parents_of(devices: Sequence[Device]) -> dict[int, int]:
    """Return device id → its parent's, for parents that are among the devices.

    Of devices that are each other's parents one has none, so that a tree is left.
    """
    ids = {device.pk for device in devices}
    parents: dict[int, int] = {}
    for device in devices:
        above = device.parent_id
        seen = {device.pk}
        while above is not None and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above is None and device.parent_id in ids:
            parents[device.pk] = device.parent_id
    return parents

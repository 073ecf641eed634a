"""What a site draws right now: nothing counted twice, and what no sub-meter tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.domain.presence import Status
from wattkeep.history.trees import parents_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wattkeep.live.presence import Presence
    from wattkeep.monitoring.models import Device


@dataclass(frozen=True, slots=True)
class Draw:
    """A device's power; `rest_w` is its own less that of its sub-meters, as far as they tell.

    A negative rest: the sub-meters claim more than passes through their parent. None: the device
    has no sub-meters, or is not online. `parent_id` is set where the parent is there as well.
    """

    device: Device
    parent_id: int | None
    power_w: float | None
    rest_w: float | None


def draws(devices: Sequence[Device], presences: Mapping[int, Presence]) -> list[Draw]:
    """Return what each device draws, as a tree from the top: those with sub-meters come first."""
    parents = parents_of(devices)
    children: dict[int | None, list[Device]] = {}
    for device in devices:
        children.setdefault(parents.get(device.pk), []).append(device)
    powers = {device.pk: power_now(presences[device.pk]) for device in devices}
    found: list[Draw] = []
    roots = sorted(children.get(None, []), key=lambda device: device.pk not in children)
    waiting = roots[::-1]
    while waiting:
        device = waiting.pop()
        below = children.get(device.pk, [])
        own = powers[device.pk]
        known = [power for one in below if (power := powers[one.pk]) is not None]
        rest = own - sum(known) if own is not None and below else None
        found.append(Draw(device, parents.get(device.pk), own, rest))
        waiting.extend(reversed(below))
    return found


def total_w(found: Sequence[Draw]) -> float | None:
    """Return the power of all devices behind no other that tell theirs; None if none does."""
    known = [one.power_w for one in found if one.parent_id is None and one.power_w is not None]
    return sum(known) if known else None


def power_now(presence: Presence) -> float | None:
    """Return the power a device draws now; None unless it is online."""
    if presence.status != Status.ONLINE or presence.latest is None:
        return None
    return presence.latest.power

"""What steady devices used while nothing was heard of them, shared out over their slots."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from wattkeep.domain.counter import Span
from wattkeep.domain.slots import (
    HOUR_MS,
    HOURS_PER_WEEK,
    WeekSums,
    profile_span,
    slot_start,
    split_span,
)
from wattkeep.ledger.bulk import places
from wattkeep.ledger.readings import instant_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wattkeep.domain.counter import CounterEvent

    Weeks = dict[tuple[int, int], WeekSums]

# The hours of a week together, as the first slot of each says where it belongs.
SUMS = f"""
    SELECT device_id, CAST(MIN({{at}}) AS bigint), CAST(SUM(measured_mwh) AS bigint), COUNT(*)
    FROM monitoring_energyslot
    WHERE device_id IN ({{ids}}) AND start >= %s AND start < %s AND samples > 0
    GROUP BY device_id, ({{at}} / {HOUR_MS}) %% {HOURS_PER_WEEK}
"""  # noqa: S608 - places only


class Gap(NamedTuple):
    """A device's gap; `folded` are the slots with readings that are made together with it.

    They are those before the slot in which it begins, by their start, and what was measured in
    each.
    """

    device_id: int
    event: CounterEvent
    folded: Sequence[tuple[int, int]] = ()

    @property
    def span(self) -> Span:
        event = self.event
        return Span(event.start_ms, event.end_ms, event.energy_wh or 0.0, estimated=True)

    @property
    def is_shaped(self) -> bool:
        """Tell whether the energy has more than one slot to go to."""
        first = slot_start(self.event.start_ms)
        return bool(self.event.energy_wh) and slot_start(self.event.end_ms - 1) > first


def share_out(gaps: Sequence[Gap], fold_from_ms: int) -> list[list[tuple[int, int]]]:
    """Return, gap by gap, (slot's start, mWh) of what is estimated to have been used in it.

    Slots before `fold_from_ms` are stored. Slots that get nothing are left out.
    """
    weeks = _load_weeks([gap for gap in gaps if gap.is_shaped], fold_from_ms)
    shared = []
    for gap in gaps:
        profile = None
        if gap.is_shaped:
            # Of the gaps that begin in a slot only the last leaves it: no week is used twice.
            week = weeks.get((gap.device_id, slot_start(gap.event.start_ms)), WeekSums())
            week.add((at_ms, mwh, 1) for at_ms, mwh in gap.folded)
            profile = week.profile(gap.event.start_ms)
        shared.append([(at, int(mwh)) for at, mwh in split_span(gap.span, profile) if mwh])
    return shared


def _load_weeks(gaps: Iterable[Gap], until_ms: int) -> Weeks:
    """Return (device, slot in which a gap begins) → the week before it, as far as it is stored.

    The database adds up: four weeks of fifty devices are 134,400 slots.
    """
    devices: dict[int, set[int]] = defaultdict(set)
    for gap in gaps:
        devices[slot_start(gap.event.start_ms)].add(gap.device_id)
    weeks: Weeks = {}
    at = "start" if connection.vendor == "sqlite" else "(extract(epoch FROM start) * 1000)::bigint"
    for slot_ms, ids in devices.items():
        start_ms, end_ms = profile_span(slot_ms)
        span = instant_parameter(start_ms), instant_parameter(min(end_ms, until_ms))
        with connection.cursor() as cursor:
            cursor.execute(SUMS.format(at=at, ids=places(ids)), [*sorted(ids), *span])
            for device_id, *part in cursor.fetchall():
                week = weeks.setdefault((device_id, slot_ms), WeekSums())
                week.add([tuple(part)])
    return weeks

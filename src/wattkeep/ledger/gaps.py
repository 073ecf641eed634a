"""What steady devices used while nothing was heard of them, shared out over their slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from wattkeep.domain.counter import Span
from wattkeep.domain.slots import (
    HOUR_MS,
    HOURS_PER_WEEK,
    SLOT_MS,
    WeekSums,
    profile_span,
    slot_start,
    split_span,
)
from wattkeep.ledger.bulk import places
from wattkeep.ledger.readings import instant_parameter
from wattkeep.ledger.weeks import add_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wattkeep.domain.counter import CounterEvent

    Weeks = dict[tuple[int, int], WeekSums]

COUNTS = """
    SELECT device_id, COUNT(*) FROM monitoring_energyslot
    WHERE device_id IN ({ids}) AND start >= %s AND start < %s AND samples > 0 GROUP BY device_id
"""
WEEK_MS = HOURS_PER_WEEK * HOUR_MS
# Of longer gaps nearly every hour of the week is wanted.
MOST_HOURS = 24


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

    @property
    def hours(self) -> range:
        """Return when the hours begin that it touches."""
        return range(self.event.start_ms // HOUR_MS * HOUR_MS, self.event.end_ms, HOUR_MS)


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


def _load_weeks(gaps: Sequence[Gap], until_ms: int) -> Weeks:
    """Return (device, slot in which a gap begins) → the week before it, as far as it is stored."""
    weeks: Weeks = {}
    for slot_ms in {slot_start(gap.event.start_ms) for gap in gaps}:
        some = [gap for gap in gaps if slot_start(gap.event.start_ms) == slot_ms]
        start_ms, end_ms = profile_span(slot_ms)
        found = _weeks_by_hours(some, range(start_ms, min(end_ms, until_ms), SLOT_MS))
        others = {gap.device_id for gap in some} - found.keys()
        span = [instant_parameter(start_ms), instant_parameter(min(end_ms, until_ms))]
        found |= add_up(others, "start >= %s AND start < %s", span)
        weeks.update({(device_id, slot_ms): week for device_id, week in found.items()})
    return weeks


def _weeks_by_hours(gaps: Sequence[Gap], slots: range) -> dict[int, WeekSums]:
    """Return the weeks of devices of which it is known that a gap's own hours will do.

    All four weeks of a device are 2,688 slots, and a millisecond of SQLite. Whoever has every slot
    of the third week before the gap has each hour of the week, and goes back for two of them.
    """
    short = {gap.device_id: gap.hours for gap in gaps if len(gap.hours) <= MOST_HOURS}
    week_ms = slots.start + WEEK_MS
    complete = _with_all_between(short, week_ms, week_ms + WEEK_MS)
    hours = {_hour(at_ms) for pk in complete for at_ms in short[pk]}
    wanted = [at_ms for at_ms in slots if _hour(at_ms) in hours]
    if not wanted:
        return {}
    which = f"start IN ({places(wanted)})"
    weeks = add_up(complete, which, [instant_parameter(at_ms) for at_ms in wanted])
    # The other hours only have to be there.
    rest = [
        at_ms for at_ms in range(week_ms, week_ms + WEEK_MS, HOUR_MS) if _hour(at_ms) not in hours
    ]
    for week in weeks.values():
        week.add((at_ms, 0, 1) for at_ms in rest)
    return weeks


def _hour(at_ms: int) -> int:
    return at_ms // HOUR_MS % HOURS_PER_WEEK


def _with_all_between(device_ids: Iterable[int], start_ms: int, end_ms: int) -> set[int]:
    """Return the devices that have readings in every slot of a span."""
    if not (ids := sorted(device_ids)):
        return set()
    span = instant_parameter(start_ms), instant_parameter(end_ms)
    with connection.cursor() as cursor:
        cursor.execute(COUNTS.format(ids=places(ids)), [*ids, *span])
        every = (end_ms - start_ms) // SLOT_MS
        return {device_id for device_id, count in cursor.fetchall() if count == every}

"""What the newest readings add to the stored quarter-hours, until the ledger takes them up."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattkeep.domain.columns import Columns
from wattkeep.domain.counter import CounterState, Meter, Sample, Swap
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import METRICS, Folded, Start, fold_slots, slot_start
from wattkeep.ledger.each import At, fetch_each, instant_ms, is_spread
from wattkeep.ledger.stored import StoredProfiles
from wattkeep.monitoring.models import MeterEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wattkeep.monitoring.models import Device

# The ledger is half a minute behind. Where it is days behind, after an upgrade or a large import,
# pages show how far it is instead of doing its work at every look.
MOST_READINGS = 20_000
COLUMNS = ("energy", *METRICS)
NEWEST_STATE = """
    SELECT device_id, start, counter_at, counter_wh, counter_power_w, pending
    FROM monitoring_energyslot WHERE device_id = %s ORDER BY start DESC LIMIT 1
"""
LATER_READINGS = f"""
    SELECT device_id, timestamp, {", ".join(COLUMNS)} FROM monitoring_energyreading
    WHERE device_id = %s AND timestamp > %s ORDER BY timestamp LIMIT {MOST_READINGS}
"""  # noqa: S608 - our own column names
# Both, and when the newest swap was: each statement is a way to the database and back. The first
# readings may be known; what waits to be confirmed is not in a column of its own.
STATE_AND_LATER = f"""
    SELECT s.*, timestamp, {", ".join(COLUMNS)}
    FROM (
        SELECT device_id, start, counter_at, counter_wh, counter_power_w, pending,
            (SELECT MAX(timestamp) FROM monitoring_meterevent AS event
             WHERE event.device_id = slot.device_id AND kind = 'swap') AS swapped
        FROM monitoring_energyslot AS slot WHERE device_id = %s ORDER BY start DESC LIMIT 1
    ) AS s LEFT JOIN monitoring_energyreading AS r
        ON r.device_id = s.device_id AND timestamp >= COALESCE(counter_at, start)
    ORDER BY timestamp LIMIT {MOST_READINGS}
"""  # noqa: S608 - our own column names
STATE_WIDTH = 7


class Tails:
    """What `tails_of` says of some devices, for all that need it for the same answer.

    It is looked up when it is first asked for: after stored sums it goes on from, never before.
    What the ledger takes up in between would be counted twice otherwise.
    """

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = devices

    @cached_property
    def by_device(self) -> dict[int, Folded]:
        return tails_of(self._devices)


def tails_of(devices: Sequence[Device]) -> dict[int, Folded]:
    """Return device id → the slots that readings after the newest stored state make.

    They are added to the stored slots, not put in their place. Devices whose readings are all
    in are left out. Readings that came late count when the ledger has run, half a minute later.
    """
    begun, readings, swaps = (_look_up_apart if is_spread() else _look_up)(devices)
    folded = {}
    for device in devices:
        columns = readings.get(device.pk, Columns.empty(COLUMNS))
        if not len(columns) and not swaps.get(device.pk):
            continue
        start = begun.get(device.pk)
        if start is None:
            start = Start(slot_start(_first_ms(columns, swaps.get(device.pk, ()))), CounterState())
        meter = Meter(device.range_w, device.has_counter)
        folded[device.pk] = fold_slots(
            columns,
            swaps.get(device.pk, ()),
            meter,
            start,
            StoredProfiles(device.pk, start.at_ms),
        )
    return folded


class _Found(NamedTuple):
    """What is stored of devices, by their number: where to go on from, and with what."""

    begun: dict[int, Start]
    readings: dict[int, Columns]
    swaps: dict[int, tuple[Swap, ...]]


def _look_up(devices: Sequence[Device]) -> _Found:
    """Find it in one statement, but for devices that are new or got another meter just now."""
    begun: dict[int, Start] = {}
    swapped: dict[int, int] = {}
    later: list[tuple[Any, ...]] = []
    rows = fetch_each(STATE_AND_LATER, [(device.pk,) for device in devices])
    for pk, of_device in groupby(rows, itemgetter(0)):
        some = list(of_device)
        *state, swapped_at = some[0][1:STATE_WIDTH]
        begun[pk] = _start_of(*state)
        seen_ms = _seen_to(begun[pk])
        if swapped_at is not None and instant_ms(swapped_at) > seen_ms:
            swapped[pk] = seen_ms
        values = (row[STATE_WIDTH:] for row in some if row[STATE_WIDTH] is not None)
        later += [(pk, *row) for row in values if instant_ms(row[0]) > seen_ms]
    new = [device.pk for device in devices if device.pk not in begun]
    later += fetch_each(LATER_READINGS, [(pk, At(-1)) for pk in new])
    swaps = _swaps_by_device(swapped | dict.fromkeys(new, -1))
    return _Found(begun, _columns_by_device(later), swaps)


def _look_up_apart(devices: Sequence[Device]) -> _Found:
    """Find it kind by kind: several servers do not join such parts of statements."""
    begun = {
        pk: _start_of(*state)
        for pk, *state in fetch_each(NEWEST_STATE, [(device.pk,) for device in devices])
    }
    last_seen = {device.pk: _seen_to(begun.get(device.pk)) for device in devices}
    wanted = [(device_id, At(after_ms)) for device_id, after_ms in last_seen.items()]
    readings = _columns_by_device(fetch_each(LATER_READINGS, wanted))
    return _Found(begun, readings, _swaps_by_device(last_seen))


def _start_of(
    start: Any, counter_at: Any, counter_wh: float, power_w: float, pending: str
) -> Start:
    """Return where folding goes on after a slot as it is stored."""
    last = None if counter_at is None else Sample(instant_ms(counter_at), counter_wh, power_w)
    state = CounterState.from_stored(last, pending)
    # What waits to be confirmed may yet add to slots since the last accepted sample.
    from_slot_ms = slot_start(last.at_ms) if last is not None else instant_ms(start)
    return Start(min(from_slot_ms, instant_ms(start)), state)


def _seen_to(start: Start | None) -> int:
    """Return the time of the newest reading that a state knows of."""
    if start is None:
        return -1
    known = [one.at_ms for one in (start.state.last, *start.state.pending) if one is not None]
    return max(known, default=start.at_ms - 1)


def _columns_by_device(rows: Iterable[tuple[Any, ...]]) -> dict[int, Columns]:
    by_device = {}
    for device_id, of_device in groupby(rows, itemgetter(0)):
        _, instants, *values = zip(*of_device, strict=True)
        by_device[device_id] = Columns(
            np.array([instant_ms(one) for one in instants], np.int64),
            {
                name: np.array(column, np.float64)
                for name, column in zip(COLUMNS, values, strict=True)
            },
        )
    return by_device


def _swaps_by_device(last_seen: Mapping[int, int]) -> dict[int, tuple[Swap, ...]]:
    """Return when devices got another meter, each after an instant of its own."""
    if not last_seen:
        return {}
    found = MeterEvent.objects.filter(
        device_id__in=list(last_seen),
        kind=MeterEvent.Kind.SWAP,
        timestamp__gt=from_ms(max(0, min(last_seen.values()))),
    ).order_by("device_id", "timestamp")
    swaps: dict[int, tuple[Swap, ...]] = {}
    for event in found:
        at_ms = to_ms(event.timestamp)
        if at_ms > last_seen[event.device_id]:
            swap = Swap(at_ms, event.before_wh, event.after_wh)
            swaps[event.device_id] = (*swaps.get(event.device_id, ()), swap)
    return swaps


def _first_ms(columns: Columns, swaps: Sequence[Swap]) -> int:
    firsts = [swap.at_ms for swap in swaps[:1]]
    first: int = min([*firsts, *columns.timestamps[:1].tolist()])
    return first

"""Slots and the ledger's events as rows: read, compared, and only what differs written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from wattkeep.domain.counter import CounterEvent, CounterState, Sample, Swap
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import METRICS, Envelope, Slot, SlotEvent, WeekSums, profile_span
from wattkeep.ledger.bulk import places
from wattkeep.ledger.readings import instant_parameter
from wattkeep.ledger.weeks import add_up
from wattkeep.monitoring.models import EnergySlot, MeterEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from wattkeep.domain.slots import Profile

# What the ledger makes of readings, and alone may delete.
KINDS = ("reset", "rollover", "glitch", "jitter", "jump", "gap")
STATE_COLUMNS = ("start", "counter_at", "counter_wh", "counter_power_w", "pending")
SLOT_COLUMNS = (
    *STATE_COLUMNS,
    "measured_mwh",
    "estimated_mwh",
    "samples",
    *(f"{metric}_{part}" for metric in METRICS for part in ("min", "mean", "max")),
)
CHANGED = ", ".join(f"{name} = excluded.{name}" for name in SLOT_COLUMNS if name != "start")
# Places in a row that begins with the device.
SLOT_INSTANTS = frozenset((1, 2))
ROWS_A_STATEMENT = 500
# Some 50 ms of SQLite's only writer.
SLOTS_A_PIECE = 1000


class Differences(NamedTuple):
    """What a span's rows have to become."""

    slots: dict[int, Slot]
    gone_slots: list[int]
    events: dict[tuple[str, int], SlotEvent]
    gone_events: list[tuple[str, int]]
    # The slots among these whose measured energy or readings are others than before.
    changed_ms: list[int]

    @property
    def is_none(self) -> bool:
        return not (self.slots or self.gone_slots or self.events or self.gone_events)

    def pieces(self) -> list[Differences]:
        """Return the same in pieces, none of which takes long to write.

        Energy over a gap of years is a slot for each of its quarter-hours.
        """
        starts = sorted({*self.slots, *self.gone_slots})
        if len(starts) <= SLOTS_A_PIECE:
            return [self]
        gone = set(self.gone_slots)
        pieces = []
        for first in range(0, len(starts), SLOTS_A_PIECE):
            part = starts[first : first + SLOTS_A_PIECE]
            slots = {at: self.slots[at] for at in part if at in self.slots}
            pieces.append(Differences(slots, [at for at in part if at in gone], {}, [], []))
        pieces[-1] = pieces[-1]._replace(events=self.events, gone_events=self.gone_events)
        return pieces


def load_slots(device_id: int, start_ms: int, end_ms: int | None) -> list[Slot]:
    """Return a device's stored slots from `start_ms` to before `end_ms`, None for no end."""
    rows = EnergySlot.objects.filter(device_id=device_id, start__gte=from_ms(start_ms))
    if end_ms is not None:
        rows = rows.filter(start__lt=from_ms(end_ms))
    return [_slot(row) for row in rows.order_by("start").values_list(*SLOT_COLUMNS)]


def first_slot_ms(device_id: int) -> int | None:
    """Return the start of a device's first slot."""
    rows = EnergySlot.objects.filter(device_id=device_id).order_by("start")
    first = rows.values_list("start", flat=True).first()
    return None if first is None else to_ms(first)


def load_events(
    device_id: int, start_ms: int, end_ms: int | None
) -> dict[tuple[str, int], SlotEvent]:
    """Return the ledger's stored events that begin in a span, by kind and start."""
    rows = MeterEvent.objects.filter(
        device_id=device_id, kind__in=KINDS, timestamp__gte=from_ms(start_ms)
    )
    if end_ms is not None:
        rows = rows.filter(timestamp__lt=from_ms(end_ms))
    columns = ("kind", "timestamp", "until", "before_wh", "after_wh", "energy_wh", "windows")
    events = {}
    for kind, at, until, before_wh, after_wh, energy_wh, times in rows.values_list(*columns):
        event = CounterEvent(kind, to_ms(at), to_ms(until), before_wh, after_wh, energy_wh)
        events[kind, event.start_ms] = SlotEvent(event, times)
    return events


def load_swaps(device_ids: Sequence[int]) -> dict[int, list[Swap]]:
    """Return when each of some devices got another meter, oldest first."""
    rows = MeterEvent.objects.filter(device_id__in=device_ids, kind=MeterEvent.Kind.SWAP)
    columns = ("device_id", "timestamp", "before_wh", "after_wh")
    swaps: dict[int, list[Swap]] = {device_id: [] for device_id in device_ids}
    for device_id, at, *counters in rows.order_by("timestamp").values_list(*columns):
        swaps[device_id].append(Swap(to_ms(at), *counters))
    return swaps


def find_differences(
    old: tuple[Sequence[Slot], Mapping[tuple[str, int], SlotEvent]],
    new: tuple[Sequence[Slot], Mapping[tuple[str, int], SlotEvent]],
) -> Differences:
    """Return what turns the old slots and events of a span into the new ones."""
    before = {slot.start_ms: slot for slot in old[0]}
    after = {slot.start_ms: slot for slot in new[0]}
    slots = {at: slot for at, slot in after.items() if before.get(at) != slot}
    gone = [at for at in before if at not in after]
    return Differences(
        slots,
        gone,
        {key: event for key, event in new[1].items() if old[1].get(key) != event},
        [key for key in old[1] if key not in new[1]],
        sorted(at for at in {*slots, *gone} if _content(before, at) != _content(after, at)),
    )


def _content(slots: Mapping[int, Slot], at_ms: int) -> tuple[int, int]:
    slot = slots.get(at_ms)
    return (0, 0) if slot is None else (slot.measured_mwh, slot.samples)


def save_differences(device_id: int, differences: Differences) -> None:
    """Write what differs; to be called within a transaction."""
    stale = [from_ms(at) for at in differences.gone_slots]
    for first in range(0, len(stale), ROWS_A_STATEMENT):
        part = stale[first : first + ROWS_A_STATEMENT]
        EnergySlot.objects.filter(device_id=device_id, start__in=part).delete()
    save_slot_rows([_row(device_id, slot) for slot in differences.slots.values()])
    keys = (*differences.gone_events, *differences.events)
    for kind in sorted({kind for kind, _ in keys}):
        stale = [from_ms(at) for name, at in keys if name == kind]
        for first in range(0, len(stale), ROWS_A_STATEMENT):
            part = stale[first : first + ROWS_A_STATEMENT]
            MeterEvent.objects.filter(device_id=device_id, kind=kind, timestamp__in=part).delete()
    save_events([(device_id, event) for event in differences.events.values()])


def save_events(events: Sequence[tuple[int, SlotEvent]]) -> None:
    """Write events that are not stored yet, each with its device's number."""
    if events:
        rows = [_event_row(device_id, event) for device_id, event in events]
        MeterEvent.objects.bulk_create(rows, ROWS_A_STATEMENT)


def save_slot_rows(rows: Sequence[Sequence[Any]]) -> None:
    """Write slots, each as its device's number and SLOT_COLUMNS, instants as milliseconds."""
    if connection.vendor != "sqlite":
        rows = [_with_instants(row) for row in rows]
    columns = ", ".join(("device_id", *SLOT_COLUMNS))
    for first in range(0, len(rows), ROWS_A_STATEMENT):
        part = rows[first : first + ROWS_A_STATEMENT]
        values = ", ".join([f"({places(part[0])})"] * len(part))
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO monitoring_energyslot ({columns}) VALUES {values}"  # noqa: S608 - our own words
                f" ON CONFLICT (device_id, start) DO UPDATE SET {CHANGED}",
                [value for row in part for value in row],
            )


def _with_instants(row: Sequence[Any]) -> list[Any]:
    return [
        from_ms(value) if place in SLOT_INSTANTS and value is not None else value
        for place, value in enumerate(row)
    ]


class StoredRows:
    """What folding needs of a device's earlier slots, from the database."""

    def __init__(self, device_id: int) -> None:
        self._device_id = device_id

    def states_before(self, slot_ms: int, count: int) -> list[tuple[int, CounterState]]:
        """Return start and the counter's state at the end of the last slots before one.

        The newest comes first.
        """
        rows = EnergySlot.objects.filter(device_id=self._device_id, start__lt=from_ms(slot_ms))
        found = rows.order_by("-start").values_list(*STATE_COLUMNS)[:count]
        return [(to_ms(row[0]), _state(row)) for row in found]

    def week(self, start_ms: int, end_ms: int) -> WeekSums:
        """Return what was measured in a span by hour of the week."""
        span = [instant_parameter(start_ms), instant_parameter(end_ms)]
        found = add_up([self._device_id], "start >= %s AND start < %s", span)
        return found.get(self._device_id, WeekSums())


class StoredProfiles:
    """A device's usual week before a gap, from its earlier slots and those just folded."""

    def __init__(self, device_id: int, fold_from_ms: int, rows: StoredRows | None = None) -> None:
        self._rows = rows or StoredRows(device_id)
        self._fold_from_ms = fold_from_ms

    def profile(self, gap_start_ms: int, folded: Mapping[int, int]) -> Profile | None:
        start_ms, end_ms = profile_span(gap_start_ms)
        week = self._rows.week(start_ms, min(end_ms, self._fold_from_ms))
        week.add((at, mwh, 1) for at, mwh in folded.items() if start_ms <= at < end_ms)
        return week.profile(gap_start_ms)


def _slot(row: tuple[Any, ...]) -> Slot:
    _, _, _, _, _, measured_mwh, estimated_mwh, samples, *values = row
    envelopes = {
        metric: Envelope(*values[place : place + 3])
        for metric, place in zip(METRICS, range(0, len(values), 3), strict=True)
    }
    return Slot(to_ms(row[0]), measured_mwh, estimated_mwh, samples, envelopes, _state(row))


def _state(row: tuple[Any, ...]) -> CounterState:
    _, at, counter_wh, power_w, pending = row[:5]
    last = None if at is None else Sample(to_ms(at), counter_wh, power_w)
    return CounterState.from_stored(last, pending)


def _row(device_id: int, slot: Slot) -> tuple[Any, ...]:
    last = slot.state.last
    return (
        device_id,
        slot.start_ms,
        *((None, None, None) if last is None else last),
        slot.state.pending_text(),
        slot.measured_mwh,
        slot.estimated_mwh,
        slot.samples,
        *(part for metric in METRICS for part in slot.envelopes[metric]),
    )


def _event_row(device_id: int, found: SlotEvent) -> MeterEvent:
    event = found.event
    return MeterEvent(
        device_id=device_id,
        kind=event.kind,
        timestamp=from_ms(event.start_ms),
        until=from_ms(event.end_ms),
        before_wh=event.before_wh,
        after_wh=event.after_wh,
        energy_wh=event.energy_wh,
        windows=found.times,
    )

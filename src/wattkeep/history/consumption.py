"""Energy used per period, by how it is known: the one sum that every page and answer shows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from wattkeep.domain.calendar import By, day_start, days_until, local_hours, periods
from wattkeep.domain.corrections import Energy, apply_corrections
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import slot_start
from wattkeep.history.quarters import NOTHING, sum_quarters
from wattkeep.history.remembered import remembered_sums
from wattkeep.history.tails import Tails
from wattkeep.ledger.corrections import as_spans
from wattkeep.ledger.each import At, fetch_each, instant_ms
from wattkeep.monitoring.models import Correction, MeterEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from django.db.models import QuerySet

    from wattkeep.monitoring.models import Device

# What changes how a figure is to be read; a dip of the counter or a started board does not.
TELLING_KINDS = (
    MeterEvent.Kind.GAP,
    MeterEvent.Kind.GLITCH,
    MeterEvent.Kind.JUMP,
    MeterEvent.Kind.RESET,
    MeterEvent.Kind.ROLLOVER,
    MeterEvent.Kind.SILENT,
    MeterEvent.Kind.SWAP,
)
COVERED_SLOTS = """
    SELECT device_id, start, measured_mwh, estimated_mwh FROM monitoring_energyslot
    WHERE device_id = %s AND start >= %s AND start < %s
"""


@dataclass(frozen=True, slots=True)
class Consumption:
    """What devices used, period by period; `edges` are one more than there are periods.

    `events` has, for each period, the kinds of what happened in it to any of the devices.
    """

    edges: tuple[datetime, ...]
    by_device: Mapping[int, Sequence[Energy]]
    events: Sequence[tuple[str, ...]]

    def total(self, device_id: int) -> Energy:
        """Return what one device used in all periods together."""
        return sum(self.by_device[device_id], NOTHING)


def consumption(
    devices: Sequence[Device], start: datetime, end: datetime, by: By, zone: ZoneInfo
) -> Consumption:
    """Return what each device used from `start` to `end`, by periods of a zone's clock.

    The first and the last period are cut where the span is; it is widened to full quarter-hours.
    """
    first, last = from_ms(slot_start(to_ms(start))), from_ms(-slot_start(-to_ms(end)))
    inner = [edge for edge in periods(by, first, last, zone) if first < edge < last]
    edges = (first, *inner, last)
    return Consumption(edges, used_between(devices, edges), _kinds(devices, edges))


def used_between(  # noqa: PLR0913 - whose and when; the rest is named and seldom said
    devices: Sequence[Device],
    edges: Sequence[datetime],
    *,
    corrected: bool = True,
    tails: Tails | None = None,
    remembers: bool = True,
    unasked: Collection[datetime] = (),
) -> dict[int, list[Energy]]:
    """Return device id → what was used between neighbouring edges, which are quarter-hours.

    `tails` are the devices', where others need them too. What nobody asks for again should not be
    remembered. Of periods that begin at one of `unasked` the figure says nothing.
    """
    edges_ms = [to_ms(edge) for edge in edges]
    find_sums = remembered_sums if remembers else sum_quarters
    ids = [device.pk for device in devices]
    stored = find_sums(ids, edges_ms, [to_ms(edge) for edge in unasked])
    used = {
        device.pk: [stored.get((device.pk, start_ms), NOTHING) for start_ms in edges_ms[:-1]]
        for device in devices
    }
    changes = list(_unfolded(tails or Tails(devices)))
    if corrected:
        changes += _corrections(devices, edges_ms, changes)
    for device_id, start_ms, change in changes:
        index = bisect_right(edges_ms, start_ms) - 1
        if 0 <= index < len(edges_ms) - 1:
            used[device_id][index] += change
    return used


Change = tuple[int, int, Energy]


def _unfolded(tails: Tails) -> Iterable[Change]:
    for device_id, folded in tails.by_device.items():
        for slot in folded.slots:
            yield device_id, slot.start_ms, Energy(slot.measured_mwh, slot.estimated_mwh)


def _corrections(
    devices: Sequence[Device], edges_ms: Sequence[int], unfolded: Sequence[Change]
) -> list[Change]:
    """Return what people's corrections change in each slot of the span."""
    corrections = list(corrections_touching(devices, edges_ms[0], edges_ms[-1]))
    if not corrections:
        return []
    changes = []
    for device_id, slots in _slots_of(corrections, unfolded).items():
        spans = as_spans(one for one in corrections if one.device_id == device_id)
        for at_ms, energy in apply_corrections(slots, spans).items():
            changes.append((device_id, at_ms, energy - slots.get(at_ms, NOTHING)))
    return changes


def corrections_touching(
    devices: Sequence[Device], start_ms: int, end_ms: int
) -> QuerySet[Correction]:
    """Return the corrections of devices that hold and touch a span."""
    return Correction.objects.filter(
        device_id__in=[device.pk for device in devices],
        undone_at=None,
        start__lt=from_ms(end_ms),
        end__gt=from_ms(start_ms),
    )


def _slots_of(
    corrections: Sequence[Correction], unfolded: Sequence[Change]
) -> dict[int, dict[int, Energy]]:
    """Return device → slot's start → energy, of every slot that a correction covers."""
    wanted = [(one.device_id, At(to_ms(one.start)), At(to_ms(one.end))) for one in corrections]
    found: dict[int, dict[int, Energy]] = {one.device_id: {} for one in corrections}
    for device_id, start, measured_mwh, estimated_mwh in fetch_each(COVERED_SLOTS, wanted):
        found[device_id][instant_ms(start)] = Energy(measured_mwh, estimated_mwh)
    for device_id, start_ms, energy in unfolded:
        if device_id in found:
            slots = found[device_id]
            slots[start_ms] = slots.get(start_ms, NOTHING) + energy
    return found


def _kinds(devices: Sequence[Device], edges: Sequence[datetime]) -> list[tuple[str, ...]]:
    """Return, period by period, the kinds of the telling events in it."""
    kinds: list[set[str]] = [set() for _ in edges[1:]]
    events = MeterEvent.objects.filter(
        device_id__in=[device.pk for device in devices],
        kind__in=TELLING_KINDS,
        timestamp__lt=edges[-1],
        until__gte=edges[0],
    )
    for kind, start, until in events.values_list("kind", "timestamp", "until"):
        first = max(0, bisect_right(edges, start) - 1)
        last = max(first, bisect_left(edges, until) - 1)
        for index in range(first, min(last + 1, len(kinds))):
            kinds[index].add(kind)
    return [tuple(sorted(found)) for found in kinds]


@dataclass(frozen=True, slots=True)
class Week:
    """What a device's page shows: kWh of today's hours that have begun, and of the last days."""

    hours: list[tuple[datetime, float]]
    days: list[tuple[date, float]]


def recent_use(device: Device, now: datetime, day_count: int, tails: Tails | None = None) -> Week:
    """Return today by local hour, and `day_count` local days, today the last of them."""
    zone = device.site.zone
    today = now.astimezone(zone).date()
    past = days_until(today - timedelta(days=1), day_count - 1)
    begun = [hour for hour in local_hours(today, zone) if hour[0] <= now]
    edges = [day_start(day, zone) for day in past]
    edges += [start for start, _ in begun] + [begun[-1][1]]
    used = [energy.total_mwh for energy in used_between([device], edges, tails=tails)[device.pk]]
    by_hour = used[len(past) :]
    totals = [*used[: len(past)], sum(by_hour)]
    return Week(
        [(hour[0], to_kwh(mwh)) for hour, mwh in zip(begun, by_hour, strict=True)],
        [(day, to_kwh(mwh)) for day, mwh in zip([*past, today], totals, strict=True)],
    )


def to_kwh(mwh: int) -> float:
    """Return whole mWh as kWh, as near as a float gets."""
    return mwh / 1_000_000

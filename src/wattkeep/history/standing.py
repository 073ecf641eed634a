"""Where a day and a month stand: used so far, the month before up to the same moment, extremes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from django.db.models import Max, Min

from wattkeep.domain.calendar import QUARTER, day_start
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import METRICS, slot_start
from wattkeep.history.consumption import used_between
from wattkeep.history.quarters import NOTHING
from wattkeep.history.reach import first_slots
from wattkeep.history.tails import Tails
from wattkeep.monitoring.models import Device, EnergySlot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from wattkeep.domain.corrections import Energy

# Who began within the month's first day can be compared with it.
LATE_START = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a device used; `month_before` is None where it has no figures from its beginning."""

    today: Energy
    month: Energy
    month_before: Energy | None


@dataclass(frozen=True, slots=True)
class Moments:
    """The spans that are summed: today, this month, and the month before up to the same moment."""

    today: datetime
    month: datetime
    end: datetime
    before: datetime
    before_end: datetime


def moments(now: datetime, zone: ZoneInfo) -> Moments:
    """Return them for a site's clock, at full quarter-hours.

    On the 31st a month of 30 days is compared as a whole.
    """
    local = now.astimezone(zone)
    first = local.date().replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    month = day_start(first, zone)
    end = from_ms(-slot_start(-to_ms(now)))
    return Moments(
        today=day_start(local.date(), zone),
        month=month,
        end=end,
        before=day_start(before, zone),
        before_end=_same_moment(local, before, month, zone),
    )


def _same_moment(local: datetime, before: date, month: datetime, zone: ZoneInfo) -> datetime:
    """Return the quarter-hour nearest to the same day and time of the month before."""
    day = before + timedelta(days=local.day - 1)
    at = day_start(day, zone) + timedelta(hours=local.hour, minutes=local.minute)
    return min(from_ms(slot_start(to_ms(at + QUARTER / 2))), month)


def standings(devices: Sequence[Device], now: datetime, zone: ZoneInfo) -> dict[int, Standing]:
    """Return device id → where it stands, in a number of queries that does not grow with them."""
    at = moments(now, zone)
    edges = sorted({at.before, at.before_end, at.month, at.today, at.end})
    # What the month before used after that moment is of no interest: weeks of quarter-hours.
    unasked = {at.before_end} - {at.month}
    used = used_between(devices, edges, unasked=unasked) if len(edges) > 1 else {}
    begun = _beginnings(devices)

    def sum_of(device: Device, start: datetime, end: datetime) -> Energy:
        periods = zip(pairwise(edges), used.get(device.pk, ()), strict=False)
        return sum((one for (a, b), one in periods if start <= a and b <= end), NOTHING)

    found = {}
    for device in devices:
        first = begun.get(device.pk)
        is_comparable = first is not None and first < at.before + LATE_START
        found[device.pk] = Standing(
            sum_of(device, at.today, at.end),
            sum_of(device, at.month, at.end),
            sum_of(device, at.before, at.before_end) if is_comparable else None,
        )
    return found


def _beginnings(devices: Sequence[Device]) -> dict[int, datetime]:
    """Return device id → its first stored quarter-hour."""
    return first_slots([device.pk for device in devices])


@dataclass(frozen=True, slots=True)
class Extremes:
    """The least and the greatest of a value; both None where nothing was measured."""

    least: float | None
    greatest: float | None


def extremes(
    device: Device,
    start: datetime,
    end: datetime,
    tails: Tails | None = None,
) -> dict[str, Extremes]:
    """Return each measured value's extremes in the quarter-hours of a span."""
    least = {f"{name}_min": Min(f"{name}_min") for name in METRICS}
    greatest = {f"{name}_max": Max(f"{name}_max") for name in METRICS}
    stored = EnergySlot.objects.filter(device_id=device.pk, start__gte=start, start__lt=end)
    values = stored.aggregate(**least, **greatest)
    found = {name: [(values[f"{name}_min"], values[f"{name}_max"])] for name in METRICS}
    start_ms, end_ms = to_ms(start), to_ms(end)
    for folded in (tails or Tails([device])).by_device.values():
        for slot in folded.slots:
            if start_ms <= slot.start_ms < end_ms:
                for name, envelope in slot.envelopes.items():
                    found[name].append((envelope.least, envelope.greatest))
    return {name: _widest(pairs) for name, pairs in found.items()}


def _widest(pairs: Sequence[tuple[float | None, float | None]]) -> Extremes:
    least = [low for low, _ in pairs if low is not None]
    greatest = [high for _, high in pairs if high is not None]
    return Extremes(min(least, default=None), max(greatest, default=None))

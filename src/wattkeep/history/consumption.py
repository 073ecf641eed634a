"""Energy used per interval, from the stored counters."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from django.core.cache import cache

from wattkeep.domain.calendar import day_bounds, days_until, local_hours
from wattkeep.domain.counter import Sample, read_counter, spread
from wattkeep.domain.instants import to_ms
from wattkeep.monitoring.models import EnergyReading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from django.db.models import QuerySet

    from wattkeep.monitoring.models import Device

# Readings before and after a span that tell what its first and last ones mean.
CONTEXT = 6
FINISHED_DAY_KEPT_S = 60


def energy_used_kwh(device: Device, edges: Sequence[datetime]) -> list[float]:
    """Return the kWh used in each interval between neighbouring `edges` (aware, ascending)."""
    spans = read_counter(_samples(device, edges[0], edges[-1]), device.range_w)
    return [wh / 1000 for wh in spread(spans, [to_ms(edge) for edge in edges])]


def hours_of_today(device: Device, now: datetime) -> list[tuple[datetime, float]]:
    """Return (start, kWh) of each local hour of today that has begun."""
    hours = local_hours(now.astimezone(device.site.zone).date(), device.site.zone)
    begun = [hour for hour in hours if hour[0] <= now]
    edges = [start for start, _ in begun] + [begun[-1][1]]
    return list(zip(edges, energy_used_kwh(device, edges), strict=False))


def finished_days(device: Device, now: datetime, count: int) -> list[tuple[date, float]]:
    """Return (date, kWh) of the last `count` local days before today, oldest first."""
    yesterday = now.astimezone(device.site.zone).date() - timedelta(days=1)
    return [(day, _finished_day(device, day)) for day in days_until(yesterday, count)]


def _finished_day(device: Device, day: date) -> float:
    """Return a past day's kWh; late readings show within a minute."""
    key = f"day-kwh:{device.pk}:{device.site.time_zone}:{day}"
    used: float | None = cache.get(key)
    if used is None:
        used = energy_used_kwh(device, day_bounds(day, device.site.zone))[0]
        cache.set(key, used, FINISHED_DAY_KEPT_S)
    return used


def _samples(device: Device, start: datetime, end: datetime) -> Iterator[Sample]:
    readings = EnergyReading.objects.filter(device_id=device.pk)
    before = readings.filter(timestamp__lt=start).order_by("-timestamp")[:CONTEXT]
    inside = readings.filter(timestamp__gte=start, timestamp__lt=end).order_by("timestamp")
    after = readings.filter(timestamp__gte=end).order_by("timestamp")[:CONTEXT]
    for at, energy, power in chain(reversed(_rows(before)), _rows(inside), _rows(after)):
        yield Sample(to_ms(at), energy * 1000, power)


def _rows(readings: QuerySet[EnergyReading]) -> list[tuple[datetime, float, float]]:
    return list(readings.values_list("timestamp", "energy", "power"))

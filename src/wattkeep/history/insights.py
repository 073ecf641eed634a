"""Gathers what insights are made of: quarter-hours of weeks, months' peaks, readings of days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from django.db.models import Max, Q

from wattkeep.domain.calendar import By, day_bounds, day_start, days_until, periods
from wattkeep.domain.insights import (
    WEEKS,
    AlwaysOn,
    Day,
    Outlook,
    Quarter,
    TypicalDay,
    always_on,
    blind_floor_w,
    highest_quarters,
    month_outlook,
    split_days,
    typical_week,
)
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import SLOT_MS, slot_start
from wattkeep.domain.voltage import guess_nominal, voltage_quality
from wattkeep.history.consumption import used_between
from wattkeep.ledger.readings import readings_between
from wattkeep.monitoring.models import EnergySlot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from wattkeep.domain.voltage import Quality
    from wattkeep.monitoring.models import Device

PEAKS = 10
PEAK_MONTHS = 12
USUAL_V = 230.0
MWH_PER_WH = 1000


@dataclass(frozen=True)
class Insights:
    """What is to be learnt about a device's use, as of one instant."""

    days: Sequence[Day]
    floor: AlwaysOn | None
    blind_w: float
    outlook: Outlook | None
    used_wh: float
    week: Sequence[TypicalDay]
    peaks: Sequence[Quarter]
    # The first day of each month, and the highest mean of a quarter-hour in it.
    month_peaks: Sequence[tuple[date, float]]

    @property
    def complete_days(self) -> int:
        return sum(day.is_complete for day in self.days)


def gather_insights(device: Device, now: datetime) -> Insights:
    """Return what the last eight weeks and twelve months of a device tell."""
    zone = device.site.zone
    local = now.astimezone(zone)
    today = local.date()
    days = split_days(gather_quarters(device, today - timedelta(days=7 * WEEKS), today), zone)
    month = today.replace(day=1)
    month_end = (month + timedelta(days=31)).replace(day=1)
    used_wh = _used_wh(device, day_start(month, zone), now)
    return Insights(
        days,
        always_on(days),
        blind_floor_w(device.range_w, _usual_voltage(device, now)),
        month_outlook(used_wh, days, local, month_end),
        used_wh,
        typical_week(days),
        highest_quarters(days, PEAKS),
        _month_peaks(device, now),
    )


def gather_quarters(device: Device, first: date, until: date) -> list[Quarter]:
    """Return the known quarter-hours of local days, from `first` to before `until`.

    Energy is what every page shows, with estimates and corrections; power is measured.
    """
    zone = device.site.zone
    start, end = day_start(first, zone), day_start(until, zone)
    rows = EnergySlot.objects.filter(device=device, start__gte=start, start__lt=end)
    powers = dict(rows.order_by("start").values_list("start", "power_mean"))
    if not powers:
        return []
    known = sorted(powers)
    # Of a device that is three days old there is no need to ask for eight weeks.
    first_ms, last_ms = to_ms(known[0]), to_ms(known[-1])
    edges = [from_ms(at_ms) for at_ms in range(first_ms, last_ms + 2 * SLOT_MS, SLOT_MS)]
    used = used_between([device], edges)[device.pk]
    return [
        Quarter(at.astimezone(zone), energy.total_mwh / MWH_PER_WH, powers[at])
        for at, energy in zip(edges, used, strict=False)
        if at in powers
    ]


def _used_wh(device: Device, start: datetime, now: datetime) -> float:
    edges = [from_ms(slot_start(to_ms(start))), from_ms(-slot_start(-to_ms(now)))]
    if edges[0] >= edges[1]:
        return 0.0
    [used] = used_between([device], edges)[device.pk]
    return used.total_mwh / MWH_PER_WH


def _usual_voltage(device: Device, now: datetime) -> float:
    rows = EnergySlot.objects.filter(device=device, start__gte=now - timedelta(days=WEEKS * 7))
    newest = rows.exclude(voltage_mean=None).order_by("-start")
    found: float | None = newest.values_list("voltage_mean", flat=True).first()
    return USUAL_V if found is None else found


def _month_peaks(device: Device, now: datetime) -> list[tuple[date, float]]:
    """Return each of the last months with its highest quarter-hour, oldest first."""
    zone = device.site.zone
    start = now - timedelta(days=30 * (PEAK_MONTHS - 1))
    edges = periods(By.MONTH, start, now, zone)
    wanted = {
        f"month_{number}": Max("power_mean", filter=Q(start__gte=first, start__lt=end))
        for number, (first, end) in enumerate(pairwise(edges))
    }
    rows = EnergySlot.objects.filter(device=device, start__gte=edges[0], samples__gt=0)
    found = rows.aggregate(**wanted)
    return [
        (first.astimezone(zone).date(), peak)
        for first, peak in zip(edges, found.values(), strict=False)
        if peak is not None
    ]


# -- voltage --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VoltageReport:
    """The mains over some days: all together, and day by day."""

    start: datetime
    end: datetime
    whole: Quality
    days: Sequence[tuple[date, Quality]]


def voltage_report(
    device: Device, last: date, count: int, nominal_v: int | None = None
) -> VoltageReport | None:
    """Return the quality of the voltage over local days, from single readings.

    Without `nominal_v` it is told from the readings. None where there are no readings.

    Raises:
        BlockError: a sealed day cannot be read.
    """
    zone = device.site.zone
    wanted = days_until(last, count)
    start, end = day_start(wanted[0], zone), day_bounds(last, zone)[1]
    columns = readings_between(device.pk, to_ms(start), to_ms(end), ("voltage", "frequency"))
    nominal_v = nominal_v or guess_nominal(columns["voltage"])
    if nominal_v is None:
        return None
    interval_s = device.interval_s

    def quality(first: int, stop: int) -> Quality:
        part = columns.slice(first, stop)
        return voltage_quality(
            part.timestamps, part["voltage"], part["frequency"], nominal_v, interval_s
        )

    edges = [to_ms(day_start(day, zone)) for day in wanted] + [to_ms(end)]
    cuts = np.searchsorted(columns.timestamps, edges).tolist()
    days = [
        (day, quality(first, stop))
        for day, (first, stop) in zip(wanted, pairwise(cuts), strict=True)
        if first < stop
    ]
    return VoltageReport(start, end, quality(0, len(columns)), days)

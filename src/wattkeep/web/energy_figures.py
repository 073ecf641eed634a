"""What the energy page was asked for, and the figures it shows of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from wattkeep.api.access import devices_of
from wattkeep.domain.calendar import By
from wattkeep.history.consumption import consumption, used_between
from wattkeep.history.quarters import NOTHING
from wattkeep.history.reach import annotate, reach_of
from wattkeep.history.stacks import Part, Stack, stack
from wattkeep.history.trees import site_totals
from wattkeep.web.periods import (
    FIRST_YEAR,
    LAST_YEAR,
    Kind,
    Period,
    all_months,
    any_days,
    bars_of,
    before,
    period_of,
    usual_bars,
    year_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from django.http import HttpRequest

    from wattkeep.domain.corrections import Energy
    from wattkeep.history.consumption import Consumption
    from wattkeep.monitoring.models import Device, Site

QUARTER = timedelta(minutes=15)
# As many as there are colours that everybody can tell apart.
MOST_PARTS = 6
COMPARISONS = {"before": before, "year": year_before}


@dataclass(frozen=True)
class Scope:
    """Whose energy is shown: one device's, or that of all a site's together."""

    site: Site
    devices: Sequence[Device]
    device: Device | None

    @property
    def name(self) -> str:
        return self.device.name if self.device else self.site.name

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return how an address says it."""
        if self.device:
            return [("device", str(self.device.pk))]
        return [("site", str(self.site.pk))]

    @cached_property
    def reporting(self) -> Sequence[Device]:
        """Return the devices that have ever sent anything; all of them where none has."""
        return [device for device in self.devices if _first(device)] or self.devices

    @cached_property
    def known(self) -> tuple[datetime, datetime] | None:
        """Return from when to when anything is known; None while nothing has arrived."""
        firsts = [_first(device) for device in self.devices]
        lasts = [_last(device) for device in self.devices]
        starts, ends = [one for one in firsts if one], [one for one in lasts if one]
        return (min(starts), max(ends)) if starts and ends else None

    def totals(self, used: Mapping[int, Sequence[Energy]], count: int) -> list[Energy]:
        """Return what all devices used together, period by period, nothing twice."""
        if self.device:
            return list(used[self.device.pk])
        return site_totals(self.devices, used) or [NOTHING] * count


@dataclass(frozen=True)
class Shown:
    """What an address asks to see; what it does not say is the usual."""

    scope: Scope
    period: Period
    by: By
    compare: str
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return self.scope.site.zone

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def address(self, **changes: Any) -> str:
        """Return the query that shows the same, but for what is changed."""
        shown = replace(self, **changes)
        period = shown.period
        pairs = [*shown.scope.pairs, ("span", period.kind.value)]
        if period.kind is Kind.DAYS:
            pairs += [("from", period.first.isoformat()), ("to", period.last.isoformat())]
        elif period.kind is not Kind.ALL:
            pairs.append(("date", period.first.isoformat()))
        if shown.by != usual_bars(period) and shown.by in bars_of(period):
            pairs.append(("by", shown.by.value))
        if shown.compare:
            pairs.append(("compare", shown.compare))
        return urlencode(pairs)


def owned_devices(request: HttpRequest) -> list[Device]:
    """Return one's devices, each with its first and last quarter-hour and its newest reading."""
    owned = list(devices_of(request).order_by("name", "id"))
    annotate(owned, reach_of([device.pk for device in owned]))
    return owned


def _first(device: Device) -> datetime | None:
    known = [getattr(device, "first_slot", None), getattr(device, "first_row", None)]
    return min((one for one in known if one), default=None)


def _last(device: Device) -> datetime | None:
    last_slot = getattr(device, "last_slot", None)
    known = [last_slot + QUARTER if last_slot else None, getattr(device, "last_row", None)]
    return max((one for one in known if one), default=None)


def read_shown(request: HttpRequest, owned: Sequence[Device], now: datetime) -> Shown:
    """Read the address; what makes no sense is as if it were not there."""
    asked = request.GET
    scope = read_scope(asked, owned)
    today = now.astimezone(scope.site.zone).date()
    period = _read_period(asked, scope, today)
    wanted = [by for by in bars_of(period) if by.value == asked.get("by")]
    compare = asked.get("compare", "")
    if compare == "year" and period.kind is Kind.YEAR:
        compare = "before"
    return Shown(
        scope,
        period,
        wanted[0] if wanted else usual_bars(period),
        compare if compare in COMPARISONS else "",
        now,
    )


def read_scope(asked: Mapping[str, str], owned: Sequence[Device]) -> Scope:
    """Return the device asked for, else the site asked for, else one's first site."""
    chosen = [device for device in owned if str(device.pk) == asked.get("device")]
    if chosen:
        return Scope(chosen[0].site, chosen, chosen[0])
    sites = sorted({device.site_id: device.site for device in owned}.items())
    site = next((site for key, site in sites if str(key) == asked.get("site")), sites[0][1])
    return site_scope(site, owned)


def site_scope(site: Site, owned: Sequence[Device]) -> Scope:
    """Return all of a site; where it has one device, that is the device."""
    devices = [device for device in owned if device.site_id == site.pk]
    return Scope(site, devices, devices[0] if len(devices) == 1 else None)


def _read_period(asked: Mapping[str, str], scope: Scope, today: date) -> Period:
    kind = asked.get("span", "")
    if kind == Kind.ALL:
        known = scope.known
        first = known[0].astimezone(scope.site.zone).date() if known else today
        return all_months(max(first, date(FIRST_YEAR, 1, 1)), today)
    if kind == Kind.DAYS:
        begin, end = (_read_date(asked.get(name, "")) for name in ("from", "to"))
        if begin and end:
            return any_days(begin, end)
    day = _read_date(asked.get("date", "")) or today
    usual = kind in set(Kind) and kind != Kind.DAYS
    return period_of(Kind(kind) if usual else Kind.MONTH, day)


def _read_date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


@dataclass(frozen=True)
class Compared:
    """Another period's figures beside these.

    `total` reaches as far into it as now is into the period shown, if that is not over.
    `since` is when its readings begin, where that is after its start; None without any.
    """

    period: Period
    bars: Sequence[Energy | None]
    total: Energy
    is_so_far: bool
    since: datetime | None


@dataclass(frozen=True)
class Figures:
    """The bars of a period: of each what was used, all together and part by part.

    `totals` has None where nothing can be known: before the first and after the last reading.
    """

    edges: Sequence[datetime]
    totals: Sequence[Energy | None]
    stack: Stack
    events: Sequence[tuple[str, ...]]
    compared: Compared | None

    @property
    def total(self) -> Energy:
        return sum((one for one in self.totals if one), NOTHING)


def gather_figures(shown: Shown) -> Figures:
    """Return the figures of what is shown."""
    scope, zone = shown.scope, shown.zone
    found = consumption(scope.devices, *shown.period.bounds(zone), shown.by, zone)
    totals = scope.totals(found.by_device, len(found.edges) - 1)
    if scope.device:
        parts = Stack([Part(scope.device, totals)], [0] * len(totals))
    else:
        # Who has never reported takes no part: these need not be put together because of them.
        most = len(scope.devices) if len(scope.reporting) <= MOST_PARTS else MOST_PARTS
        parts = _without_silent(stack(scope.devices, found.by_device, most))
    compared = _compare(shown, found) if shown.compare else None
    return Figures(found.edges, _known(scope, found, totals), parts, found.events, compared)


def _without_silent(whole: Stack) -> Stack:
    """Leave out devices that have never reported: their part is not nothing but unknown."""
    parts = [part for part in whole.parts if part.device is None or _first(part.device)]
    return Stack(parts or whole.parts[:1], whole.excess_mwh)


def _known(scope: Scope, found: Consumption, totals: Sequence[Energy]) -> list[Energy | None]:
    known = scope.known
    return [
        total if total != NOTHING or (known and start <= known[1] and end > known[0]) else None
        for start, end, total in zip(found.edges, found.edges[1:], totals, strict=False)
    ]


def _compare(shown: Shown, found: Consumption) -> Compared | None:
    other = COMPARISONS[shown.compare](shown.period)
    if other is None:
        return None
    scope, zone = shown.scope, shown.zone
    start, end = other.bounds(zone)
    beside = consumption(scope.devices, start, end, shown.by, zone)
    bars = scope.totals(beside.by_device, len(beside.edges) - 1)
    shown_bars = _known(scope, beside, bars)
    by_place = dict(zip(_places(other, shown.by, beside.edges, zone), shown_bars, strict=True))
    places = _places(shown.period, shown.by, found.edges, zone)
    is_so_far = found.edges[0] < shown.now < found.edges[-1]
    until = _same_point(shown, other) if is_so_far else end
    total = sum(bars, NOTHING)
    if start < until < end:
        [total] = scope.totals(used_between(scope.devices, [start, until]), 1)
    known = scope.known
    since = max(known[0], start) if known and known[0] < until and known[1] > start else None
    return Compared(other, [by_place.get(place) for place in places], total, is_so_far, since)


def _places(
    period: Period, by: By, edges: Sequence[datetime], zone: ZoneInfo
) -> list[tuple[Any, ...]]:
    """Return what bars of two periods are matched by: the same day and time, else their number."""
    if by not in {By.QUARTER, By.HOUR}:
        return [(number,) for number in range(len(edges) - 1)]
    local = [edge.astimezone(zone) for edge in edges[:-1]]
    return [((one.date() - period.first).days, one.time(), one.fold) for one in local]


def _same_point(shown: Shown, other: Period) -> datetime:
    """Return the instant that is as far into another period as now is into the one shown."""
    local = shown.now.astimezone(shown.zone).replace(tzinfo=None)
    into = local - datetime.combine(shown.period.first, datetime.min.time())
    moved = datetime.combine(other.first, datetime.min.time()) + into
    end = other.bounds(shown.zone)[1]
    instant = moved.replace(tzinfo=shown.zone).astimezone(end.tzinfo)
    quarter_s = QUARTER.total_seconds()
    return min(
        end, datetime.fromtimestamp(instant.timestamp() // quarter_s * quarter_s, tz=end.tzinfo)
    )

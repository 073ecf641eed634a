"""What a weekly or monthly report holds: consumption, incidents and how much was measured."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext as _

from wattkeep.alerts.notify_text import place_of, title_of
from wattkeep.alerts.reports_figures import coverage, used_kwh
from wattkeep.alerts.wording import duration
from wattkeep.domain.calendar import day_start
from wattkeep.monitoring.models import Alert, Device, ReportSchedule
from wattkeep.monitoring.wording import date_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from wattkeep.monitoring.models import Site

WEEK, MONTH = ReportSchedule.Period.WEEK, ReportSchedule.Period.MONTH
INCIDENTS_LISTED = 8
# Below this a change in per cent says nothing.
LEAST_COMPARED_KWH = 0.05
# A share of the readings below this is worth a word.
GOOD_COVERAGE = 0.98


@dataclass(frozen=True, slots=True)
class Span:
    """A week or month by the calendar: its first day, and the first day after it."""

    period: str
    start: date
    end: date

    @property
    def title(self) -> str:
        if self.period == MONTH:
            return date_text(self.start, "F Y")
        last = self.end - timedelta(days=1)
        first = date_text(self.start, "j" if self.start.month == last.month else "j F")
        return _("Week %(week)s, %(first)s to %(last)s") % {
            "week": self.start.isocalendar().week,
            "first": first,
            "last": date_text(last, "j F Y"),
        }

    @property
    def before(self) -> Span:
        return span_before(self.period, self.start)

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days)]


@dataclass(frozen=True, slots=True)
class Use:
    """What was used in a span and in the one before."""

    name: str
    kwh: float
    before_kwh: float
    # Share of the largest one beside it, for a bar.
    share: float = 0.0
    coverage: float | None = None

    @property
    def change(self) -> float | None:
        """Return the change as a share of before; None where there is nothing to compare with."""
        if self.before_kwh < LEAST_COMPARED_KWH:
            return None
        return self.kwh / self.before_kwh - 1

    @property
    def is_patchy(self) -> bool:
        return self.coverage is not None and self.coverage < GOOD_COVERAGE


@dataclass(frozen=True, slots=True)
class Recurring:
    """The incidents of one rule and place."""

    title: str
    place: str
    count: int
    lasted: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a span beside the same one of the span before."""

    day: date
    kwh: float
    before_kwh: float


@dataclass(frozen=True, slots=True)
class SiteReport:
    """One site's part."""

    name: str
    total: Use
    devices: tuple[Use, ...]
    days: tuple[Day, ...]
    incidents: tuple[Recurring, ...]
    incident_count: int
    incident_count_before: int
    unlisted: int


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    span: Span
    sites: tuple[SiteReport, ...]


def span_of(period: str, day: date) -> Span:
    """Return the week or month that a day is in."""
    if period == MONTH:
        start = day.replace(day=1)
        return Span(period, start, (start + timedelta(days=31)).replace(day=1))
    start = day - timedelta(days=day.weekday())
    return Span(period, start, start + timedelta(days=7))


def span_before(period: str, day: date) -> Span:
    """Return the last week or month that was over on a day."""
    return span_of(period, span_of(period, day).start - timedelta(days=1))


def build_report(sites: Iterable[Site], span: Span, now: datetime) -> Report:
    """Return the report of sites over a span; a span under way is compared with its whole."""
    return Report(span, tuple(_site_report(site, span, now) for site in sites))


def _site_report(site: Site, span: Span, now: datetime) -> SiteReport:
    devices = list(Device.objects.filter(site=site).select_related("site"))
    days = [*span.before.days, *span.days]
    edges = [day_start(day, site.zone) for day in [*days, span.end]]
    count = len(span.before.days)
    used = used_kwh(devices, edges)
    shares = coverage(devices, edges[count], min(edges[-1], now))
    uses = [
        (
            device,
            Use(
                device.name,
                sum(used[device.pk][count:]),
                sum(used[device.pk][:count]),
                coverage=shares.get(device.pk),
            ),
        )
        for device in devices
    ]
    # What sits behind another meter is in that one's figure.
    outer = [device.pk for device, _ in uses if device.parent_id is None]
    daily = [sum(used[pk][index] for pk in outer) for index in range(len(days))]
    began, ended = edges[count], edges[-1]
    alerts = _alerts(site, began, ended)
    recurring = _recurring(alerts, began, min(ended, now))
    return SiteReport(
        name=site.name,
        total=Use(site.name, sum(daily[count:]), sum(daily[:count])),
        devices=_ranked([use for _, use in uses]),
        days=_beside(span, daily[:count], daily[count:]),
        incidents=tuple(recurring[:INCIDENTS_LISTED]),
        incident_count=len(alerts),
        incident_count_before=len(_alerts(site, edges[0], began)),
        unlisted=max(len(recurring) - INCIDENTS_LISTED, 0),
    )


def _ranked(uses: Sequence[Use]) -> tuple[Use, ...]:
    """Return the uses, most first, with their shares of the largest."""
    largest = max((use.kwh for use in uses), default=0) or 1
    ranked = sorted(uses, key=lambda use: -use.kwh)
    return tuple(
        Use(use.name, use.kwh, use.before_kwh, max(use.kwh, 0) / largest, use.coverage)
        for use in ranked
    )


def _beside(span: Span, before: Sequence[float], now: Sequence[float]) -> tuple[Day, ...]:
    """Return each day beside the day with the same number of the span before."""
    padded = [*before, *[0.0] * (len(now) - len(before))]
    return tuple(
        Day(day, used, earlier) for day, used, earlier in zip(span.days, now, padded, strict=False)
    )


def _alerts(site: Site, start: datetime, end: datetime) -> list[Alert]:
    own = Q(device__site=site) | Q(site=site)
    begun = Alert.objects.filter(own, created_at__gte=start, created_at__lt=end)
    return list(begun.select_related("device__site", "site", "rule"))


def _recurring(alerts: Iterable[Alert], start: datetime, end: datetime) -> list[Recurring]:
    lasted: dict[tuple[str, str], list[float]] = defaultdict(list)
    for alert in alerts:
        until = min(alert.resolved_at or end, end)
        seconds = max((until - max(alert.created_at, start)).total_seconds(), 0)
        lasted[title_of(alert), place_of(alert)].append(seconds)
    ranked = sorted(lasted.items(), key=lambda item: (-len(item[1]), -sum(item[1])))
    return [
        Recurring(title, place, len(seconds), duration(sum(seconds)))
        for (title, place), seconds in ranked
    ]

"""How the energy page names periods, bars, amounts and corrections."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.domain.calendar import By
from wattkeep.history.consumption import to_kwh
from wattkeep.monitoring.wording import date_text, exact_text
from wattkeep.web.periods import Kind
from wattkeep.web.wording import NO_VALUE, offset_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from wattkeep.domain.corrections import Energy
    from wattkeep.monitoring.models import Site
    from wattkeep.web.periods import Period

BY_WORDS = {
    By.QUARTER: lazy("15 min"),
    By.HOUR: lazy("Hour"),
    By.DAY: lazy("Day"),
    By.WEEK: lazy("Week"),
    By.MONTH: lazy("Month"),
    By.YEAR: lazy("Year"),
}
BARS_WORDS = {
    By.QUARTER: lazy("quarter-hours"),
    By.HOUR: lazy("hours"),
    By.DAY: lazy("days"),
    By.WEEK: lazy("weeks"),
    By.MONTH: lazy("months"),
    By.YEAR: lazy("years"),
}
KIND_WORDS = {
    Kind.DAY: lazy("Day"),
    Kind.WEEK: lazy("Week"),
    Kind.MONTH: lazy("Month"),
    Kind.YEAR: lazy("Year"),
    Kind.ALL: lazy("All"),
}
# "Today", "this week", … and what lies before it.
PRESENT = {Kind.DAY: lazy("Today"), Kind.WEEK: lazy("This week"), Kind.MONTH: lazy("This month"),
           Kind.YEAR: lazy("This year")}  # fmt: skip
MWH_PER_KWH = Decimal(1_000_000)
# From here on the watt-hours are noise in a headline.
LARGE_KWH = 100


class BarWords(NamedTuple):
    """A bar's full name, its few letters at the axis, and how a span that it begins or ends reads.

    `axis` is empty where the axis would be too crowded.
    """

    label: str
    axis: str
    since: str
    until: str


def period_title(period: Period) -> str:
    """Return a period's name, e.g. "November 2026"."""
    first, last = period.first, period.last
    if period.kind is Kind.DAY:
        return date_text(first, "D j M Y")
    if period.kind is Kind.MONTH:
        return date_text(first, "F Y")
    if period.kind is Kind.YEAR:
        return f"{first.year}"
    if period.kind is Kind.ALL:
        return f"{date_text(first, 'M Y')} – {date_text(last, 'M Y')}"
    return dates_text(first, last)


def dates_text(first: date, last: date) -> str:
    """Return days from one date to another, nothing said twice."""
    if first == last:
        return date_text(first, "j M Y")
    if (first.year, first.month) == (last.year, last.month):
        return f"{date_text(first, 'j')} – {date_text(last, 'j M Y')}"
    if first.year == last.year:
        return f"{date_text(first, 'j M')} – {date_text(last, 'j M Y')}"
    return f"{date_text(first, 'j M Y')} – {date_text(last, 'j M Y')}"


def bar_words(
    by: By, edges: Sequence[datetime], zone: ZoneInfo, period: Period | None = None
) -> list[BarWords]:
    """Return the names of the bars between neighbouring edges.

    `period` is what the page's title names already, so that it is not said again.
    """
    spans = [(start.astimezone(zone), end.astimezone(zone)) for start, end in pairwise(edges)]
    name = _clock_words if by in {By.QUARTER, By.HOUR} else _date_words
    return [name(by, start, end, period) for start, end in spans]


def _clock_words(by: By, start: datetime, end: datetime, period: Period | None) -> BarWords:
    since, until = clock_text(start), clock_text(end)
    day = _day_text(start)
    axis = f"{start:%H:%M}" if by is By.QUARTER else f"{start.hour}"
    if period is not None and period.days == 1:
        return BarWords(f"{since} – {until}", axis, since, until)
    # At midnight the day's name, every six hours nothing but a place to count by.
    axis = date_text(start, "D j") if not (start.hour or start.minute) else ""
    # The evening's last hour ends on its own day.
    last = _day_text(end - timedelta(microseconds=1))
    return BarWords(f"{day}, {since} – {until}", axis, f"{day}, {since}", f"{last}, {until}")


def _date_words(by: By, start: datetime, end: datetime, period: Period | None) -> BarWords:
    first, last = (
        start.date(),
        (end.astimezone(UTC) - timedelta(seconds=1)).astimezone(start.tzinfo).date(),
    )
    if by is By.YEAR:
        return BarWords(f"{first.year}", f"{first.year}", f"{first.year}", f"{first.year}")
    if by is By.MONTH:
        label = date_text(first, "F Y")
        is_new_year = first.month == 1 and period is not None and period.kind is not Kind.YEAR
        return BarWords(label, date_text(first, "Y" if is_new_year else "M"), label, label)
    if by is By.WEEK:
        label = dates_text(first, last)
        return BarWords(
            label,
            date_text(first, "j M"),
            date_text(first, "j M Y"),
            date_text(last, "j M Y"),
        )
    label = _day_text(first)
    if period is None or period.kind in {Kind.DAYS, Kind.ALL}:
        label += f" {first.year}"
    return BarWords(label, _day_axis(first, period), label, label)


def _day_axis(day: date, period: Period | None) -> str:
    if period is not None and period.kind is Kind.WEEK:
        return date_text(day, "D j")
    if period is not None and period.days > 62:  # noqa: PLR2004 - two months: days' numbers repeat
        return date_text(day, "M") if day.day == 1 else ""
    return f"{day.day}"


def _day_text(day: date) -> str:
    return date_text(day, "D j M")


def clock_text(local: datetime) -> str:
    """Return what the wall clock shows; with the offset in the hour that comes twice."""
    words = f"{local:%H:%M}"
    if local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset():
        words += f" {offset_text(local)}"
    return words


def instant_text(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant to the minute, e.g. "19 Nov 2026, 14:00"."""
    local = instant.astimezone(zone)
    return f"{date_text(local, 'j M Y')}, {clock_text(local)}"


def span_text(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return from when to when, whole days as days."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if not (first.hour or first.minute or last.hour or last.minute):
        final = (end - timedelta(minutes=1)).astimezone(zone).date()
        weekday = f"{date_text(first, 'D')} " if first.date() == final else ""
        return f"{weekday}{dates_text(first.date(), final)}"
    if first.date() == last.date() or (last.date() - first.date() == timedelta(days=1)
                                       and not (last.hour or last.minute)):  # fmt: skip
        day = date_text(first, "D j M Y")
        return f"{day}, {clock_text(first)} – {clock_text(last)}"
    return f"{instant_text(start, zone)} – {instant_text(end, zone)}"


def cost_text(mwh: int, site: Site) -> str:
    """Return what energy costs at the site's price per kWh; nothing where no price is set."""
    if site.price_per_kwh is None:
        return ""
    return f"{exact_text(mwh / MWH_PER_KWH * site.price_per_kwh, 2)} {site.currency}"


def difference_text(mwh: int, than_mwh: int) -> str:
    """Return how an amount compares to another: "12 % more"."""
    if not than_mwh:
        return ""
    percent = round(100 * (mwh - than_mwh) / than_mwh)
    return percent_text(percent) if percent else _("as much")


def kwh_text(energy: Energy | None) -> str:
    """Return an amount as every table, sign and sentence of the page writes it."""
    return NO_VALUE if energy is None else exact_text(to_kwh(energy.total_mwh), 3)


def headline_text(energy: Energy) -> str:
    """Return an amount as it stands in large letters; the table below has all its digits."""
    kwh = to_kwh(energy.total_mwh)
    return exact_text(kwh, 1 if kwh >= LARGE_KWH else 3)


def kwh_text_of(mwh: int) -> str:
    """Return an amount, nothing for none."""
    return exact_text(to_kwh(mwh), 3) if mwh else ""


def correction_row(one: Any, zone: Any) -> dict[str, Any]:
    """Return a correction in words."""
    kwh = None if one.energy_wh is None else exact_text(one.energy_wh / 1000, 3)
    return {
        "row": one,
        "device": one.device,
        "what": _("Left out") if kwh is None else _("Set to %(kwh)s kWh") % {"kwh": kwh},
        "span": span_text(one.start, one.end, zone),
        "author": one.author.get_username() if one.author else _("somebody who is gone"),
    }

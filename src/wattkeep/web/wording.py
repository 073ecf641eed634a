"""How the page writes numbers and times; `frontend/src/format.js` does the same in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import gettext_noop as noop

from wattkeep.monitoring.wording import date_text, exact_text

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from django_stubs_ext import StrOrPromise

NO_VALUE = "–"
# From here on a tenth of a watt is noise next to the number's own width.
WHOLE_FROM = 1000
JUST_NOW_S = 2
STATES = {
    "online": lazy("Online"),
    "silent": lazy("Meter silent"),
    "offline": lazy("Offline"),
    "never": lazy("Nothing received yet"),
}
UNITS = ((86_400, "day"), (3_600, "h"), (60, "min"))
AGO = (
    (86_400, noop("%(count)s day ago"), noop("%(count)s days ago")),
    (3_600, noop("%(count)s h ago"), noop("%(count)s h ago")),
    (60, noop("%(count)s min ago"), noop("%(count)s min ago")),
)
SECONDS = noop("%(count)s s ago")
NO_COMPARISON, MORE, AS_MUCH = noop("no comparison yet"), noop("more"), noop("as much")
PERCENT_MORE, PERCENT_LESS = noop("%(count)s %% more"), noop("%(count)s %% less")
THAN_BY, AS_BY = noop("than by %(day)s"), noop("as by %(day)s")


@dataclass(frozen=True, slots=True)
class Tile:
    """One live value: its name in the API, its words, its unit and its decimals."""

    key: str
    label: StrOrPromise
    unit: str
    decimals: int


POWER = Tile("power", lazy("Power now"), "W", 1)
TILES = (
    Tile("voltage", lazy("Voltage"), "V", 1),
    Tile("current", lazy("Current"), "A", 2),
    Tile("power_factor", lazy("Power factor"), "", 2),
    Tile("frequency", lazy("Frequency"), "Hz", 1),
    Tile("energy", lazy("Meter total"), "kWh", 2),
)


def number_text(value: float | None, decimals: int) -> str:
    """Return a number for people: thousands apart, fewer decimals when it is large."""
    if value is None:
        return NO_VALUE
    if abs(value) >= WHOLE_FROM:
        decimals = min(decimals, 0 if decimals <= 1 else 1)
    return exact_text(value, decimals)


def size_text(count: float) -> str:
    """Return a number of bytes in the unit that fits."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{number_text(count / size, 1)} {unit}"
    return f"{number_text(count, 0)} B"


def ago_text(past: timedelta) -> str:
    """Return how long ago something was, in the largest whole unit."""
    seconds = int(past.total_seconds())
    if seconds < JUST_NOW_S:
        return _("just now")
    for unit_s, one, several in AGO:
        if seconds >= unit_s:
            count = seconds // unit_s
            return _(one if count == 1 else several) % {"count": count}
    return _(SECONDS) % {"count": seconds}


def change_text(used: float, before: float | None) -> str:
    """Return how much more or less than before something is, e.g. "12 % less"."""
    if before is None:
        return _(NO_COMPARISON)
    if not before:
        return _(MORE) if used else _(AS_MUCH)
    per_cent = floor((used / before - 1) * 100 + 0.5)
    if not per_cent:
        return _(AS_MUCH)
    return percent_text(per_cent)


def percent_text(per_cent: int) -> str:
    """Return a change that is not nothing in words, e.g. "12 % less"."""
    count = exact_text(abs(per_cent), 0)
    return _(PERCENT_MORE if per_cent > 0 else PERCENT_LESS) % {"count": count}


def than_text(change: str, day: str) -> str:
    """Return what a change is against, to be said after it: "than by 23 Nov"."""
    return _(AS_BY if change == _(AS_MUCH) else THAN_BY) % {"day": day}


def labelled_hours(rows: list[dict[str, Any]], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the API's hours with the wall clock's words for each.

    When the clock goes back an hour comes twice; then the offset tells the two apart.
    """
    starts = [datetime.fromisoformat(row["start"]).astimezone(zone) for row in rows]
    words = [f"{start:%H:%M}" for start in starts]
    labels = [
        f"{word} {offset_text(start)}" if words.count(word) > 1 else word
        for word, start in zip(words, starts, strict=True)
    ]
    return [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]


def offset_text(local: datetime) -> str:
    """Return how far a clock is from UTC, e.g. "GMT+1"."""
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    if not minutes:
        return "GMT"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"


def labelled_days(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the API's days with the words for each, e.g. "Tue 17 Nov"."""
    days = [datetime.fromisoformat(row["date"]) for row in rows]
    return [{**row, "label": date_text(day, "D j M")} for row, day in zip(rows, days, strict=True)]

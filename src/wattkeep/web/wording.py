"""How the page writes numbers and times; `frontend/src/format.js` does the same in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

NO_VALUE = "–"
# From here on a tenth of a watt is noise next to the number's own width.
WHOLE_FROM = 1000
JUST_NOW_S = 2
UNITS = ((86_400, "day"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Tile:
    """One live value: its name in the API, its words, its unit and its decimals."""

    key: str
    label: str
    unit: str
    decimals: int


POWER = Tile("power", "Power now", "W", 1)
TILES = (
    Tile("voltage", "Voltage", "V", 1),
    Tile("current", "Current", "A", 2),
    Tile("power_factor", "Power factor", "", 2),
    Tile("frequency", "Frequency", "Hz", 1),
    Tile("energy", "Meter total", "kWh", 2),
)


def number_text(value: float | None, decimals: int) -> str:
    """Return a number for people: thousands apart, fewer decimals when it is large."""
    if value is None:
        return NO_VALUE
    if abs(value) >= WHOLE_FROM:
        decimals = min(decimals, 0 if decimals <= 1 else 1)
    return f"{value:,.{decimals}f}"


def ago_text(past: timedelta) -> str:
    """Return how long ago something was, in the largest whole unit."""
    seconds = int(past.total_seconds())
    if seconds < JUST_NOW_S:
        return "just now"
    for unit_s, name in UNITS:
        if seconds >= unit_s:
            count = seconds // unit_s
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''} ago"
    return f"{seconds} s ago"


def labelled_hours(rows: list[dict[str, Any]], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the API's hours with the wall clock's words for each.

    When the clock goes back an hour comes twice; then the offset tells the two apart.
    """
    starts = [datetime.fromisoformat(row["start"]).astimezone(zone) for row in rows]
    words = [f"{start:%H:%M}" for start in starts]
    labels = [
        f"{word} {_offset(start)}" if words.count(word) > 1 else word
        for word, start in zip(words, starts, strict=True)
    ]
    return [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]


def _offset(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    if not minutes:
        return "GMT"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"


def labelled_days(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the API's days with the words for each, e.g. "Tue 17 Nov"."""
    days = [datetime.fromisoformat(row["date"]) for row in rows]
    return [
        {**row, "label": f"{day:%a} {day.day} {day:%b}"}
        for row, day in zip(rows, days, strict=True)
    ]

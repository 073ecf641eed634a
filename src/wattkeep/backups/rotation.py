"""Which backups are kept: the newest of each of the last days, weeks and months."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

SUFFIX = ".wattkeep"
NAME = re.compile(rf"wattkeep-(\d{{4}}-\d\d-\d\dT\d{{6}}Z){re.escape(SUFFIX)}")


@dataclass(frozen=True, slots=True)
class Keep:
    """How many days, weeks and months have a backup each."""

    days: int = 7
    weeks: int = 4
    months: int = 12

    @classmethod
    def parse(cls, text: str) -> Keep:
        """Read e.g. "7d 4w 12m".

        Raises:
            ValueError: anything else, or nothing would be kept.
        """
        counts = {"d": 0, "w": 0, "m": 0}
        for part in text.replace(",", " ").split():
            if not (match := re.fullmatch(r"(\d{1,4})([dwm])", part)):
                raise ValueError(f"{text!r}: write how many to keep, e.g. 7d 4w 12m.")
            counts[match[2]] = int(match[1])
        if not any(counts.values()):
            raise ValueError(f"{text!r} would keep no backup at all.")
        return cls(counts["d"], counts["w"], counts["m"])


def file_name(at: datetime) -> str:
    """Return the name of a backup taken at an instant."""
    return f"wattkeep-{at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}{SUFFIX}"


def taken_at(path: Path) -> datetime | None:
    """Return when a backup was taken, by its name; None for any other file."""
    match = NAME.fullmatch(path.name)
    return match and datetime.strptime(match[1], "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)


def newest(folder: Path) -> datetime | None:
    """Return when the newest backup in a folder was taken."""
    return max((at for path in _files(folder) if (at := taken_at(path))), default=None)


def to_drop(instants: Iterable[datetime], keep: Keep) -> set[datetime]:
    """Return those backups that no rule keeps; never the newest one."""
    ordered = sorted(instants, reverse=True)
    kept = {ordered[0]} if ordered else set()
    periods: tuple[tuple[int, Callable[[datetime], object]], ...] = (
        (keep.days, datetime.date),
        (keep.weeks, lambda at: at.isocalendar()[:2]),
        (keep.months, lambda at: (at.year, at.month)),
    )
    for count, period in periods:
        seen: list[object] = []
        for at in ordered:
            if period(at) not in seen:
                seen.append(period(at))
                if len(seen) <= count:
                    kept.add(at)
    return set(ordered) - kept


def drop_old(folder: Path, keep: Keep) -> list[Path]:
    """Delete the backups that no rule keeps and return them; other files are left alone."""
    by_instant = {at: path for path in _files(folder) if (at := taken_at(path))}
    dropped = [by_instant[at] for at in sorted(to_drop(by_instant, keep))]
    for path in dropped:
        path.unlink(missing_ok=True)
    return dropped


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"wattkeep-*{SUFFIX}")) if folder.is_dir() else []

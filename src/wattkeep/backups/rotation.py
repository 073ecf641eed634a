"""Which backups are kept: the newest of each of the last days, weeks and months."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

SUFFIX = ".wattkeep"
NAME = re.compile(rf"wattkeep-([0-9a-f]{{8}})-(\d{{4}}-\d\d-\d\dT\d{{6}}Z){re.escape(SUFFIX)}")


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


def owner_mark(secret_key: str) -> str:
    """Return the mark that an installation's backups bear in their names: 8 hex digits.

    Made from its secret key, which cannot be found from it, so that two installations can use one
    folder and neither drops the other's backups.
    """
    return hmac.digest(secret_key.encode(), b"wattkeep.backups", "sha256").hex()[:8]


def file_name(at: datetime, mark: str) -> str:
    """Return the name of a backup taken at an instant, of the installation with that mark."""
    return f"wattkeep-{mark}-{at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}{SUFFIX}"


def taken_at(path: Path, mark: str) -> datetime | None:
    """Return when a backup was taken, by its name; None for any other file."""
    match = NAME.fullmatch(path.name)
    if match is None or match[1] != mark:
        return None
    return datetime.strptime(match[2], "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)


def newest(folder: Path, mark: str) -> datetime | None:
    """Return when the newest backup of an installation in a folder was taken."""
    return max((at for path in _files(folder) if (at := taken_at(path, mark))), default=None)


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


def drop_old(folder: Path, keep: Keep, mark: str) -> list[Path]:
    """Delete an installation's backups that no rule keeps and return them, and no other file."""
    by_instant = {at: path for path in _files(folder) if (at := taken_at(path, mark))}
    dropped = [by_instant[at] for at in sorted(to_drop(by_instant, keep))]
    for path in dropped:
        path.unlink(missing_ok=True)
    return dropped


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"wattkeep-*{SUFFIX}")) if folder.is_dir() else []

"""What a request asks for: from when to when, in what steps; anything else is refused in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from rest_framework.exceptions import ValidationError

from wattkeep.domain.calendar import day_start

if TYPE_CHECKING:
    from collections.abc import Collection
    from zoneinfo import ZoneInfo

    from rest_framework.request import Request

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# A "+" in an address means a space: what was typed as +01:00 arrives like this.
LOST_PLUS = re.compile(r" (\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def read_span(request: Request, zone: ZoneInfo, now: datetime) -> Span:
    """Return the request's `start` and `end`; today so far, on the site's clock, without them.

    Raises:
        ValidationError: they are no times, or the wrong way round.
    """
    end = read_time(request, "end", zone) or now
    start = read_time(request, "start", zone)
    if start is None:
        start = day_start(end.astimezone(zone).date(), zone)
        if start == end:
            start = day_start(end.astimezone(zone).date() - timedelta(days=1), zone)
    if start >= end:
        raise ValidationError({"end": ["The end must lie after the start."]})
    return Span(start, end)


def read_time(request: Request, name: str, zone: ZoneInfo) -> datetime | None:
    """Return a parameter's instant, None without one. A date is that day's start in `zone`.

    Raises:
        ValidationError: it is neither a date nor a time with its offset.
    """
    text = request.query_params.get(name)
    return None if text is None else parse_time(text, name, zone)


def parse_time(text: str, name: str, zone: ZoneInfo) -> datetime:
    """Return the instant that a text means; `name` is what it is called in an error."""
    text = LOST_PLUS.sub(r"+\1", text.strip())
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return _in_reach(day_start(date.fromisoformat(text), zone), name)
        instant = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValidationError(
            {name: [f"{text!r} is no time. Write 2026-11-23T10:00:00Z, or 2026-11-23 for a day."]}
        ) from None
    if instant.tzinfo is None:
        raise ValidationError(
            {name: [f"{text!r} has no offset: add Z or e.g. +01:00, or write the date alone."]}
        )
    return _in_reach(instant, name)


def read_choice(request: Request, name: str, choices: Collection[str], default: str) -> str:
    """Return a parameter that is one of a few words.

    Raises:
        ValidationError: it is none of them.
    """
    word = request.query_params.get(name, default)
    if word not in choices:
        raise ValidationError({name: [f"{word!r} is none of: {', '.join(choices)}."]})
    return word


def read_count(request: Request, name: str, default: int, most: int) -> int:
    """Return a parameter that is a whole number from 1 to `most`.

    Raises:
        ValidationError: it is not.
    """
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):  # noqa: PLR2004 - enough for any number here
        raise ValidationError({name: [f"{text!r}: write a whole number from 1 to {most:,}."]})
    return int(text)


def _in_reach(instant: datetime, name: str) -> datetime:
    if not EARLIEST <= instant <= LATEST:
        raise ValidationError({name: ["The time must lie between 1970-01-02 and 2200-01-01."]})
    return instant.astimezone(UTC)

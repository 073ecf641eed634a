"""Cells of measurement files: text to numbers and instants, refused in plain words."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from wattkeep.domain.instants import to_ms

LATEST_UNIX_S = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def finite(title: str, text: str) -> float:
    """Return a cell's number; ValueError names the column."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{title} is not a number: {text!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"{title} is not a finite number: {text!r}")
    return value


def positive(title: str, text: str) -> float:
    """Return a cell's number that may be 0 but not below."""
    value = finite(title, text)
    if value < 0:
        raise ValueError(f"{title} is below zero: {text!r}")
    return value


def timestamp_ms(text: str) -> int:
    """Return Unix seconds, or ISO 8601 with an offset, as epoch milliseconds."""
    try:
        seconds = float(text)
    except ValueError:
        return iso_ms(text)
    if not 0 <= seconds < LATEST_UNIX_S:
        raise ValueError(f"timestamp is not a Unix time in seconds: {text!r}")
    return round(seconds * 1000)


def iso_ms(text: str) -> int:
    """Return ISO 8601 with an offset as epoch milliseconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"timestamp is neither ISO 8601 nor Unix seconds: {text!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"timestamp has no UTC offset: {text!r}")
    return to_ms(moment)

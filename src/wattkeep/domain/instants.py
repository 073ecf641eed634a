"""Instants as whole milliseconds since 1970, exact in both directions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
# A machine whose clock says less has no clock that was set: this program is younger than that.
FIRST_MS = 1_767_225_600_000  # 2026-01-01


def to_ms(instant: datetime) -> int:
    """Return an aware instant as epoch milliseconds, the part below a millisecond cut off."""
    return (instant - EPOCH) // MILLISECOND


def from_ms(ms: int) -> datetime:
    """Return epoch milliseconds as an aware UTC instant."""
    return EPOCH + timedelta(milliseconds=ms)

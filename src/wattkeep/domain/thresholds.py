"""When a value breaks a limit, and when it holds again."""

from __future__ import annotations

from enum import Enum


class Transition(Enum):
    """What one value means for an incident."""

    NONE = "none"
    OPEN = "open"
    CLOSE = "close"


def judge(value: float, limit: float, *, is_open: bool) -> Transition:
    """Tell whether `value` opens an incident (above `limit`) or closes it (at or below)."""
    if value > limit:
        return Transition.NONE if is_open else Transition.OPEN
    return Transition.CLOSE if is_open else Transition.NONE

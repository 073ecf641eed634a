"""Telling a counter that was set to zero from a glitch, jitter, a rollover and another meter."""

from __future__ import annotations

from dataclasses import dataclass

from wattkeep.domain.counter import (
    AGREEING_SAMPLES,
    MODULUS_WH,
    MOST_JITTER_WH,
    MS_PER_HOUR,
    OVER_RANGE,
    SLACK_WH,
)


@dataclass(frozen=True, slots=True)
class Fall:
    """A counter's fall, confirmed by later samples."""

    at_ms: int
    fell_wh: float


class FallingCounter:
    """Follows one device's counter, sample by sample, and says when it fell."""

    __slots__ = ("_counter_wh", "_pending", "_range_w", "at_ms")

    def __init__(self, at_ms: int, counter_wh: float, range_w: float) -> None:
        self.at_ms = at_ms
        self._counter_wh = counter_wh
        self._range_w = range_w
        self._pending: list[tuple[int, float]] = []

    @property
    def is_waiting(self) -> bool:
        """Tell whether something is to be confirmed by the next samples."""
        return bool(self._pending)

    def take(self, at_ms: int, counter_wh: float) -> Fall | None:
        """Follow a newer sample; return a fall when this one confirms it."""
        before = (self.at_ms, self._counter_wh)
        if self._is_in_line(before, (at_ms, counter_wh)):
            self._pending.clear()
            self.at_ms, self._counter_wh = at_ms, counter_wh
            return None
        if self._pending and not self._is_in_line(self._pending[-1], (at_ms, counter_wh)):
            self._pending.clear()
        self._pending.append((at_ms, counter_wh))
        if len(self._pending) < AGREEING_SAMPLES:
            return None
        first_ms, first_wh = self._pending[0]
        self._pending.clear()
        self.at_ms, self._counter_wh = at_ms, counter_wh
        fell_wh = before[1] - first_wh
        has_rolled = 0 <= MODULUS_WH + first_wh - before[1] <= self._possible_wh(before, first_ms)
        return None if fell_wh <= MOST_JITTER_WH or has_rolled else Fall(first_ms, fell_wh)

    def _possible_wh(self, before: tuple[int, float], at_ms: int) -> float:
        return self._range_w * OVER_RANGE * (at_ms - before[0]) / MS_PER_HOUR + SLACK_WH

    def _is_in_line(self, before: tuple[int, float], after: tuple[int, float]) -> bool:
        rise = after[1] - before[1]
        return -MOST_JITTER_WH <= rise <= self._possible_wh(before, after[0])

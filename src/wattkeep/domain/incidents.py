"""When a value becomes an incident, and when that is over: a state machine without clock or I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Each return during recovery, or soon after it, doubles the recovery hold, up to 16 times.
MOST_DOUBLINGS = 4
# An incident that begins within this time after the last one's end is the same trouble again.
MEMORY_MS = 12 * 3_600_000
FLAPPING_FROM = 3
NEVER_MS = -(1 << 62)
LONG_MS = 1 << 62


class Phase(Enum):
    """Where a rule stands."""

    CALM = "calm"
    RISING = "rising"
    OPEN = "open"
    RECOVERING = "recovering"


class Change(Enum):
    """What a sample changed for people."""

    OPENED = "opened"
    RELAPSED = "relapsed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rule demands. With `is_above`, `recovery` is at or below `threshold`, else above it.

    `most_gap_ms`: after longer without a sample a hold begins anew, for nobody knows what was.
    """

    threshold: float
    recovery: float
    is_above: bool = True
    hold_ms: int = 0
    recovery_hold_ms: int = 0
    most_gap_ms: int = 120_000

    def is_broken_by(self, value: float | None) -> bool:
        """Tell whether `value` is beyond the threshold; None is what the rule does not judge."""
        if value is None:
            return False
        return value > self.threshold if self.is_above else value < self.threshold

    def is_kept_by(self, value: float | None) -> bool:
        """Tell whether `value` is back at the recovery threshold or better."""
        if value is None:
            return True
        return value <= self.recovery if self.is_above else value >= self.recovery

    def worst(self, one: float, other: float) -> float:
        """Return which of two values is further beyond; one that is no number loses."""
        if math.isnan(one) or math.isnan(other):
            return other if math.isnan(one) else one
        return max(one, other) if self.is_above else min(one, other)

    def hold_after(self, relapses: int) -> int:
        """Return how long, in ms, recovery has to last after so many relapses."""
        return self.recovery_hold_ms << min(relapses, MOST_DOUBLINGS)


@dataclass(frozen=True, slots=True)
class State:
    """What a rule remembers of one device.

    `since_ms`: first sample of the rise or of the recovery. `start_ms`, `peak`: of the incident.
    `ended_ms`, `relapses`: what the next incident inherits if it comes soon.
    """

    phase: Phase = Phase.CALM
    since_ms: int = 0
    start_ms: int = 0
    last_ms: int = NEVER_MS
    last: float = math.nan
    peak: float = math.nan
    relapses: int = 0
    ended_ms: int = NEVER_MS

    @property
    def is_open(self) -> bool:
        return self.phase in {Phase.OPEN, Phase.RECOVERING}

    @property
    def is_flapping(self) -> bool:
        return self.relapses >= FLAPPING_FROM


def step(
    limits: Limits, state: State, at_ms: int, value: float | None
) -> tuple[State, Change | None]:
    """Return the state after a sample, and what it changed.

    A sample that is no number, or not newer than the last one, changes nothing.
    """
    if at_ms <= state.last_ms or (value is not None and math.isnan(value)):
        return state, None
    state, change = elapse(limits, state, at_ms)
    if change is not None:
        # What this sample begins, the next one confirms: one call, one change.
        begun, _ = _step_closed(replace(limits, hold_ms=LONG_MS), state, at_ms, value)
        return begun, change
    if state.is_open:
        return _step_open(limits, state, at_ms, value)
    return _step_closed(limits, state, at_ms, value)


def elapse(limits: Limits, state: State, at_ms: int) -> tuple[State, Change | None]:
    """Return the state at `at_ms` if nothing came since the last sample: a recovery may be over.

    While the next sample may still be on its way nothing is over.
    """
    if state.phase is Phase.RECOVERING and at_ms - state.last_ms > limits.most_gap_ms:
        return _close_if_held(limits, state, at_ms)
    return state, None


def _step_closed(
    limits: Limits, state: State, at_ms: int, value: float | None
) -> tuple[State, Change | None]:
    shown = math.nan if value is None else value
    if not limits.is_broken_by(value):
        return replace(state, phase=Phase.CALM, last_ms=at_ms, last=shown), None
    is_new = state.phase is Phase.CALM or at_ms - state.last_ms > limits.most_gap_ms
    since_ms = at_ms if is_new else state.since_ms
    peak = shown if is_new else limits.worst(state.peak, shown)
    state = replace(
        state, phase=Phase.RISING, since_ms=since_ms, last_ms=at_ms, last=shown, peak=peak
    )
    if at_ms - since_ms < limits.hold_ms:
        return state, None
    is_again = since_ms - state.ended_ms < MEMORY_MS
    relapses = state.relapses + 1 if is_again else 0
    return replace(state, phase=Phase.OPEN, start_ms=since_ms, relapses=relapses), Change.OPENED


def _step_open(
    limits: Limits, state: State, at_ms: int, value: float | None
) -> tuple[State, Change | None]:
    was_recovering = state.phase is Phase.RECOVERING
    if value is None:
        state = replace(state, last_ms=at_ms)
    else:
        peak = limits.worst(state.peak, value)
        state = replace(state, last_ms=at_ms, last=value, peak=peak)
    if not limits.is_kept_by(value):
        if not was_recovering:
            return state, None
        return replace(state, phase=Phase.OPEN, relapses=state.relapses + 1), Change.RELAPSED
    if not was_recovering:
        state = replace(state, phase=Phase.RECOVERING, since_ms=at_ms)
    return _close_if_held(limits, state, at_ms)


def _close_if_held(limits: Limits, state: State, at_ms: int) -> tuple[State, Change | None]:
    if at_ms - state.since_ms < limits.hold_after(state.relapses):
        return state, None
    return replace(state, phase=Phase.CALM, ended_ms=state.since_ms), Change.CLOSED


@dataclass(frozen=True, slots=True)
class Episode:
    """An incident as samples tell it; `end_ms` is None while it goes on."""

    start_ms: int
    end_ms: int | None
    peak: float
    is_flapping: bool = False


def find_episodes(limits: Limits, samples: Iterable[tuple[int, float | None]]) -> Iterator[Episode]:
    """Yield the incidents in samples, which must come ordered by time."""
    state, is_calm = State(), True
    threshold, is_above = limits.threshold, limits.is_above
    for at_ms, value in samples:
        # Nearly all samples are of this kind: not even a call is spent on them.
        if is_calm and (
            value is None or not (value > threshold if is_above else value < threshold)
        ):
            continue
        state, change = step(limits, state, at_ms, value)
        is_calm = state.phase is Phase.CALM
        if change is Change.CLOSED:
            yield Episode(state.start_ms, state.ended_ms, state.peak, state.is_flapping)
    if state.is_open:
        yield Episode(state.start_ms, None, state.peak, state.is_flapping)

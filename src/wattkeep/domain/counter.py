"""What a meter's counter says was used, through every event that breaks plain differences."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

MODULUS_WH = 10_000_000
SLACK_WH = 2
MOST_JITTER_WH = 10
# A meter may read this much over its range before a rise is taken for nonsense.
OVER_RANGE = 1.3
GAP_MS = 5 * 60_000
MS_PER_HOUR = 3_600_000
AGREEING_SAMPLES = 3


class Sample(NamedTuple):
    """The counter and the power at one instant."""

    at_ms: int
    counter_wh: float
    power_w: float | None = None


class Swap(NamedTuple):
    """Another meter from here on: the old one's last counter and the new one's first, if known."""

    at_ms: int
    closing_wh: float | None = None
    opening_wh: float | None = None


class Meter(NamedTuple):
    """What of a meter the rules depend on: its range, and whether its counter can be used."""

    range_w: float
    has_counter: bool = True


class Span(NamedTuple):
    """Energy used between two instants; `estimated` where its course in between is unknown."""

    start_ms: int
    end_ms: int
    energy_wh: float
    estimated: bool


class CounterEvent(NamedTuple):
    """Why the counter's plain difference is not what counts, or what is not known.

    `kind` is one of reset, rollover, glitch, jitter, jump, gap. `energy_wh` is what was counted
    from `start_ms` to `end_ms`; None where nothing is known of it.
    """

    kind: str
    start_ms: int
    end_ms: int
    before_wh: float | None
    after_wh: float | None
    energy_wh: float | None


@dataclass(frozen=True, slots=True)
class CounterState:
    """All that the rules remember between two samples; made from text and columns, and back."""

    last: Sample | None = None
    pending: tuple[Sample, ...] = ()

    def pending_text(self) -> str:
        """Return the waiting samples as JSON, "" for none."""
        return json.dumps(self.pending) if self.pending else ""

    @classmethod
    def from_stored(cls, last: Sample | None, pending_text: str) -> CounterState:
        waiting = json.loads(pending_text) if pending_text else ()
        return cls(last, tuple(Sample(*one) for one in waiting))


class CounterReader:
    """Takes samples in the order of their time and says what was used between them.

    A rise the meter could have made is accepted. A dip of up to 10 Wh is jitter. Anything else
    waits until two later samples agree with it (a reset, a rollover or another meter) or one is
    back in line with what was before (a glitch, which is forgotten). What it found gathers in
    `spans` and `events`; `state` is where another reader can go on. A dip that lasts is no gap:
    after five minutes the last accepted counter is taken as that of the dip's moment.
    """

    def __init__(self, meter: Meter, state: CounterState | None = None) -> None:
        state = state or CounterState()
        self._limit_w = meter.range_w * OVER_RANGE
        self._has_counter = meter.has_counter
        self._last = state.last
        self._pending = list(state.pending)
        self.spans: list[Span] = []
        self.events: list[CounterEvent] = []

    @property
    def state(self) -> CounterState:
        return CounterState(self._last, tuple(self._pending))

    def take(self, sample: Sample) -> None:
        """Read on; `sample` must not be earlier than the one before."""
        last = self._last
        if last is None:
            self._last = sample
        elif not self._has_counter:
            self._integrate(last, sample)
        elif _in_line(last, sample, self._limit_w):
            if self._pending:
                self._forget_pending(last)
            self._count(last, sample, sample.counter_wh - last.counter_wh)
        else:
            self._take_odd(last, sample)

    def take_swap(self, swap: Swap) -> None:
        """Go over to another meter; what is not known about the change is not counted."""
        last = self._last
        if last is not None:
            if self._pending:
                self._forget_pending(last)
            closing = None if swap.closing_wh is None else Sample(swap.at_ms, swap.closing_wh)
            if not self._has_counter:
                self._integrate(last, Sample(swap.at_ms, 0.0, last.power_w))
            elif closing is not None and _in_line(last, closing, self._limit_w):
                self._count(last, closing, closing.counter_wh - last.counter_wh)
            elif swap.at_ms - last.at_ms <= GAP_MS:
                energy_wh = _power_wh(last, Sample(swap.at_ms, 0.0, None))
                self._add(Span(last.at_ms, swap.at_ms, energy_wh, estimated=True))
            else:
                self._note("gap", last, swap.at_ms)
        opening = swap.opening_wh
        self._last = None if opening is None else Sample(swap.at_ms, opening)

    def _take_odd(self, last: Sample, sample: Sample) -> None:
        """Take a sample that is not in line with the last accepted one."""
        pending = self._pending
        agrees = bool(pending) and _in_line(pending[-1], sample, self._limit_w)
        # After a reset of a small counter the new one passes within the jitter as well.
        if 0 < last.counter_wh - sample.counter_wh <= MOST_JITTER_WH and not agrees:
            if pending:
                self._forget_pending(last)
            self._note_misreading("jitter", last, sample, sample.at_ms)
            if sample.at_ms - last.at_ms > GAP_MS:
                # There were readings and nothing rose: no gap, however long the dip lasts.
                self._last = Sample(sample.at_ms, last.counter_wh, sample.power_w)
            return
        if pending and not agrees:
            self._forget_pending(last)
        pending.append(sample)
        if len(pending) == AGREEING_SAMPLES:
            self._restart(last, pending[0])
            for before, after in pairwise(pending):
                self._count(before, after, after.counter_wh - before.counter_wh)
            pending.clear()

    def _forget_pending(self, last: Sample) -> None:
        self._note_misreading("glitch", last, self._pending[0], self._pending[-1].at_ms)
        self._pending.clear()

    def _restart(self, last: Sample, first: Sample) -> None:
        """Count over a confirmed break of the counter."""
        possible_wh = _possible_wh(last, first, self._limit_w)
        wrapped_wh = MODULUS_WH - last.counter_wh + first.counter_wh
        if last.counter_wh < MODULUS_WH and wrapped_wh <= possible_wh:
            kind, energy_wh = "rollover", wrapped_wh
        elif first.counter_wh <= possible_wh:
            kind, energy_wh = "reset", first.counter_wh
        else:
            # Another meter: its counter says nothing about this interval, the power does.
            kind, energy_wh = "jump", _power_wh(last, first)
        self._note(kind, last, first.at_ms, (first.counter_wh, energy_wh))
        self._count(last, first, energy_wh, estimated=kind == "jump")

    def _count(
        self, before: Sample, after: Sample, energy_wh: float, *, estimated: bool = False
    ) -> None:
        is_gap = after.at_ms - before.at_ms > GAP_MS
        if is_gap:
            self._note("gap", before, after.at_ms, (after.counter_wh, energy_wh))
        self._add(Span(before.at_ms, after.at_ms, energy_wh, estimated or is_gap))
        self._last = after

    def _integrate(self, before: Sample, after: Sample) -> None:
        """Count by power alone; a gap stays empty, for nobody knows what was used in it."""
        if after.at_ms - before.at_ms > GAP_MS:
            self._note("gap", before, after.at_ms)
        else:
            energy_wh = _power_wh(before, after)
            self._add(Span(before.at_ms, after.at_ms, energy_wh, estimated=False))
        self._last = after

    def _add(self, span: Span) -> None:
        if span.energy_wh:
            self.spans.append(span)

    def _note(
        self,
        kind: str,
        start: Sample,
        end_ms: int,
        counted: tuple[float, float] | None = None,
    ) -> None:
        """Note what happened from `start` on; `counted`: the counter afterwards, the energy."""
        after_wh, energy_wh = counted or (None, None)
        self.events.append(
            CounterEvent(kind, start.at_ms, end_ms, start.counter_wh, after_wh, energy_wh)
        )

    def _note_misreading(self, kind: str, last: Sample, first: Sample, end_ms: int) -> None:
        """Note samples that are not believed: `last` stays the one that counts."""
        self.events.append(
            CounterEvent(kind, first.at_ms, end_ms, last.counter_wh, first.counter_wh, 0.0)
        )


def _possible_wh(before: Sample, after: Sample, limit_w: float) -> float:
    return limit_w * (after.at_ms - before.at_ms) / MS_PER_HOUR + SLACK_WH


def _in_line(before: Sample, after: Sample, limit_w: float) -> bool:
    return 0 <= after.counter_wh - before.counter_wh <= _possible_wh(before, after, limit_w)


def _power_wh(before: Sample, after: Sample) -> float:
    """Return the energy by power between two samples: the trapezoid, or what is known of it."""
    known_w = [one.power_w for one in (before, after) if one.power_w is not None]
    if not known_w:
        return 0.0
    return sum(known_w) / len(known_w) * (after.at_ms - before.at_ms) / MS_PER_HOUR

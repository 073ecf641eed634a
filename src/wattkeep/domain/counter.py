"""What a meter's counter says was used, through every event that breaks plain differences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    power_w: float


@dataclass(frozen=True, slots=True)
class Span:
    """Energy used between two instants; `estimated` where its course in between is unknown."""

    start_ms: int
    end_ms: int
    energy_wh: float
    estimated: bool


def read_counter(samples: Iterable[Sample], range_w: float) -> Iterator[Span]:
    """Yield the energy between accepted samples, which must come ordered by time.

    A rise the meter could have made is accepted. A dip of up to 10 Wh is jitter. Anything else
    waits until two later samples agree with it (a reset, a rollover or another meter) or one is
    back in line with what was before (a glitch, which is forgotten).
    """
    limit_w = range_w * OVER_RANGE
    last: Sample | None = None
    pending: list[Sample] = []
    for sample in samples:
        if last is None:
            last = sample
        elif _in_line(last, sample, limit_w):
            pending.clear()
            yield _measured(last, sample, sample.counter_wh - last.counter_wh)
            last = sample
        elif (
            0 < last.counter_wh - sample.counter_wh <= MOST_JITTER_WH
            # After a reset of a small counter the new one passes here as well.
            and not (pending and _in_line(pending[-1], sample, limit_w))
        ):
            pending.clear()
        else:
            if pending and not _in_line(pending[-1], sample, limit_w):
                pending.clear()
            pending.append(sample)
            if len(pending) == AGREEING_SAMPLES:
                yield _restart(last, pending[0], limit_w)
                for before, after in pairwise(pending):
                    yield _measured(before, after, after.counter_wh - before.counter_wh)
                last = sample
                pending.clear()


def _possible_wh(before: Sample, after: Sample, limit_w: float) -> float:
    return limit_w * (after.at_ms - before.at_ms) / MS_PER_HOUR + SLACK_WH


def _in_line(before: Sample, after: Sample, limit_w: float) -> bool:
    return 0 <= after.counter_wh - before.counter_wh <= _possible_wh(before, after, limit_w)


def _measured(before: Sample, after: Sample, energy_wh: float) -> Span:
    is_gap = after.at_ms - before.at_ms > GAP_MS
    return Span(before.at_ms, after.at_ms, energy_wh, estimated=is_gap)


def _restart(before: Sample, after: Sample, limit_w: float) -> Span:
    """Return the energy over a confirmed break of the counter."""
    possible_wh = _possible_wh(before, after, limit_w)
    wrapped_wh = MODULUS_WH - before.counter_wh + after.counter_wh
    if before.counter_wh < MODULUS_WH and wrapped_wh <= possible_wh:
        return _measured(before, after, wrapped_wh)
    if after.counter_wh <= possible_wh:
        return _measured(before, after, after.counter_wh)
    # Another meter: its counter says nothing about this interval, the power does.
    mean_w = (before.power_w + after.power_w) / 2
    energy_wh = mean_w * (after.at_ms - before.at_ms) / MS_PER_HOUR
    return Span(before.at_ms, after.at_ms, energy_wh, estimated=True)


def spread(spans: Iterable[Span], edges_ms: Sequence[int]) -> list[float]:
    """Return the Wh in each interval between neighbouring `edges_ms` (ascending).

    A span's energy is taken as even over its time, so one across an edge is split by time.
    """
    totals = [0.0] * (len(edges_ms) - 1)
    first = 0
    for span in spans:
        while first < len(totals) and edges_ms[first + 1] <= span.start_ms:
            first += 1
        length = span.end_ms - span.start_ms
        for index in range(first, len(totals)):
            if edges_ms[index] >= span.end_ms:
                break
            inside = min(span.end_ms, edges_ms[index + 1]) - max(span.start_ms, edges_ms[index])
            totals[index] += span.energy_wh * inside / length if length else 0.0
    return totals

"""Quarter-hours: readings folded into 15-minute UTC slots, each resumable from the one before."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from wattkeep.domain.counter import GAP_MS, CounterReader, CounterState, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from wattkeep.domain.columns import Columns
    from wattkeep.domain.counter import CounterEvent, Meter, Span, Swap

SLOT_MS = 15 * 60_000
HOUR_MS = 3_600_000
HOURS_PER_WEEK = 168
# 1970-01-01 was a Thursday: hour of week 0 is Monday, 00:00 UTC.
MONDAY_OFFSET_H = 72
# A gap's shape comes from so long before it; with less than this it is filled evenly.
PROFILE_MS = 4 * HOURS_PER_WEEK * HOUR_MS
LEAST_PROFILE_MS = 2 * HOURS_PER_WEEK * HOUR_MS
MWH_PER_WH = 1000
METRICS = ("power", "voltage", "current", "frequency", "power_factor")
# Kinds of events that may come many times a minute: one a slot is kept, and counted.
REPEATING = frozenset({"jitter", "glitch"})


class Envelope(NamedTuple):
    """Least, mean and greatest of a slot's values; None where there were none."""

    least: float | None
    mean: float | None
    greatest: float | None


@dataclass(frozen=True, slots=True)
class Slot:
    """15 minutes of a device: energy in mWh, what its readings were like, the counter's state."""

    start_ms: int
    measured_mwh: int
    estimated_mwh: int
    samples: int
    envelopes: Mapping[str, Envelope]
    state: CounterState


class SlotEvent(NamedTuple):
    """An event of the counter and how many times it happened within its slot."""

    event: CounterEvent
    times: int


@dataclass(frozen=True, slots=True)
class Folded:
    """What came of a run of readings."""

    slots: list[Slot]
    events: list[SlotEvent]
    state: CounterState


@dataclass(frozen=True, slots=True)
class Profile:
    """How a device's use is spread over the week: a weight for each UTC hour from Monday 00:00."""

    weights: tuple[float, ...]

    def weight(self, start_ms: int, end_ms: int) -> float:
        """Return the weight of an interval within one hour."""
        hour = (start_ms // HOUR_MS + MONDAY_OFFSET_H) % HOURS_PER_WEEK
        return self.weights[hour] * (end_ms - start_ms)


def slot_start(at_ms: int) -> int:
    """Return the start of the slot an instant lies in."""
    return at_ms - at_ms % SLOT_MS


def profile_span(gap_start_ms: int) -> tuple[int, int]:
    """Return from when to when slots make a gap's shape: four weeks, up to the slot it begins in.

    That slot is not among them: what follows the gap may still add to it.
    """
    end_ms = slot_start(gap_start_ms)
    return end_ms - PROFILE_MS, end_ms


@dataclass(slots=True)
class WeekSums:
    """What was measured in the slots of each UTC hour of the week, and in how many of them."""

    totals: list[int] = field(default_factory=lambda: [0] * HOURS_PER_WEEK)
    counts: list[int] = field(default_factory=lambda: [0] * HOURS_PER_WEEK)
    earliest_ms: int | None = None

    def add(self, parts: Iterable[tuple[int, int, int]]) -> None:
        """Add (start of the first, measured mWh, how many) of slots of one hour of the week."""
        totals, counts = self.totals, self.counts
        earliest_ms = self.earliest_ms
        for start_ms, measured_mwh, count in parts:
            hour = (start_ms // HOUR_MS + MONDAY_OFFSET_H) % HOURS_PER_WEEK
            totals[hour] += measured_mwh
            counts[hour] += count
            if earliest_ms is None or start_ms < earliest_ms:
                earliest_ms = start_ms
        self.earliest_ms = earliest_ms

    def profile(self, before_ms: int) -> Profile | None:
        """Return the week's shape as it was known before an instant.

        None unless the slots reach back two weeks and every hour of the week is among them.
        """
        reach_ms = 0 if self.earliest_ms is None else before_ms - self.earliest_ms
        if reach_ms < LEAST_PROFILE_MS or not all(self.counts):
            return None
        pairs = zip(self.totals, self.counts, strict=True)
        return Profile(tuple(total / count for total, count in pairs))


def split_span(
    span: Span, profile: Profile | None, *, is_whole: bool = True
) -> Iterator[tuple[int, float]]:
    """Yield (slot start, mWh) of what a span's energy adds to each slot that it lies in.

    Evenly without a profile. `is_whole`: in whole mWh, which add up to the span's.
    """
    energy_mwh = span.energy_wh * MWH_PER_WH
    if is_whole:
        energy_mwh = round(energy_mwh)
    first = slot_start(span.start_ms)
    edges = [span.start_ms, *range(first + SLOT_MS, span.end_ms, SLOT_MS), span.end_ms]
    weights: list[float] = [b - a for a, b in pairwise(edges)]
    if profile is not None:
        shaped = [profile.weight(a, b) for a, b in pairwise(edges)]
        weights = shaped if sum(shaped) > 0 else weights
    whole = sum(weights)
    done = done_mwh = 0.0
    for index, weight in enumerate(weights):
        done += weight
        upto_mwh = energy_mwh if index == len(weights) - 1 else energy_mwh * done / whole
        if is_whole:
            upto_mwh = round(upto_mwh)
        yield slot_start(edges[index]), upto_mwh - done_mwh
        done_mwh = upto_mwh


class Start(NamedTuple):
    """Where folding begins: a slot's start, and the counter's state at that instant."""

    at_ms: int
    state: CounterState


def fold_slots(
    readings: Columns,
    swaps: Sequence[Swap],
    meter: Meter,
    start: Start,
    profiles: ProfileSource | None = None,
) -> Folded:
    """Return the slots that these readings make, going on from `start`.

    `readings` needs the columns energy (the counter, kWh) and those of METRICS, all at or after
    the start; so do `swaps`. Energy of a span that began before it is counted only as far as it
    lies after, and an event that began before is left out. Slots without a reading appear where a
    gap's energy falls into them. The counter is taken to the whole mWh, so the slots' sum is
    exactly what it rose by; a slot made from power is rounded once.
    """
    envelopes = _envelopes(readings)
    fold = _Fold(start, meter.has_counter, {at: one[0] for at, one in envelopes.items()}, profiles)
    reader = CounterReader(meter, start.state)
    for start_ms, items in groupby(_in_order(readings, swaps), lambda one: slot_start(one.at_ms)):
        for item in items:
            if isinstance(item, Sample):
                reader.take(item)
            else:
                reader.take_swap(item)
        fold.states[start_ms] = reader.state
    for span in reader.spans:
        fold.add(span)
    events = [event for event in reader.events if event.start_ms >= start.at_ms]
    return Folded(fold.slots(envelopes), _merged(events), reader.state)


class ProfileSource(Protocol):
    """Where a gap's shape comes from."""

    def profile(self, gap_start_ms: int, folded: Mapping[int, int]) -> Profile | None:
        """Return the device's week as it was known when a gap began; None fills it evenly.

        `folded` are the slots with readings that this fold has made so far, by their start: what
        was measured in each.
        """


def _in_order(readings: Columns, swaps: Sequence[Swap]) -> Iterator[Sample | Swap]:
    counters_wh = to_wh(readings.values["energy"]).tolist()
    powers_w = readings.values["power"].tolist()
    samples = (
        Sample(at_ms, counter_wh, power_w if power_w == power_w else None)  # noqa: PLR0124 - NaN
        for at_ms, counter_wh, power_w in zip(
            readings.timestamps.tolist(), counters_wh, powers_w, strict=True
        )
        if counter_wh == counter_wh  # noqa: PLR0124
    )
    if not swaps:
        return samples
    both: Iterator[Sample | Swap] = chain(swaps, samples)
    return iter(sorted(both, key=lambda one: one.at_ms))


def to_wh(counters_kwh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counters in Wh, to the whole mWh."""
    # No meter shows 1e303 kWh, but a post can.
    with np.errstate(over="ignore"):
        wh: NDArray[np.float64] = np.round(counters_kwh * 1e6) / MWH_PER_WH
    return wh


@dataclass(slots=True)
class _Fold:
    """Energy and state by slot, while they gather."""

    start: Start
    has_counter: bool
    samples: Mapping[int, int]
    profiles: ProfileSource | None
    states: dict[int, CounterState] = field(default_factory=dict)
    measured: dict[int, float] = field(default_factory=dict)
    estimated: dict[int, float] = field(default_factory=dict)

    def add(self, span: Span) -> None:
        """Add a span's energy to the slots it lies in."""
        totals = self.estimated if span.estimated else self.measured
        is_whole = self.has_counter or span.estimated
        first = slot_start(span.start_ms)
        if span.end_ms <= first + SLOT_MS:
            energy_mwh = span.energy_wh * MWH_PER_WH
            self._add_to(totals, first, round(energy_mwh) if is_whole else energy_mwh)
            return
        for start_ms, energy_mwh in split_span(span, self._profile(span), is_whole=is_whole):
            self._add_to(totals, start_ms, energy_mwh)

    def _add_to(self, totals: dict[int, float], start_ms: int, energy_mwh: float) -> None:
        if start_ms >= self.start.at_ms and energy_mwh:
            totals[start_ms] = totals.get(start_ms, 0) + energy_mwh

    def _profile(self, span: Span) -> Profile | None:
        if self.profiles is None or span.end_ms - span.start_ms <= GAP_MS:
            return None
        upto_ms = slot_start(span.start_ms)
        folded = {
            start_ms: round(self.measured.get(start_ms, 0))
            for start_ms, count in self.samples.items()
            if start_ms < upto_ms and count
        }
        return self.profiles.profile(span.start_ms, folded)

    def slots(self, envelopes: Mapping[int, tuple[int, Mapping[str, Envelope]]]) -> list[Slot]:
        """Return the slots in order, each with the state the counter had at its end."""
        state = self.start.state
        slots = []
        for start_ms in sorted({*self.states, *self.measured, *self.estimated, *envelopes}):
            state = self.states.get(start_ms, state)
            samples, by_metric = envelopes.get(start_ms, (0, NO_ENVELOPES))
            slots.append(
                Slot(
                    start_ms,
                    round(self.measured.get(start_ms, 0)),
                    round(self.estimated.get(start_ms, 0)),
                    samples,
                    by_metric,
                    state,
                )
            )
        return slots


NO_ENVELOPES = {metric: Envelope(None, None, None) for metric in METRICS}


def _envelopes(readings: Columns) -> dict[int, tuple[int, Mapping[str, Envelope]]]:
    """Return, by slot, how many readings it has and the envelope of each value."""
    if not len(readings):
        return {}
    numbers = readings.timestamps // SLOT_MS
    firsts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    counts = np.diff(firsts, append=len(numbers)).tolist()
    starts = (numbers[firsts] * SLOT_MS).tolist()
    columns = [_column_envelopes(readings.values[metric], firsts) for metric in METRICS]
    return {
        start: (count, dict(zip(METRICS, of_slot, strict=True)))
        for start, count, *of_slot in zip(starts, counts, *columns, strict=True)
    }


def _column_envelopes(values: NDArray[np.float64], firsts: NDArray[np.intp]) -> list[Envelope]:
    nothing = Envelope(None, None, None)
    columns = [column.tolist() for column in reckon_envelopes(values, firsts)]
    return [
        Envelope(*parts) if parts[0] == parts[0] else nothing
        for parts in zip(*columns, strict=True)
    ]


def reckon_envelopes(
    values: NDArray[np.float64], firsts: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return least, mean and greatest of each run of values, all NaN where none is known.

    A run's mean does not depend on what lies beside it.
    """
    is_known = ~np.isnan(values)
    known = np.add.reduceat(is_known, firsts, dtype=np.int64)
    sums = np.add.reduceat(np.where(is_known, values, 0.0), firsts)
    with np.errstate(invalid="ignore"):
        means = sums / known
    return np.fmin.reduceat(values, firsts), means, np.fmax.reduceat(values, firsts)


def _merged(events: list[CounterEvent]) -> list[SlotEvent]:
    """Return events with those that repeat within a slot taken together."""
    merged: list[SlotEvent] = []
    newest: dict[tuple[str, int], int] = {}
    for event in events:
        key = event.kind, slot_start(event.start_ms)
        if event.kind in REPEATING and key in newest:
            first, times = merged[newest[key]]
            merged[newest[key]] = SlotEvent(first._replace(end_ms=event.end_ms), times + 1)
        else:
            newest[key] = len(merged)
            merged.append(SlotEvent(event, 1))
    return merged

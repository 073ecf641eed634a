"""A file looked through before anything is stored: what it holds and how it joins what is there."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattkeep.domain.counter import GAP_MS, MS_PER_HOUR, OVER_RANGE, SLACK_WH
from wattkeep.importing.files import ImportFileError
from wattkeep.importing.rows import DAY_MS, DayPart, Tally, day_parts
from wattkeep.ledger.readings import iter_days, readings_after, readings_before

if TYPE_CHECKING:
    from wattkeep.importing.sources import Source, Watch
    from wattkeep.monitoring.models import Device

TOLD_GAPS = 5
# A file in order has one part a day; one that jumps about would be stored at a crawl.
MOST_PARTS_A_DAY = 4
PARTS_TO_JUDGE = 1_000


class Gap(NamedTuple):
    """A time without readings."""

    length_ms: int
    start_ms: int


class Point(NamedTuple):
    """A counter at an instant."""

    at_ms: int
    kwh: float


class Join(NamedTuple):
    """Where a file's counter and the device's own meet, earlier first, as they would be stored."""

    before: Point
    after: Point
    is_file_first: bool
    continues: bool


class _Part(NamedTuple):
    first: Point
    last: Point


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file holds; `shift_kwh` is what is to be added to each of its counters."""

    tally: Tally
    first: Point
    last: Point
    energy_kwh: float
    falls: int
    step_ms: int
    gap_ms: int
    gaps: int
    missing_ms: int
    longest: tuple[Gap, ...]
    overlapping: int
    joins: tuple[Join, ...]
    shift_kwh: float = 0.0


def survey_file(
    source: Source, device: Device, now_ms: int, *, align: bool = False, watch: Watch | None = None
) -> Survey:
    """Read a file through; nothing is stored.

    Raises:
        ImportFileError: it is damaged, has no reading, or its lines are in no order.
    """
    tally = Tally()
    parts: list[_Part] = []
    figures = _Figures()
    days = set()
    for part in day_parts(source.entries(watch), tally, now_ms):
        days.add(part.day_ms)
        parts.append(figures.add(part))
        if len(parts) > MOST_PARTS_A_DAY * len(days) + PARTS_TO_JUDGE:
            raise ImportFileError(
                f"{source.path.name}: its lines jump between days; sort them by time first"
            )
    if not parts:
        told = "".join(f"\n  line {one.line}: {one.reason}" for one in tally.told[:3])
        raise ImportFileError(f"{source.path.name}: no reading in it{told}")
    parts.sort()
    for before, after in pairwise(parts):
        figures.add_step(before.last, after.first)
    first, last = parts[0].first, max(part.last for part in parts)
    shift_kwh = _shift(source, device, (first, last), now_ms) if align else 0.0
    step_ms = figures.usual_step_ms()
    gap_ms = max(GAP_MS, round(1.5 * step_ms))
    gaps = [gap for gap in figures.gaps if gap.length_ms > gap_ms]
    return Survey(
        tally,
        first,
        last,
        figures.energy_kwh,
        figures.falls,
        step_ms,
        gap_ms,
        len(gaps),
        sum(gap.length_ms for gap in gaps),
        tuple(heapq.nlargest(TOLD_GAPS, gaps)),
        sum(map(len, iter_days(device.pk, first.at_ms, last.at_ms + 1, ()))),
        tuple(_joins(device, first, last, shift_kwh)),
        shift_kwh,
    )


@dataclass(slots=True)
class _Figures:
    """What adds up while a file is read."""

    energy_kwh: float = 0.0
    falls: int = 0
    gaps: list[Gap] = field(default_factory=list)
    steps: Counter[int] = field(default_factory=Counter)

    def add(self, part: DayPart) -> _Part:
        timestamps, energy = part.columns.timestamps, part.columns["energy"]
        rises = np.diff(energy)
        self.energy_kwh += float(rises[rises > 0].sum())
        self.falls += int(np.count_nonzero(rises < 0))
        steps = np.diff(timestamps)
        for place in np.flatnonzero(steps > GAP_MS).tolist():
            self.gaps.append(Gap(int(steps[place]), int(timestamps[place])))
        values, counts = np.unique(steps, return_counts=True)
        self.steps.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        return _Part(
            Point(int(timestamps[0]), float(energy[0])),
            Point(int(timestamps[-1]), float(energy[-1])),
        )

    def add_step(self, before: Point, after: Point) -> None:
        """Add what lies between two parts."""
        self.energy_kwh += max(after.kwh - before.kwh, 0.0)
        self.falls += after.kwh < before.kwh
        step_ms = after.at_ms - before.at_ms
        self.steps[step_ms] += 1
        if step_ms > GAP_MS:
            self.gaps.append(Gap(step_ms, before.at_ms))

    def usual_step_ms(self) -> int:
        """Return how far apart most readings are."""
        return self.steps.most_common(1)[0][0] if self.steps else 0


def _shift(source: Source, device: Device, ends: tuple[Point, Point], now_ms: int) -> float:
    """Return the kWh by which the file's counter has to move to meet the device's own.

    It meets the device's first reading that is not before the file's; where there is none, the last
    one before. To the thousandth of a Wh, so that an import that was interrupted finds it again.
    """
    first, last = ends
    found = readings_after(device.pk, first.at_ms, 1, ("energy",))
    if len(found):
        meeting = Point(int(found.timestamps[0]), float(found["energy"][0]))
        here = last if meeting.at_ms >= last.at_ms else _counter_at(source, meeting.at_ms, now_ms)
    else:
        found = readings_before(device.pk, first.at_ms, 1, ("energy",))
        if not len(found):
            return 0.0
        meeting = Point(int(found.timestamps[0]), float(found["energy"][0]))
        here = first
    return round(meeting.kwh - here.kwh, 6)


def _counter_at(source: Source, at_ms: int, now_ms: int) -> Point:
    """Return the file's last reading that is not after an instant; there is one."""
    newest: Point | None = None
    for part in day_parts(source.entries(), Tally(), now_ms):
        if part.day_ms > at_ms or part.day_ms + DAY_MS <= (newest.at_ms if newest else 0):
            continue
        place = int(np.searchsorted(part.columns.timestamps, at_ms, side="right")) - 1
        if place < 0:
            continue
        found = Point(int(part.columns.timestamps[place]), float(part.columns["energy"][place]))
        newest = max(newest, found) if newest else found
    if newest is None:
        raise ImportFileError(f"{source.path.name}: it changed while it was read")
    return newest


def _joins(device: Device, first: Point, last: Point, shift_kwh: float) -> list[Join]:
    """Return where the file meets what the device has before and after it."""
    joins = []
    first, last = first._replace(kwh=first.kwh + shift_kwh), last._replace(kwh=last.kwh + shift_kwh)
    before = readings_before(device.pk, first.at_ms, 1, ("energy",))
    if len(before):
        own = Point(int(before.timestamps[0]), float(before["energy"][0]))
        joins.append(Join(own, first, False, _continues(own, first, device.range_w)))
    after = readings_after(device.pk, last.at_ms + 1, 1, ("energy",))
    if len(after):
        own = Point(int(after.timestamps[0]), float(after["energy"][0]))
        joins.append(Join(last, own, True, _continues(last, own, device.range_w)))
    return joins


def _continues(before: Point, after: Point, range_w: float) -> bool:
    """Tell whether the ledger would take the second counter for a continuation of the first."""
    possible_wh = OVER_RANGE * range_w * (after.at_ms - before.at_ms) / MS_PER_HOUR + SLACK_WH
    rise_wh = (after.kwh - before.kwh) * 1000
    # To the thousandth: floats that were shifted to meet differ in their last bit.
    return 0 <= round(rise_wh, 3) <= possible_wh

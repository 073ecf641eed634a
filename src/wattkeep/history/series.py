"""Curves for charts: min, mean and max of a value, in no more points than asked for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattkeep.domain.counter import GAP_MS
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import SLOT_MS, Envelope, slot_start
from wattkeep.history.tails import tails_of
from wattkeep.ledger.readings import as_ms, instant_parameter, readings_between
from wattkeep.monitoring.models import LedgerState
from wattkeep.monitoring.replica import reading_connection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from wattkeep.domain.slots import Slot
    from wattkeep.monitoring.models import Device

UNITS = {
    "power": "W",
    "voltage": "V",
    "current": "A",
    "frequency": "Hz",
    "power_factor": "",
    "energy": "kWh",
}
MOST_POINTS = 10_000
# From here on quarter-hours do: single readings would give at most half as many points again.
SLOTS_FROM_MS = SLOT_MS * 2 // 3
# Fewer than so many missing reports in a row are a late post, not a gap in the line.
MISSED_REPORTS = 3
# So much of a device's readings is in memory at once.
CHUNK_MS = 86_400_000


class Point(NamedTuple):
    """A value around an instant; all None where nothing was measured."""

    at_ms: int
    envelope: Envelope


NO_VALUES = Envelope(None, None, None)


@dataclass(frozen=True, slots=True)
class Series:
    """A device's curve. `step_ms` is a point's width; None: each point is a single reading."""

    device_id: int
    source: str
    step_ms: int | None
    points: Sequence[Point]


class Grid(NamedTuple):
    """Equal steps over a span, from `start_ms` on."""

    start_ms: int
    step_ms: int
    steps: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.step_ms * self.steps


def series(
    devices: Sequence[Device], metric: str, start: datetime, end: datetime, points: int
) -> list[Series]:
    """Return each device's curve of one of UNITS, in at most `points` points.

    Long spans come from quarter-hours, short ones from readings; so do spans of which no
    readings are kept. Several devices share their steps. An energy curve is the meter's counter.
    """
    start_ms, end_ms = to_ms(start), to_ms(end)
    if (end_ms - start_ms) / points >= SLOTS_FROM_MS or _is_past_raw(devices, start_ms):
        grid = _grid(slot_start(start_ms), -slot_start(-end_ms), points, unit_ms=SLOT_MS)
        return _series_of_slots(devices, metric, grid)
    return _series_of_readings(devices, metric, _grid(start_ms, end_ms, points))


def _grid(start_ms: int, end_ms: int, points: int, *, unit_ms: int = 1) -> Grid:
    """Return the finest grid of at most `points` steps of whole units."""
    step_ms = max(1, -(-(end_ms - start_ms) // (points * unit_ms))) * unit_ms
    return Grid(start_ms, step_ms, -(-(end_ms - start_ms) // step_ms))


def _is_past_raw(devices: Sequence[Device], start_ms: int) -> bool:
    """Tell whether the span begins where single readings are gone."""
    ids = [device.pk for device in devices]
    gone = LedgerState.objects.filter(device_id__in=ids, raw_from__gt=from_ms(start_ms))
    return gone.exists()


# -- from readings --------------------------------------------------------------------------------


def _series_of_readings(devices: Sequence[Device], metric: str, grid: Grid) -> list[Series]:
    found = []
    for device in devices:
        quiet_ms = max(GAP_MS, MISSED_REPORTS * device.interval_s * 1000)
        most = grid.steps if len(devices) == 1 else 0
        rows, kept = _fold_readings(device.pk, metric, grid, most)
        if kept is not None and (single := _single_points(*kept, quiet_ms, most)):
            found.append(Series(device.pk, "readings", None, single))
        else:
            points = _points_in_steps(rows, grid, quiet_ms)
            found.append(Series(device.pk, "readings", grid.step_ms, points))
    return found


def _fold_readings(
    device_id: int, metric: str, grid: Grid, most: int
) -> tuple[list[Step], tuple[Any, Any] | None]:
    """Return the steps with readings, and the readings themselves where they are at most `most`.

    A day at a time: a device that sends many a second has millions in the weeks of a curve.
    """
    rows: list[Step] = []
    kept: list[tuple[Any, Any]] = []
    count = 0
    chunk_ms = max(1, CHUNK_MS // grid.step_ms) * grid.step_ms
    for start_ms in range(grid.start_ms, grid.end_ms, chunk_ms):
        # A request that ends within a step must not show what came after it.
        end_ms = min(start_ms + chunk_ms, grid.end_ms)
        columns = readings_between(device_id, start_ms, end_ms, (metric,))
        known = ~np.isnan(columns[metric])
        at, values = columns.timestamps[known], columns[metric][known]
        count += len(at)
        kept = [*kept, (at, values)] if count <= most else []
        rows += _steps_of(at, values, grid)
    if not most or count > most:
        return rows, None
    return rows, (
        np.concatenate([at for at, _values in kept]),
        np.concatenate([values for _at, values in kept]),
    )


def _single_points(at: Any, values: Any, quiet_ms: int, most: int) -> list[Point] | None:
    """Return every reading as a point and one without values in each gap; None if too many."""
    gaps = np.flatnonzero(np.diff(at) > quiet_ms)
    if len(at) + len(gaps) > most:
        return None
    points = [
        Point(at_ms, Envelope(value, value, value))
        for at_ms, value in zip(at.tolist(), values.tolist(), strict=True)
    ]
    for index in reversed(gaps.tolist()):
        points.insert(
            index + 1, Point((points[index].at_ms + points[index + 1].at_ms) // 2, NO_VALUES)
        )
    return points


class Step(NamedTuple):
    """A step's readings in short."""

    number: int
    first_ms: int
    last_ms: int
    envelope: Envelope


def _steps_of(at: Any, values: Any, grid: Grid) -> list[Step]:
    """Return the steps that readings lie in."""
    if not len(at):
        return []
    steps = (at - grid.start_ms) // grid.step_ms
    firsts = np.flatnonzero(np.diff(steps, prepend=steps[0] - 1))
    counts = np.diff(firsts, append=len(at))
    columns = (
        steps[firsts],
        at[firsts],
        at[firsts + counts - 1],
        np.minimum.reduceat(values, firsts),
        np.add.reduceat(values, firsts) / counts,
        np.maximum.reduceat(values, firsts),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        Step(number, first_ms, last_ms, Envelope(low, mean, high))
        for number, first_ms, last_ms, low, mean, high in rows
    ]


def _points_in_steps(rows: Sequence[Step], grid: Grid, quiet_ms: int) -> list[Point]:
    """Return a point for each step with readings, and one without values for each gap."""
    points: list[Point] = []
    before: Step | None = None
    for row in rows:
        # From the last reading of one step to the first of the next.
        is_gap = before is not None and row.first_ms - before.last_ms > quiet_ms
        if before is not None and is_gap and row.number > before.number + 1:
            points.append(Point(grid.start_ms + (before.number + 1) * grid.step_ms, NO_VALUES))
        points.append(Point(grid.start_ms + row.number * grid.step_ms, row.envelope))
        before = row
    return points


# -- from quarter-hours ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gathered:
    """What of a step's slots is known so far; `weight` is how many readings made the mean."""

    least: float
    greatest: float
    weighted: float
    weight: int

    def __or__(self, other: Gathered) -> Gathered:
        return Gathered(
            min(self.least, other.least),
            max(self.greatest, other.greatest),
            self.weighted + other.weighted,
            self.weight + other.weight,
        )

    def envelope(self) -> Envelope:
        return Envelope(self.least, self.weighted / self.weight, self.greatest)


def _series_of_slots(devices: Sequence[Device], metric: str, grid: Grid) -> list[Series]:
    by_device: dict[int, dict[int, Gathered]] = defaultdict(dict)
    for device_id, step, *values in _slot_rows(devices, metric, grid):
        by_device[device_id][int(step)] = Gathered(*values)
    for device_id, folded in tails_of(devices).items():
        gathered = by_device[device_id]
        for slot in folded.slots:
            step = (slot.start_ms - grid.start_ms) // grid.step_ms
            if 0 <= step < grid.steps and (found := _of_slot(slot, metric)):
                gathered[step] = gathered[step] | found if step in gathered else found
    return [
        Series(device.pk, "slots", grid.step_ms, _with_gaps(by_device[device.pk], grid))
        for device in devices
    ]


def _slot_rows(devices: Sequence[Device], metric: str, grid: Grid) -> list[tuple[Any, ...]]:
    """Return (device, step, least, greatest, weighted sum, weight) of every step with slots."""
    if metric == "energy":
        # Only slots with readings: in a gap the counter stands still in the ledger's eyes.
        values = "MIN(counter_wh) / 1000, MAX(counter_wh) / 1000, SUM(counter_wh) / 1000, COUNT(*)"
    else:
        values = f"MIN({metric}_min), MAX({metric}_max), SUM({metric}_mean * samples), SUM(samples)"
    known = "counter_wh" if metric == "energy" else f"{metric}_mean"
    ids = ", ".join(["%s"] * len(devices))
    sql = (
        f"SELECT device_id, ({as_ms('start')} - %s) / %s, {values} FROM monitoring_energyslot "  # noqa: S608 - of our own words
        f"WHERE device_id IN ({ids}) AND start >= %s AND start < %s "
        f"AND samples > 0 AND {known} IS NOT NULL GROUP BY 1, 2"
    )
    span = instant_parameter(grid.start_ms), instant_parameter(grid.end_ms)
    with reading_connection().cursor() as cursor:
        cursor.execute(sql, [grid.start_ms, grid.step_ms, *(one.pk for one in devices), *span])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _of_slot(slot: Slot, metric: str) -> Gathered | None:
    """Return what a slot that is not stored yet knows of a value."""
    if metric == "energy":
        last = slot.state.last
        if not slot.samples or last is None:
            return None
        counter_kwh = last.counter_wh / 1000
        return Gathered(counter_kwh, counter_kwh, counter_kwh, 1)
    least, mean, greatest = slot.envelopes[metric]
    if least is None or mean is None or greatest is None:
        return None
    return Gathered(least, greatest, mean * slot.samples, slot.samples)


def _with_gaps(gathered: Mapping[int, Gathered], grid: Grid) -> list[Point]:
    points: list[Point] = []
    before: int | None = None
    for step in sorted(gathered):
        if before is not None and step > before + 1:
            points.append(Point(grid.start_ms + (before + 1) * grid.step_ms, NO_VALUES))
        points.append(Point(grid.start_ms + step * grid.step_ms, gathered[step].envelope()))
        before = step
    return points

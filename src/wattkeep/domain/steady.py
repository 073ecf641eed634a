"""Steady readings of many devices folded at once: what `fold_slots` makes of each, but quickly.

Steady means that every counter is in line with the one before. So it is nearly always, and then
there is nothing to decide from one sample to the next: whole columns are reckoned at once. Gaps
are found here; what is estimated of them is for the caller to add, who knows the devices' weeks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattkeep.domain.counter import GAP_MS, MS_PER_HOUR, OVER_RANGE, SLACK_WH, CounterEvent
from wattkeep.domain.slots import METRICS, MWH_PER_WH, SLOT_MS, reckon_envelopes, to_wh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from wattkeep.domain.columns import Flags, Instants, Values


class SteadyStart(NamedTuple):
    """Where one device's readings go on: after the last accepted sample; and what its meter is."""

    last_ms: int
    last_wh: float
    range_w: float


class Mixed(NamedTuple):
    """Readings of several devices as one array a column, ordered by device and time.

    `owners` says whose each is, by its place in a list of devices. A value not known is NaN.
    """

    owners: NDArray[np.int64]
    timestamps: Instants
    values: Mapping[str, Values]


class SteadySlots(NamedTuple):
    """Slots with readings of the steady devices, as one array a column, by device and time.

    The counter's state at a slot's end is the slot's last sample; nothing waits. Energy is what the
    readings after the start add, without gaps; all else is made of all readings.
    """

    owners: list[int]
    starts: list[int]
    measured_mwh: list[int]
    samples: list[int]
    # For each metric least, mean and greatest; NaN where there is none.
    envelopes: list[list[float]]
    last_ms: list[int]
    last_wh: list[float]
    last_w: list[float]


class Steady(NamedTuple):
    """Which of the devices were steady, the slots of these, and their gaps with whose each is."""

    are: Flags
    slots: SteadySlots
    gaps: list[tuple[int, CounterEvent]]


def fold_steady(readings: Mixed, starts: Sequence[SteadyStart]) -> Steady:
    """Return which devices' readings are steady, and the slots that those make.

    Readings up to a device's start are known: they begin with a slot's first one, and the last of
    them is the start itself. A device without readings is not steady.
    """
    owners, timestamps, values = readings
    are = np.zeros(len(starts), np.bool_)
    if not len(owners):
        return Steady(are, _slots(readings, timestamps, np.empty(0)), [])
    last_ms, last_wh, range_w = np.array(starts, np.float64)[owners].T
    counters_wh = to_wh(values["energy"])
    is_first = np.diff(owners, prepend=-1) != 0
    is_new = timestamps > last_ms
    follows = is_new & ~is_first & np.roll(is_new, 1)
    before_ms = np.where(follows, np.roll(timestamps, 1), last_ms.astype(np.int64))
    # Between known ones nothing is to be reckoned.
    before_ms[~is_new] = timestamps[~is_new] - 1
    before_wh = np.where(follows, np.roll(counters_wh, 1), last_wh)
    with np.errstate(invalid="ignore", over="ignore"):
        risen_wh = counters_wh - before_wh
        possible_wh = range_w * OVER_RANGE * (timestamps - before_ms) / MS_PER_HOUR + SLACK_WH
        is_in_line = (risen_wh >= 0) & (risen_wh <= possible_wh)
    is_gap = is_new & (timestamps - before_ms > GAP_MS)
    # A known one without a counter is in no state, so nobody can tell how many are known.
    is_in_line[~is_new] = ~np.isnan(counters_wh[~is_new])
    # After a dip that lasts the state has the counter from before it, and the time of a sample
    # that shows less.
    is_start = timestamps == last_ms
    is_in_line[is_start] &= counters_wh[is_start] == last_wh[is_start]
    firsts = np.flatnonzero(is_first)
    are[owners[firsts]] = np.logical_and.reduceat(is_in_line, firsts)
    are &= np.bincount(owners[is_start], minlength=len(starts)) == 1
    chosen = are[owners]
    steady = Mixed(
        owners[chosen],
        timestamps[chosen],
        {**{name: values[name][chosen] for name in METRICS}, "wh": counters_wh[chosen]},
    )
    is_counted = (is_new & ~is_gap)[chosen]
    energy_mwh = np.where(is_counted, np.rint(risen_wh[chosen] * MWH_PER_WH), 0)
    columns = (owners, before_ms, timestamps, before_wh, counters_wh, risen_wh)
    rows = zip(*(column[is_gap & chosen].tolist() for column in columns), strict=True)
    gaps = [(owner, CounterEvent("gap", *event)) for owner, *event in rows]
    return Steady(are, _slots(steady, before_ms[chosen], energy_mwh), gaps)


def _slots(steady: Mixed, before_ms: Instants, energy_mwh: Values) -> SteadySlots:
    """Return the slots of steady readings, given how much each adds since which instant."""
    owners, timestamps, values = steady
    if not len(owners):
        return SteadySlots([], [], [], [], [], [], [], [])
    starts = timestamps - timestamps % SLOT_MS
    is_new = (np.diff(starts, prepend=-1) != 0) | (np.diff(owners, prepend=-1) != 0)
    firsts = np.flatnonzero(is_new)
    lasts = np.append(firsts[1:], len(owners)) - 1
    # Energy that reaches over a slot's start is split there, as a span is by `fold_slots`.
    reaches = firsts[before_ms[firsts] < starts[firsts]]
    passed_ms = timestamps[reaches] - before_ms[reaches]
    earlier_mwh = np.zeros(len(owners))
    earlier_mwh[reaches] = np.rint(
        energy_mwh[reaches] * (starts[reaches] - before_ms[reaches]) / passed_ms
    )
    measured = np.add.reduceat(energy_mwh - earlier_mwh, firsts)
    is_followed = np.diff(owners[firsts], append=-1) == 0
    measured += np.where(is_followed, np.roll(earlier_mwh[firsts], -1), 0)
    return SteadySlots(
        owners[firsts].tolist(),
        starts[firsts].tolist(),
        measured.astype(np.int64).tolist(),
        (lasts - firsts + 1).tolist(),
        [part.tolist() for metric in METRICS for part in reckon_envelopes(values[metric], firsts)],
        timestamps[lasts].tolist(),
        values["wh"][lasts].tolist(),
        values["power"][lasts].tolist(),
    )

"""The cases of docs/vectors/counters.json as the ledger takes them."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np

from wattkeep.domain.columns import Columns
from wattkeep.domain.counter import CounterState, Meter, Swap
from wattkeep.domain.instants import to_ms
from wattkeep.domain.slots import (
    METRICS,
    SLOT_MS,
    Start,
    WeekSums,
    fold_slots,
    profile_span,
    slot_start,
)

PATH = Path(__file__).parents[2] / "docs/vectors/counters.json"


def load_cases():
    return json.loads(PATH.read_text(encoding="utf-8"))


class Profiles:
    """The usual week from the slots of the case itself."""

    def profile(self, gap_start_ms, folded):
        start, end = profile_span(gap_start_ms)
        week = WeekSums()
        week.add((at, mwh, 1) for at, mwh in folded.items() if start <= at < end)
        return week.profile(gap_start_ms)


def samples_of(case):
    """Return (second, Wh, W) of a case, in the order of time."""
    rows, wh = [], case.get("first_wh", 0)
    for run in case.get("runs", ()):
        for second in range(run["from"], run["to"], run["step"]):
            rows.append((second, wh, run["power_w"]))
            wh += run["wh"][second // 3600 % 24]
    return sorted([*rows, *map(tuple, case["samples"])])


def fold_case(case, origin):
    """Return what the ledger makes of a case, as the file writes it."""
    origin_ms = to_ms(datetime.fromisoformat(origin))
    rows = samples_of(case)
    numbers = np.array([[s, w, np.nan if p is None else p] for s, w, p in rows], float)
    numbers = numbers.reshape(len(rows), 3)
    nothing = np.full(len(rows), np.nan)
    columns = Columns(
        origin_ms + (numbers[:, 0] * 1000).astype(np.int64),
        dict.fromkeys(METRICS, nothing) | {"energy": numbers[:, 1] / 1000, "power": numbers[:, 2]},
    )
    swaps = [
        Swap(origin_ms + swap["at"] * 1000, swap["closing_wh"], swap["opening_wh"])
        for swap in case.get("swaps", ())
    ]
    folded = fold_slots(
        columns,
        swaps,
        Meter(case.get("range_w", 23_000), case.get("has_counter", True)),
        Start(slot_start(origin_ms), CounterState()),
        Profiles(),
    )
    slots = {
        str((slot.start_ms - origin_ms) // SLOT_MS): [
            slot.measured_mwh / 1000,
            slot.estimated_mwh / 1000,
        ]
        for slot in folded.slots
        if slot.measured_mwh or slot.estimated_mwh
    }
    events = [
        {
            "kind": event.kind,
            "start": (event.start_ms - origin_ms) / 1000,
            "end": (event.end_ms - origin_ms) / 1000,
            "before_wh": event.before_wh,
            "after_wh": event.after_wh,
            "energy_wh": event.energy_wh,
            "times": times,
        }
        for event, times in folded.events
    ]
    first = case.get("only_from_slot", 0)
    since = case.get("only_events_from", 0)
    return (
        {at: both for at, both in slots.items() if int(at) >= first},
        [event for event in events if event["start"] >= since],
    )

"""Slots kept up to date: whatever arrives when, they are what one pass over everything makes."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wattkeep.domain.columns import Columns
from wattkeep.domain.counter import Meter
from wattkeep.domain.slots import METRICS, SLOT_MS, Start, fold_slots, make_profile, profile_span
from wattkeep.domain.counter import CounterState
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.ledger import folding
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.stored import load_events, load_slots, load_swaps
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.models import (
    EnergyReading,
    EnergySlot,
    LedgerMark,
    LedgerState,
    MeterEvent,
)

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 5, tzinfo=UTC)
START_MS = to_ms(START)
FRESH_MS = 120_000


def put(device, *rows):
    """Store readings of (second, counter Wh, power W)."""
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device,
            timestamp=from_ms(START_MS + int(second * 1000)),
            energy=wh / 1000,
            power=power,
            voltage=230.0,
        )
        for second, wh, power in rows
    )


def arrive(device, rows, now_ms):
    """Store a batch as ingest does: what is not fresh leaves a mark."""
    put(device, *rows)
    late = [int(s * 1000) + START_MS for s, *_ in rows if START_MS + s * 1000 < now_ms - FRESH_MS]
    if late:
        leave_mark(device.pk, min(late), max(late))


def ledger(device):
    return load_slots(device.pk, 0, None), load_events(device.pk, 0, None)


class Folded:
    """Shapes of gaps in a pass over everything."""

    def profile(self, gap_start_ms, folded):
        start, end = profile_span(gap_start_ms)
        return make_profile(
            [(at, mwh) for at, mwh in folded.items() if start <= at < end], gap_start_ms
        )


def whole(device):
    """Return slots and events of one pass over all readings there are."""
    rows = list(
        EnergyReading.objects.filter(device=device)
        .order_by("timestamp")
        .values_list("timestamp", "energy", *METRICS)
    )
    table = np.array([[to_ms(r[0]), *r[1:]] for r in rows], np.float64).reshape(len(rows), 7)
    names = ("energy", *METRICS)
    columns = Columns(
        table[:, 0].astype(np.int64), {n: table[:, i].copy() for i, n in enumerate(names, 1)}
    )
    first = to_ms(rows[0][0]) if rows else 0
    swaps = load_swaps(device.pk)
    first = min([first, *(swap.at_ms for swap in swaps)])
    folded = fold_slots(
        columns,
        swaps,
        Meter(float(device.range_w), device.has_counter),
        Start(first - first % SLOT_MS, CounterState()),
        Folded(),
    )
    return folded.slots, {(e.event.kind, e.event.start_ms): e for e in folded.events}


def test_one_run_makes_what_one_pass_makes(device):
    put(device, *((s, 1000 + s / 10, 360) for s in range(0, 4000, 10)))

    update_device(device.pk, START + timedelta(seconds=4000))

    slots, events = ledger(device)
    assert (slots, events) == whole(device)
    assert [slot.measured_mwh for slot in slots] == [90_000, 90_000, 90_000, 90_000, 39_000]


counters = st.one_of(
    st.integers(0, 15),
    st.integers(4_980, 5_010),
    st.integers(9_999_980, 10_000_000),
)


@st.composite
def histories(draw):
    """Return readings of (second, Wh, W): runs that rise, with pauses, dips and breaks between."""
    second, wh, rows = 0, draw(st.integers(0, 6000)), []
    for _ in range(draw(st.integers(1, 8))):
        what = draw(st.sampled_from(["run", "run", "odd", "pause", "jump", "dip"]))
        if what == "pause":
            second += draw(st.integers(200, 9000))
        elif what == "jump":
            wh = draw(counters)
        elif what == "dip":
            wh = max(0, wh - draw(st.integers(1, 30)))
        elif what == "odd":
            second += draw(st.integers(1, 200))
            rows.append((second, draw(counters), draw(st.integers(0, 3000))))
        else:
            step = draw(st.sampled_from([10, 60, 170]))
            for _ in range(draw(st.integers(1, 12))):
                second += step
                wh += draw(st.integers(0, 8))
                rows.append((second, wh, draw(st.integers(0, 3000))))
    return rows


@st.composite
def arrivals(draw):
    """Return batches in any order, and when the ledger runs in between."""
    rows = draw(histories())
    order = draw(st.permutations(rows)) if draw(st.booleans()) else rows
    batches, at = [], 0
    while at < len(order):
        size = draw(st.integers(1, 15))
        batches.append((order[at : at + size], draw(st.booleans())))
        at += size
    return batches


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    batches=arrivals(),
    has_counter=st.booleans(),
    stretch=st.sampled_from([1, 3, 40]),
    swap=st.none() | st.tuples(st.integers(0, 9000), st.none() | counters, st.none() | counters),
)
def test_any_order_of_arrival_makes_what_one_pass_makes(
    device, monkeypatch, batches, has_counter, stretch, swap
):
    for model in (EnergyReading, EnergySlot, LedgerMark, LedgerState, MeterEvent):
        model.objects.filter(device_id=device.pk).delete()
    monkeypatch.setattr(folding, "STRETCH_MS", stretch * SLOT_MS)
    device.has_counter = has_counter
    device.save()
    now_ms = START_MS
    for rows, runs in batches:
        now_ms = max(now_ms, START_MS + max(s for s, *_ in rows) * 1000)
        arrive(device, rows, now_ms)
        if runs:
            update_device(device.pk, from_ms(now_ms))
    if swap:
        at = from_ms(START_MS + swap[0] * 1000)
        MeterEvent.objects.create(
            device=device, kind="swap", timestamp=at, until=at, before_wh=swap[1], after_wh=swap[2]
        )
        leave_mark(device.pk, to_ms(at), to_ms(at))
    update_device(device.pk, from_ms(now_ms))

    assert ledger(device) == whole(device)
    assert not LedgerMark.objects.exists()

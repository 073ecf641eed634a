"""Readings put into the database, and what one pass over all of them makes."""

from datetime import UTC, datetime

import numpy as np

from wattkeep.domain.columns import Columns
from wattkeep.domain.counter import CounterState, Meter
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import (
    METRICS,
    Start,
    fold_slots,
    make_profile,
    profile_span,
    slot_start,
)
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.stored import load_events, load_slots, load_swaps
from wattkeep.monitoring.models import (
    DeviceBoot,
    EnergyReading,
    EnergySlot,
    LedgerMark,
    LedgerState,
    MeterEvent,
)

START = datetime(2026, 1, 5, tzinfo=UTC)
START_MS = to_ms(START)
FRESH_MS = 120_000
NAMES = ("energy", *METRICS)


def at(second):
    return from_ms(START_MS + int(second * 1000))


def put(device, *rows):
    """Store readings of (second, counter Wh, power W)."""
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device, timestamp=at(second), energy=wh / 1000, power=power, voltage=230.0
        )
        for second, wh, power in rows
    )


def arrive(device, rows, now):
    """Store a batch as ingest does: what is not fresh leaves a mark."""
    put(device, *rows)
    late = [to_ms(at(s)) for s, *_ in rows if to_ms(at(s)) < to_ms(now) - FRESH_MS]
    if late:
        leave_mark(device.pk, min(late), max(late))


def hear(device, now):
    """Note that a device spoke."""
    DeviceBoot.objects.update_or_create(
        device=device,
        boot="",
        defaults={"last_seen": now},
        create_defaults={"first_seen": now, "last_seen": now},
    )


def note_swap(device, second, closing_wh=None, opening_wh=None):
    MeterEvent.objects.create(
        device=device,
        kind="swap",
        timestamp=at(second),
        until=at(second),
        before_wh=closing_wh,
        after_wh=opening_wh,
    )
    leave_mark(device.pk, to_ms(at(second)), to_ms(at(second)))


def forget(device):
    """Take away everything that is known of a device."""
    for model in (EnergyReading, EnergySlot, LedgerMark, LedgerState, MeterEvent):
        model.objects.filter(device_id=device.pk).delete()


def stored(device):
    return load_slots(device.pk, 0, None), load_events(device.pk, 0, None)


class ProfilesOfThePass:
    """Shapes of gaps in a pass over everything."""

    def profile(self, gap_start_ms, folded):
        start, end = profile_span(gap_start_ms)
        slots = [(at_ms, mwh) for at_ms, mwh in folded.items() if start <= at_ms < end]
        return make_profile(slots, gap_start_ms)


def whole(device):
    """Return slots and events of one pass over all readings there are."""
    rows = EnergyReading.objects.filter(device=device).order_by("timestamp")
    found = [(to_ms(when), *rest) for when, *rest in rows.values_list("timestamp", *NAMES)]
    table = np.array(found, np.float64).reshape(len(found), 1 + len(NAMES))
    columns = Columns(
        table[:, 0].astype(np.int64),
        {name: table[:, place].copy() for place, name in enumerate(NAMES, 1)},
    )
    swaps = load_swaps(device.pk)
    firsts = [row[0] for row in found[:1]] + [swap.at_ms for swap in swaps[:1]]
    folded = fold_slots(
        columns,
        swaps,
        Meter(float(device.range_w), device.has_counter),
        Start(slot_start(min(firsts, default=0)), CounterState()),
        ProfilesOfThePass(),
    )
    return folded.slots, {(one.event.kind, one.event.start_ms): one for one in folded.events}

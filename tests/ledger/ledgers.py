"""Readings put into the database, and what one pass over all of them makes."""

import threading
from datetime import UTC, datetime

import numpy as np
from django.db import connection

from wattkeep.domain.columns import Columns
from wattkeep.domain.counter import CounterState, Meter
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.readings import Reading
from wattkeep.domain.slots import (
    METRICS,
    Start,
    WeekSums,
    fold_slots,
    profile_span,
    slot_start,
)
from wattkeep.ingest.batches import Batch
from wattkeep.ingest.stores import open_store
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.stored import load_events, load_slots, load_swaps
from wattkeep.ledger.update import update_due
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


def history(dice):
    """Return readings with everything in them that the rules know."""
    second, wh, rows = 0, 4990, []
    for _ in range(60):
        second += dice.choice([10, 60, 200, 900])
        wh = dice.choice([wh + 1, wh + 3, wh + 5, wh, max(0, wh - 4), 0, 9_999_990])
        rows.append((second, wh, dice.randrange(3000)))
        for _ in range(dice.randrange(6)):
            second += 10
            wh += dice.randrange(3)
            rows.append((second, wh, dice.randrange(3000)))
    return rows


def race(device, dice):
    """Post readings in any order through a real store while two others make the slots.

    Return how often these ran meanwhile.
    """
    rows = history(dice)
    end = at(rows[-1][0])
    dice.shuffle(rows)
    is_over = threading.Event()
    ran = []

    def keep_up():
        while not is_over.is_set():
            ran.append(len(update_due(end)))
        connection.close()

    keepers = [threading.Thread(target=keep_up) for _ in range(2)]
    store = open_store()
    store._clock = end.timestamp
    for keeper in keepers:
        keeper.start()
    try:
        for first in range(0, len(rows), 7):
            readings = [
                Reading(device.pk, to_ms(at(second)), 230.0, 1.0, power, wh / 1000, 50.0, 1.0)
                for second, wh, power in rows[first : first + 7]
            ]
            batch = Batch(device.pk, readings, [False] * len(readings), is_array=True)
            store.commit([batch], [(device.pk, to_ms(end))])
    finally:
        is_over.set()
        for keeper in keepers:
            keeper.join(60)
        store.close()
    update_due(end)
    return len(ran)


class ProfilesOfThePass:
    """Shapes of gaps in a pass over everything."""

    def profile(self, gap_start_ms, folded):
        start, end = profile_span(gap_start_ms)
        week = WeekSums()
        week.add((at_ms, mwh, 1) for at_ms, mwh in folded.items() if start <= at_ms < end)
        return week.profile(gap_start_ms)


def whole(device):
    """Return slots and events of one pass over all readings there are."""
    rows = EnergyReading.objects.filter(device=device).order_by("timestamp")
    found = [(to_ms(when), *rest) for when, *rest in rows.values_list("timestamp", *NAMES)]
    table = np.array(found, np.float64).reshape(len(found), 1 + len(NAMES))
    columns = Columns(
        table[:, 0].astype(np.int64),
        {name: table[:, place].copy() for place, name in enumerate(NAMES, 1)},
    )
    swaps = load_swaps([device.pk])[device.pk]
    firsts = [row[0] for row in found[:1]] + [swap.at_ms for swap in swaps[:1]]
    folded = fold_slots(
        columns,
        swaps,
        Meter(float(device.range_w), device.has_counter),
        Start(slot_start(min(firsts, default=0)), CounterState()),
        ProfilesOfThePass(),
    )
    return folded.slots, {(one.event.kind, one.event.start_ms): one for one in folded.events}

"""Slots kept up to date: whatever arrives when, they are what one pass over everything makes."""

import random
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.ledgers import (
    START,
    arrive,
    at,
    forget,
    hear,
    note_swap,
    put,
    race,
    stored,
    whole,
)
from running import environment
from wattkeep.domain.instants import to_ms
from wattkeep.domain.slots import SLOT_MS
from wattkeep.ledger import folding, update
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.update import MovedError, due_devices, open_job, update_device, update_due
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import (
    EnergyReading,
    EnergySlot,
    LedgerMark,
    LedgerState,
    MeterEvent,
    ReadingBlock,
)

pytestmark = pytest.mark.django_db
HOUR = 3600
DAY = 24 * HOUR


def steady(start, end, *, step=60, first_wh=1000, power=600):
    """Return readings of a steady load."""
    return [
        (second, first_wh + int((second - start) * power / 3600), power)
        for second in range(start, end, step)
    ]


def test_one_run_makes_what_one_pass_makes(device):
    put(device, *((s, 1000 + s / 10, 360) for s in range(0, 4000, 10)))

    update_device(device.pk, at(4000))

    slots, events = stored(device)
    assert (slots, events) == whole(device)
    assert [slot.measured_mwh for slot in slots] == [90_000, 90_000, 90_000, 90_000, 39_000]


def test_second_run_changes_nothing(device):
    put(device, *steady(0, 5000))
    update_device(device.pk, at(5000))
    before = list(EnergySlot.objects.filter(device=device).values())

    assert update_device(device.pk, at(5030)) == 0
    assert list(EnergySlot.objects.filter(device=device).values()) == before


def test_a_run_reads_no_further_back_than_it_must(device, django_assert_max_num_queries):
    put(device, *steady(0, 3 * DAY))
    update_device(device.pk, at(3 * DAY))
    put(device, (3 * DAY + 10, 44_202, 600))

    job = open_job(device.pk, at(3 * DAY + 30))
    stretch = folding.next_stretch(folding.find_end(job.source), job.spans[-1])

    assert stretch.start_ms >= to_ms(at(3 * DAY)) - 2 * SLOT_MS


def test_late_data_is_run_until_the_counter_is_where_it_was(device):
    rows = steady(0, 10 * DAY, step=300)
    late = [row for row in rows if DAY <= row[0] < DAY + 6 * HOUR]
    put(device, *(row for row in rows if row not in late))
    update_device(device.pk, at(10 * DAY))
    [gap] = MeterEvent.objects.filter(device=device, kind="gap")
    arrive(device, late, at(10 * DAY))

    job = open_job(device.pk, at(10 * DAY))
    first = folding.next_stretch(folding.find_end(job.source), job.spans[0])
    update_device(device.pk, at(10 * DAY))

    assert (gap.timestamp, gap.until) == (at(DAY - 300), at(DAY + 6 * HOUR))
    assert first.is_end
    assert first.end_ms < to_ms(at(DAY + 8 * HOUR))
    assert stored(device) == whole(device)
    assert not MeterEvent.objects.filter(device=device).exists()
    assert not LedgerMark.objects.exists()


def test_gaps_take_their_shape_from_the_weeks_before_and_again_when_those_change(device):
    """Evenings use ten times as much; the gap of the third week is filled accordingly."""
    rows, wh = [], 0.0
    for second in range(0, 24 * DAY, 200):
        is_evening, is_second_sunday = second // HOUR % 24 >= 18, second // DAY == 13
        wh += (20 if is_evening else 2) * (3 if is_second_sunday else 1)
        rows.append((second, wh, 100))
    missing = [row for row in rows if 20 * DAY + HOUR <= row[0] < 21 * DAY + HOUR]
    late = [row for row in rows if 13 * DAY + 18 * HOUR <= row[0] < 14 * DAY]
    put(device, *(row for row in rows if row not in missing and row not in late))
    update_device(device.pk, at(24 * DAY))
    before = stored(device)
    day, evening = (
        EnergySlot.objects.get(device=device, start=at(20 * DAY + hour * HOUR)).estimated_mwh
        for hour in (12, 19)
    )
    assert evening > 4 * day > 0
    assert before == whole(device)

    arrive(device, late, at(24 * DAY))
    update_device(device.pk, at(24 * DAY))

    after = stored(device)
    assert after == whole(device)
    changed = {
        new.start_ms
        for new, old in zip(after[0][-500:], before[0][-500:], strict=True)
        if new != old
    }
    assert any(to_ms(at(20 * DAY)) < start < to_ms(at(22 * DAY)) for start in changed)


def test_a_gap_of_weeks_is_written_in_pieces(device):
    put(
        device,
        (0, 1000, 60),
        (60, 1001, 60),
        (25 * DAY, 64_000, 60),
        (25 * DAY + 60, 64_001, 60),
    )

    steps = []
    update._make_states([device.pk])
    for step in update._steps(open_job(device.pk, at(26 * DAY))):
        update._save(step)
        steps.append((len(step.differences.slots), len(step.differences.events), step.is_last))

    assert (1000, 0, False) in steps
    assert max(size for size, *_ in steps) == 1000
    assert steps[-1][1:] == (1, True)
    assert stored(device) == whole(device)
    assert sum(slot.estimated_mwh for slot in stored(device)[0]) == (64_000 - 1001) * 1000


def test_readings_that_retention_took_are_not_missed(device):
    rows = steady(0, 4 * DAY, step=120)
    put(device, *rows)
    update_device(device.pk, at(4 * DAY))
    before = stored(device)
    EnergyReading.objects.filter(device=device, timestamp__lt=at(2 * DAY)).delete()
    LedgerState.objects.filter(device=device).update(raw_from=at(2 * DAY))
    arrive(device, [(DAY, 0, 0)], at(4 * DAY))
    leave_mark(device.pk, 0)

    update_device(device.pk, at(4 * DAY + 30))

    assert stored(device) == before
    assert not LedgerMark.objects.exists()


def test_a_mark_touched_during_a_run_outlives_it(device):
    put(device, *steady(0, DAY))
    update_device(device.pk, at(DAY))
    leave_mark(device.pk, to_ms(at(HOUR)), to_ms(at(HOUR)))
    steps = update._steps(open_job(device.pk, at(DAY)))
    leave_mark(device.pk, to_ms(at(HOUR)), to_ms(at(2 * HOUR)))
    for step in steps:
        update._save(step)

    [mark] = LedgerMark.objects.filter(device=device)

    assert (mark.start, mark.until, mark.touched) == (at(HOUR), at(2 * HOUR), 1)


def test_whoever_computed_from_older_slots_starts_again(device):
    put(device, *steady(0, HOUR))
    update_device(device.pk, at(HOUR))
    put(device, (HOUR + 10, 1602, 600))
    slow = next(update._steps(open_job(device.pk, at(HOUR + 20))))
    put(device, (HOUR + 30, 1605, 600))
    update_device(device.pk, at(HOUR + 40))

    with pytest.raises(MovedError):
        update._save(slow)

    assert stored(device) == whole(device)


def test_marks_join_and_the_widest_end_wins(device):
    leave_mark(device.pk, to_ms(at(0)), to_ms(at(HOUR)))
    leave_mark(device.pk, to_ms(at(10)), to_ms(at(60)))
    [mark] = LedgerMark.objects.filter(device=device)
    assert (mark.start, mark.until, mark.touched) == (at(0), at(HOUR), 1)

    leave_mark(device.pk, to_ms(at(10)))
    leave_mark(device.pk, to_ms(at(10)), to_ms(at(60)))

    mark.refresh_from_db()
    assert (mark.until, mark.touched) == (None, 3)


def test_due_are_devices_that_spoke_or_are_marked(device, owner):
    silent, marked, new = (create_device(owner, name)[0] for name in ("B", "C", "D"))
    for one in (device, silent, marked):
        put(one, *steady(0, HOUR))
        hear(one, at(HOUR))
    assert update_due(at(HOUR)) == [device.pk, silent.pk, marked.pk]
    later = at(2 * HOUR)
    # Once more: a reading may have come in while the last run was at it.
    assert update_due(later) == [device.pk, silent.pk, marked.pk]
    assert update_due(later) == []

    hear(device, later)
    hear(new, later)
    leave_mark(marked.pk, to_ms(at(0)), to_ms(at(0)))
    leave_mark(999_999, to_ms(at(0)))

    assert due_devices(later) == [device.pk, marked.pk, new.pk]
    assert update_due(later) == [device.pk, marked.pk, new.pk]
    assert stored(device) == whole(device)


def test_clock_set_back_keeps_nobody_waiting(device):
    put(device, *steady(0, HOUR))
    hear(device, at(HOUR))
    update_due(at(10 * DAY))
    put(device, (HOUR + 60, 1610, 600))

    assert update_due(at(HOUR + 70)) == [device.pk]

    assert stored(device) == whole(device)


def test_days_of_downtime_are_made_up_for(device):
    put(device, *steady(0, HOUR))
    hear(device, at(HOUR))
    update_due(at(HOUR))
    put(device, *steady(HOUR, 9 * DAY, first_wh=1600))
    hear(device, at(9 * DAY))

    update_due(at(9 * DAY))

    assert stored(device) == whole(device)


def test_one_device_that_fails_keeps_no_other_waiting(device, owner):
    other = create_device(owner, "Shed")[0]
    for one in (device, other):
        put(one, *steady(0, HOUR))
        hear(one, at(HOUR))
    # A sealed day of a format that nobody knows.
    blank = dict.fromkeys(
        ("timestamps", "power", "energy", "voltage", "current", "frequency", "power_factor"), b""
    )
    ReadingBlock.objects.create(device=device, day=START, format=99, count=1, checksum=0, **blank)

    with pytest.raises(update.DevicesFailedError) as caught:
        update_due(at(HOUR))

    assert list(caught.value.failed) == [device.pk]
    assert stored(other) == whole(other)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_what_one_makes(device):
    put(device, *steady(0, 6 * HOUR))
    gate = threading.Barrier(2)

    def run():
        gate.wait(60)
        for _ in range(3):
            update_device(device.pk, at(6 * HOUR))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert stored(device) == whole(device)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_readings_that_come_while_two_make_the_slots_are_all_in_them(device, seed):
    assert race(device, random.Random(seed)) > 0

    assert stored(device) == whole(device)
    assert not LedgerMark.objects.exists()


counters = st.one_of(
    st.integers(0, 15), st.integers(4_980, 5_010), st.integers(9_999_980, 10_000_000)
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
    """Return batches in any order, and after which of them the ledger runs."""
    rows = draw(histories())
    order = draw(st.permutations(rows)) if draw(st.booleans()) else rows
    batches, first = [], 0
    while first < len(order):
        size = draw(st.integers(1, 15))
        batches.append((order[first : first + size], draw(st.booleans())))
        first += size
    return batches


swaps = st.none() | st.tuples(st.integers(0, 9000), st.none() | counters, st.none() | counters)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=arrivals(), has_counter=st.booleans(), slots=st.sampled_from([1, 3, 40]), swap=swaps)
def test_any_order_of_arrival_makes_what_one_pass_makes(device, batches, has_counter, slots, swap):
    forget(device)
    device.has_counter = has_counter
    device.save()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "STRETCH_MS", slots * SLOT_MS)
        now = at(0)
        for rows, runs in batches:
            now = max(now, at(max(second for second, *_ in rows)))
            arrive(device, rows, now)
            if runs:
                update_device(device.pk, now)
        if swap:
            note_swap(device, *swap)
        update_device(device.pk, now + timedelta(seconds=1))

    assert stored(device) == whole(device)
    assert not LedgerMark.objects.exists()


def test_postgres_makes_the_same(postgres_url, tmp_path):
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE DATABASE ledger")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("slots_on_postgres.py")],
        env=environment(
            WATTKEEP_DATABASE_URL=postgres_url.replace("/postgres?", "/ledger?"),
            WATTKEEP_DATA_DIR=str(tmp_path),
            PYTHONPATH=f"{Path(__file__).parents[1]}:{Path(__file__).parents[2] / 'src'}",
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.split() == ["same"] * 14

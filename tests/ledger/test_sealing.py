"""Whatever happens while a day is sealed, each of its readings is there once afterwards."""

import json
import os
import random
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.db import OperationalError, connection

from ledger.days import (
    DAY,
    DAY_MS,
    as_rows,
    counts,
    household,
    readings_of,
    store_household,
    store_rows,
)
from running import environment
from wattkeep.domain.instants import from_ms
from wattkeep.history.consumption import used_between
from wattkeep.ledger.blocks import BlockError, open_block
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.sealing import SealedDay, seal_day, seal_days, seal_due
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import ReadingBlock

NOON = from_ms(DAY + 3 * DAY_MS + DAY_MS // 2)


def test_finished_days_are_sealed_and_today_is_not(device, owner):
    other = create_device(owner, "Garage")[0]
    stored = store_household(device.pk, 40 * 24, step_ms=360_000)
    theirs = store_household(other.pk, 100, start_ms=DAY + DAY_MS)

    report = seal_due(NOON)

    assert report.days == [
        SealedDay(device.pk, DAY, 240),
        SealedDay(device.pk, DAY + DAY_MS, 240),
        SealedDay(device.pk, DAY + 2 * DAY_MS, 240),
        SealedDay(other.pk, DAY + DAY_MS, 100),
    ]
    assert report.problems == []
    assert (counts(device.pk), counts(other.pk)) == ((240, 720), (0, 100))
    assert (readings_of(device.pk), readings_of(other.pk)) == (stored, theirs)


@pytest.mark.parametrize(("hours", "days"), [(5.99, 0), (6, 1)])
def test_day_is_left_to_settle_for_six_hours(device, hours, days):
    store_household(device.pk, 10)

    report = seal_due(from_ms(DAY + DAY_MS) + timedelta(hours=hours))

    assert len(report.days) == days


def test_sealing_again_changes_nothing(device):
    store_household(device.pk, 10)
    seal_due(NOON)
    before = list(ReadingBlock.objects.values())

    assert seal_due(NOON).days == []
    assert list(ReadingBlock.objects.values()) == before


def test_late_readings_are_merged_into_the_block(device):
    timestamps, values = household(300)
    late = np.arange(300) % 3 == 1
    store_rows(device.pk, timestamps[~late], {name: values[name][~late] for name in values})
    seal_due(NOON)
    store_rows(device.pk, timestamps[late], {name: values[name][late] for name in values})

    assert seal_due(NOON).days == [SealedDay(device.pk, DAY, 300)]
    assert counts(device.pk) == (0, 300)
    assert readings_of(device.pk) == as_rows(timestamps, values)


def test_reading_sent_again_after_sealing_is_counted_once(device):
    stored = store_household(device.pk, 10)
    seal_due(NOON)
    store_household(device.pk, 10)

    seal_due(NOON)

    assert (counts(device.pk), readings_of(device.pk)) == ((0, 10), stored)


def test_more_rows_than_one_delete_takes_are_sealed(device):
    stored = store_household(device.pk, 21_000, step_ms=1000)

    assert seal_day(device.pk, DAY) == SealedDay(device.pk, DAY, 21_000)
    assert (counts(device.pk), readings_of(device.pk)) == ((0, 21_000), stored)


def test_unreadable_block_keeps_its_late_rows_and_the_other_days_are_sealed(device):
    store_household(device.pk, 10)
    seal_due(NOON)
    ReadingBlock.objects.update(checksum=1)
    store_household(device.pk, 5, start_ms=DAY + DAY_MS // 2)
    store_household(device.pk, 7, start_ms=DAY + DAY_MS)

    report = seal_due(NOON)

    assert report.days == [SealedDay(device.pk, DAY + DAY_MS, 7)]
    assert [(one.device_id, one.day_ms) for one in report.problems] == [(device.pk, DAY)]
    assert counts(device.pk) == (5, 17)
    with pytest.raises(BlockError, match="the checksum is wrong"):
        open_block(ReadingBlock.objects.first())


@pytest.mark.parametrize("is_known", [False, True], ids=["new device", "late readings"])
def test_what_the_ledger_has_not_counted_yet_is_in_the_figures_all_along(device, is_known):
    if is_known:
        update_device(device.pk, NOON)
    store_household(device.pk, 960, step_ms=180_000)
    leave_mark(device.pk, DAY, DAY + 2 * DAY_MS)
    edges = [from_ms(DAY + number * DAY_MS) for number in range(3)]
    before = used_between([device], edges)[device.pk]
    assert all(day.measured_mwh > 0 for day in before)

    seal_due(NOON)

    assert counts(device.pk) == (0, 960)
    assert used_between([device], edges)[device.pk] == before


def test_sealing_can_be_stopped_between_days(device):
    store_household(device.pk, 30, step_ms=DAY_MS // 10)

    next(seal_days(NOON))

    assert counts(device.pk) == (20, 10)


def test_day_without_rows_is_no_block(device):
    assert seal_day(device.pk, DAY) is None
    assert not ReadingBlock.objects.exists()


# -- while others write and seal --------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_rows_that_come_while_a_day_is_sealed_are_left_alone(device):
    """A writer puts rows between those that are being sealed, all the time."""
    timestamps, values = household(4000)
    is_late = np.arange(4000) % 2 == 1
    late = timestamps[is_late], {name: values[name][is_late] for name in values}
    store_rows(device.pk, timestamps[~is_late], {n: values[n][~is_late] for n in values})
    has_sealed = threading.Event()

    def seal_again_and_again():
        while not has_sealed.is_set():
            seal_day(device.pk, DAY)
        connection.close()

    sealer = threading.Thread(target=seal_again_and_again)
    sealer.start()
    for start in range(0, 2000, 50):
        part = {name: late[1][name][start : start + 50] for name in values}
        store_rows(device.pk, late[0][start : start + 50], part)
    has_sealed.set()
    sealer.join()
    seal_day(device.pk, DAY)

    assert counts(device.pk) == (0, 4000)
    assert readings_of(device.pk) == as_rows(timestamps, values)


@pytest.mark.django_db(transaction=True)
def test_readers_miss_nothing_while_days_are_sealed(device):
    stored = store_household(device.pk, 1000, step_ms=DAY_MS // 100)
    seen = []
    is_sealed = threading.Event()

    def read():
        while not is_sealed.is_set():
            seen.append(readings_of(device.pk) == stored)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    report = seal_due(from_ms(DAY + 20 * DAY_MS))
    is_sealed.set()
    reader.join()

    assert len(report.days) == 10
    assert all(seen)


@pytest.mark.django_db(transaction=True)
def test_several_sealers_at_once_seal_each_reading_once(device):
    stored = store_household(device.pk, 3000, step_ms=DAY_MS // 300)
    everybody = threading.Barrier(3)

    def seal():
        everybody.wait()
        seal_due(from_ms(DAY + 20 * DAY_MS))
        connection.close()

    sealers = [threading.Thread(target=seal) for _ in range(3)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()
    seal_due(from_ms(DAY + 20 * DAY_MS))

    assert counts(device.pk) == (0, 3000)
    assert readings_of(device.pk) == stored


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_full_disk_loses_nothing_and_sealing_goes_on_afterwards(device):
    stored = store_household(device.pk, 4320, step_ms=40_000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(OperationalError, match="full"):
        seal_due(NOON)
    assert readings_of(device.pk) == stored
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count=1073741823")

    assert len(seal_due(NOON).days) == 2
    assert (counts(device.pk), readings_of(device.pk)) == ((0, 4320), stored)


def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path):
    kills = int(os.environ.get("SEAL_KILLS", "40"))
    seed = random.randrange(10**6)

    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killing.py"), str(kills), str(seed)],
        env=environment(WATTKEEP_DATA_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )

    print(f"seed {seed}: {done.stdout}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] >= kills
    assert found["problems"] == []


def test_postgres_seals_keeps_and_drops_the_same(postgres_url, tmp_path):
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE DATABASE sealing")

    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("on_postgres.py")],
        env=environment(
            WATTKEEP_DATABASE_URL=postgres_url.replace("/postgres?", "/sealing?"),
            WATTKEEP_DATA_DIR=str(tmp_path),
        ),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "before the late rows are merged": True,
        "after they were merged": True,
        "rows and sealed": [0, 1000],
        "before and after": [True, True],
        "last": True,
        "while rows come": True,
        "NaN and NULL": [True, [False, True, True, True], [False, True, True, True]],
        "problems": [],
        "is estimate": False,
        "sealed readings": [2000, 1000, 4],
        "sizes": True,
        "dropped days": 3,
        "kept": True,
    }

"""Everything made again: nothing differs on a healthy system, and what is damaged is put right."""

import re
from datetime import timedelta

import pytest
from django.db.models import F

from ledger.ledgers import arrive, at, forget, hear, note_swap, put, stored, whole
from running import PASSWORD, make_installation, run
from wattkeep.domain.slots import SLOT_MS
from wattkeep.ledger import folding
from wattkeep.ledger.rebuild import EventDifference, SlotDifference, compare_device, rebuild_device
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.models import (
    EnergyReading,
    EnergySlot,
    LedgerMark,
    LedgerState,
    MeterEvent,
)

pytestmark = pytest.mark.django_db
HOUR = 3600
DAY = 24 * HOUR
NOW = at(3 * DAY)


@pytest.fixture
def days(device, monkeypatch):
    """Return a device with three days of everything, and its slots made."""
    monkeypatch.setattr(folding, "STRETCH_MS", 20 * SLOT_MS)
    rows = [(s, 1000 + s // 6, 600) for s in range(0, 3 * DAY, 120)]
    rows = [row for row in rows if not DAY < row[0] < DAY + 7 * HOUR]
    rows = [(s, 3, w) if s == 2 * DAY else (s, wh, w) for s, wh, w in rows]
    put(device, *rows)
    note_swap(device, DAY + 20 * HOUR, 1000 + (DAY + 20 * HOUR) // 6, 1000 + (DAY + 20 * HOUR) // 6)
    update_device(device.pk, NOW)
    return device


def test_nothing_differs_on_a_healthy_system(days):
    before = list(EnergySlot.objects.filter(device=days).values())
    state = LedgerState.objects.get(device=days)

    comparison = compare_device(days.pk, NOW)

    assert (comparison.slots, comparison.events) == ([], [])
    assert comparison.made_slots > 280
    assert rebuild_device(days.pk, NOW).is_same
    assert list(EnergySlot.objects.filter(device=days).values()) == before
    assert LedgerState.objects.get(device=days).version == state.version + 1


def test_damage_is_told_and_put_right(days):
    right = stored(days)
    EnergySlot.objects.filter(device=days, start=at(2 * HOUR)).update(
        measured_mwh=F("measured_mwh") + 5
    )
    EnergySlot.objects.filter(device=days, start=at(30 * HOUR)).delete()
    EnergySlot.objects.create(device=days, start=at(-DAY), measured_mwh=7)
    MeterEvent.objects.filter(device=days, kind="gap").delete()
    MeterEvent.objects.create(device=days, kind="reset", timestamp=at(HOUR), until=at(HOUR))
    MeterEvent.objects.create(device=days, kind="silent", timestamp=at(HOUR), until=at(HOUR))

    told = compare_device(days.pk, NOW)
    again = rebuild_device(days.pk, NOW)

    assert told == again
    assert told.slots[0] == SlotDifference(at(-DAY), 7, 0)
    assert (told.slots[1].start, told.slots[1].stored_mwh - told.slots[1].made_mwh) == (
        at(2 * HOUR), 5,
    )  # fmt: skip
    assert told.slots[2].start == at(30 * HOUR)
    assert told.events == [
        EventDifference("reset", at(HOUR), is_stored=True, is_made=False),
        EventDifference("gap", at(DAY), is_stored=False, is_made=True),
    ]
    assert stored(days) == right == whole(days)
    assert MeterEvent.objects.filter(device=days, kind="silent").exists()


def test_states_are_compared_as_well_as_energy(days):
    EnergySlot.objects.filter(device=days, start=at(2 * HOUR)).update(counter_wh=1)

    assert [one.start for one in compare_device(days.pk, NOW).slots] == [at(2 * HOUR)]


def test_what_is_not_made_yet_is_no_difference(days):
    arrive(days, [(DAY + HOUR, 1000 + (DAY + HOUR) // 6, 600)], NOW)
    put(days, (3 * DAY, 1000 + 3 * DAY // 6, 600))

    comparison = compare_device(days.pk, NOW + timedelta(minutes=1))

    assert comparison.is_same
    assert comparison.up_to <= at(DAY + HOUR)
    assert rebuild_device(days.pk, NOW + timedelta(minutes=1)).is_same
    assert stored(days) == whole(days)
    assert not LedgerMark.objects.exists()


def test_slots_whose_readings_are_gone_stay(days):
    before = stored(days)
    EnergyReading.objects.filter(device=days, timestamp__lt=at(DAY + 12 * HOUR)).delete()
    LedgerState.objects.filter(device=days).update(raw_from=at(DAY + 12 * HOUR))

    assert rebuild_device(days.pk, NOW).is_same
    assert stored(days) == before


def test_a_device_without_readings_has_nothing_to_differ(device):
    assert rebuild_device(device.pk, NOW).is_same
    forget(device)
    assert compare_device(device.pk, NOW).is_same


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return the folder of an installation with a device."""
    folder = tmp_path_factory.mktemp("home")
    make_installation(folder)
    run("user", "add", "ada", "--password-stdin", "--data-dir", folder, stdin=f"{PASSWORD}\n")
    assert run("device", "add", "House", "--user", "ada", "--data-dir", folder).returncode == 0
    return folder


def test_the_command_tells_what_differs_and_how_far_it_is(home):
    import sqlite3
    from contextlib import closing

    at_ms = 1_780_272_000_000
    with closing(sqlite3.connect(home / "wattkeep.sqlite3")) as db, db:
        db.executemany(
            "INSERT INTO monitoring_energyreading (device_id, timestamp, energy) VALUES (1, ?, ?)",
            [(at_ms + n * 60_000, n / 1000) for n in range(100)],
        )
    dry = run("ledger", "rebuild", "--dry-run", "--data-dir", home)
    made = run("ledger", "rebuild", "--data-dir", home)
    with closing(sqlite3.connect(home / "wattkeep.sqlite3")) as db, db:
        db.execute("UPDATE monitoring_energyslot SET measured_mwh = 1 WHERE start = ?", [at_ms])
    told = run("ledger", "rebuild", "--dry-run", "--device", "House", "--data-dir", home)
    right = run("ledger", "rebuild", "--device", "1", "--data-dir", home)
    same = run("ledger", "rebuild", "--data-dir", home)
    status = run("ledger", "status", "--data-dir", home)

    assert [one.stderr for one in (dry, made, told, right, same, status)] == [""] * 6
    assert dry.stdout == "1 House: 0 quarter-hours, all as stored\nNothing differs.\n"
    assert made.stdout == "1 House: 6 quarter-hours, all as stored\nNothing differs.\n"
    assert told.stdout == (
        "1 House: 1 of 6 quarter-hours and 0 events differ, +14.999 Wh in all\n"
        "  2026-06-01 00:00 stored 0.001 Wh, made 15.000 Wh\n"
    )
    assert right.stdout == told.stdout.replace("differ,", "differed and are put right,")
    assert same.stdout == made.stdout
    assert re.search(r"1 +│ House", status.stdout)
    assert re.search(r"ledger +│ 0:00:30 +│ never", status.stdout)


def test_the_command_knows_no_other_device(home):
    done = run("ledger", "rebuild", "--device", "Shed", "--data-dir", home)

    assert (done.returncode, "there is no device called 'Shed'" in done.stderr) == (1, True)


def test_a_ledger_that_heard_of_nothing_has_no_work(device):
    hear(device, NOW)
    update_device(device.pk, NOW)

    assert compare_device(device.pk, NOW).made_slots == 0

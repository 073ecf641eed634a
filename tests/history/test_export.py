"""Files of readings and quarter-hours: exact, and no larger in memory than some days."""

import csv
import gc
import io
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stored import VALUES, store_counter
from wattkeep.history.export import file_name, readings_csv, slots_csv
from wattkeep.ledger.corrections import Wish, set_correction
from wattkeep.ledger.sealing import seal_due
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.models import EnergyReading, ReadingBlock

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ODD = [0.1 + 0.2, 1e-300, 1e22, 5e-324, 123456.789, 1 / 3]


def rows_of(chunks):
    return list(csv.DictReader(io.StringIO("".join(chunks))))


def test_reading_is_a_line_in_utc_to_the_millisecond(device):
    at = NOON + timedelta(milliseconds=7)
    EnergyReading.objects.create(device=device, timestamp=at, **VALUES)

    assert "".join(readings_csv(device, NOON, NOON + DAY)) == (
        "timestamp,voltage,current,power,energy,frequency,power_factor\n"
        "2026-11-20T12:00:00.007Z,230.5,2.345,540.67,12.456,50.0,0.98\n"
    )


def test_every_number_comes_back_bit_for_bit_also_from_sealed_days(device):
    stored = [
        EnergyReading(device=device, timestamp=NOON + n * MINUTE, **{**VALUES, "power": value})
        for n, value in enumerate(ODD)
    ]
    EnergyReading.objects.bulk_create(stored)
    before = "".join(readings_csv(device, NOON, NOON + DAY))

    seal_due(NOON + 5 * DAY)

    assert ReadingBlock.objects.count() == 1
    assert "".join(readings_csv(device, NOON, NOON + DAY)) == before
    powers = [float(row["power"]) for row in rows_of([before])]
    assert [power.hex() for power in powers] == [value.hex() for value in ODD]


def test_value_that_is_not_known_is_an_empty_cell(device):
    EnergyReading.objects.create(device=device, timestamp=NOON, energy=3.5)

    [row] = rows_of(readings_csv(device, NOON, NOON + DAY))

    assert row == {**dict.fromkeys(VALUES, ""), "timestamp": "2026-11-20T12:00:00.000Z",
                   "energy": "3.5"}  # fmt: skip


def test_span_is_from_its_start_to_before_its_end(device):
    store_counter(device, *((NOON + n * DAY, float(n)) for n in range(4)))

    rows = rows_of(readings_csv(device, NOON + DAY, NOON + 3 * DAY))

    assert [row["energy"] for row in rows] == ["1.0", "2.0"]


def test_quarter_hours_have_corrections_and_parts_in_kwh(device, owner):
    store_counter(device, *((NOON + n * MINUTE, 10 + n / 100) for n in range(31)))
    update_device(device.pk, NOON + 31 * MINUTE)
    set_correction(device, Wish(NOON, NOON + 15 * MINUTE, 500.0, "guessed"), owner, NOON + DAY)

    rows = rows_of(slots_csv(device, NOON - DAY, NOON + DAY))

    parts = ("start", "end", "consumption", "measured", "estimated", "corrected", "samples")
    assert [[row[part] for part in parts] for row in rows] == [
        ["2026-11-20T12:00:00Z", "2026-11-20T12:15:00Z", "0.5", "0.0", "0.0", "0.5", "15"],
        ["2026-11-20T12:15:00Z", "2026-11-20T12:30:00Z", "0.15", "0.15", "0.0", "0.0", "15"],
        ["2026-11-20T12:30:00Z", "2026-11-20T12:45:00Z", "0.0", "0.0", "0.0", "0.0", "1"],
    ]
    assert {row["power_mean"] for row in rows} == {"540.67"}


def test_quarter_hours_that_are_not_stored_yet_are_there(device):
    store_counter(device, *((NOON + n * MINUTE, 10 + n / 100) for n in range(11)))

    at_once = rows_of(slots_csv(device, NOON, NOON + DAY))
    update_device(device.pk, NOON + 5 * MINUTE)
    EnergyReading.objects.create(
        device=device, timestamp=NOON + 11 * MINUTE, **{**VALUES, "energy": 10.11, "power": None}
    )
    [row] = rows_of(slots_csv(device, NOON, NOON + DAY))

    assert [one["consumption"] for one in at_once] == ["0.1"]
    assert at_once[0]["samples"] == "11"
    assert (row["consumption"], row["samples"], row["power_max"]) == ("0.11", "12", "540.67")
    assert row["voltage_mean"] == "230.5"


def test_long_file_takes_no_more_memory_than_a_short_one(device):
    def peak(write, days):
        tracemalloc.start()
        for _ in write(device, NOON, NOON + days * DAY):
            if write is slots_csv:
                gc.collect()  # what only the collector frees is not held
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    store_counter(device, *((NOON + n * 5 * MINUTE, n / 100) for n in range(48 * 288)))
    update_device(device.pk, NOON + 48 * DAY)
    for write in (readings_csv, slots_csv):
        peak(write, 1)

        assert peak(write, 48) < 1.4 * peak(write, 24)


def test_centuries_without_anything_are_not_walked_through(device):
    store_counter(device, *((NOON + n * MINUTE, 10 + n / 100) for n in range(11)))

    with CaptureQueriesContext(connection) as queries:
        rows = rows_of(slots_csv(device, datetime(1970, 1, 2, tzinfo=UTC), NOON + DAY))

    assert len(rows) == 1
    assert len(queries) < 30


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Main meter", "main-meter-readings-20261120-20261121.csv"),
        ('=cmd|"/c calc"!A1', "cmdc-calca1-readings-20261120-20261121.csv"),
        ("../../etc/passwd\r\nX: y", "etcpasswd-x-y-readings-20261120-20261121.csv"),
        ("電気", "device-{}-readings-20261120-20261121.csv"),
        ("n" * 100, f"{'n' * 60}-readings-20261120-20261121.csv"),
    ],
)
def test_file_is_named_after_its_device_harmlessly(device, name, file):
    device.name = name

    assert file_name(device, "readings", NOON, NOON + DAY) == file.format(device.pk)

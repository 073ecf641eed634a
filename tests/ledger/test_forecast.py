"""What takes room is measured and named; what a year adds follows from what a day did."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from ledger.days import DAY, DAY_MS, store_household
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.forecast import SLOT_BYTES, make_forecast, measure_database
from wattkeep.ledger.sealing import seal_due
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergySlot, LedgerState

NOW = from_ms(DAY + 4 * DAY_MS) + timedelta(hours=1)


@pytest.fixture
def four_days(device):
    """Store four days of a reading every five minutes, three of them sealed, and their slots."""
    store_household(device.pk, 4 * 288, step_ms=300_000)
    LedgerState.objects.create(device=device, done_to=NOW)
    seal_due(NOW)
    EnergySlot.objects.bulk_create(
        EnergySlot(device=device, start=from_ms(DAY + number * 900_000)) for number in range(384)
    )


@pytest.mark.sqlite
def test_every_byte_of_the_file_is_named(four_days):
    found = measure_database()
    tables = (found.rows, found.blocks, found.slots)
    named = sum(table.data_bytes + table.index_bytes for table in tables)

    assert not found.is_estimate
    assert [table.rows for table in tables] == [288, 3, 384]
    assert named + found.other_bytes + found.free_bytes == found.total_bytes
    assert found.rows.data_bytes > 288 * 40
    assert found.blocks.data_bytes > 3 * 288
    # Clustered: a reading has no index beside its row.
    assert (found.rows.index_bytes, found.slots.index_bytes) == (0, 0)
    assert found.blocks.index_bytes > 0


@pytest.mark.sqlite
def test_device_takes_what_its_sealed_days_took(device, four_days):
    (found,) = make_forecast(NOW).devices

    assert (found.name, found.site, found.is_measured) == ("House", "Home", True)
    assert (found.sealed_readings, found.rows, found.slots) == (864, 288, 384)
    assert found.readings_a_day == 288
    assert found.sealed_bytes_a_day == pytest.approx(found.sealed_bytes / 3, rel=0.01)
    assert 1 < found.bytes_a_reading < 8
    assert found.slots_bytes_a_day == 96 * SLOT_BYTES


def test_year_grows_with_what_is_kept(device, four_days):
    device.site.keep_raw_days = 45
    device.site.save()
    forecast = make_forecast(NOW)

    assert [choice.keep_raw_days for choice in forecast.choices] == [None, 365, 90, 45, 30, 7]
    sizes = [choice.bytes_in_a_year for choice in forecast.choices]
    assert sizes == sorted(sizes, reverse=True)
    assert [c.keep_raw_days for c in forecast.choices if c.is_present] == [45]
    assert forecast.bytes_in_a_year == sizes[3]
    (house,) = forecast.devices
    assert sizes[3] - sizes[4] == pytest.approx(15 * house.sealed_bytes_a_day, abs=2)
    # What is there now stays, and a year comes on top of it.
    assert sizes[0] - sizes[5] == pytest.approx((3 + 365 - 7) * house.sealed_bytes_a_day, rel=0.001)


def test_new_device_is_told_from_its_interval(device, owner, four_days):
    fast = create_device(owner, "Workshop", interval_s=5)[0]
    house, workshop = make_forecast(NOW).devices

    assert (workshop.device_id, workshop.is_measured) == (fast.pk, False)
    assert workshop.readings_a_day == 17_280
    assert workshop.bytes_a_reading == pytest.approx(house.bytes_a_reading, rel=0.01)


def test_quiet_device_adds_nothing(device):
    store_household(device.pk, 100)
    LedgerState.objects.create(device=device, done_to=NOW)
    seal_due(NOW)

    (house,) = make_forecast(NOW + timedelta(days=60)).devices

    assert (house.readings_a_day, house.sealed_bytes_a_day, house.slots_bytes_a_day) == (0, 0, 0)
    assert house.bytes_in_days(365, None) == house.sealed_bytes


def test_empty_installation_has_a_forecast(db):
    forecast = make_forecast(NOW)

    assert forecast.devices == ()
    assert forecast.bytes_in_a_year < forecast.database.total_bytes


class WithoutDbstat:
    """An SQLite that was built without the table that tells sizes."""

    def __call__(self, execute, sql, *rest):
        if "dbstat" in sql:
            raise OperationalError("no such table: dbstat")
        return execute(sql, *rest)


@pytest.mark.sqlite
def test_sizes_are_estimated_where_sqlite_cannot_tell(device, four_days):
    measured = make_forecast(NOW)
    with connection.execute_wrapper(WithoutDbstat()):
        estimated = make_forecast(NOW)

    assert estimated.database.is_estimate
    assert estimated.database.total_bytes == measured.database.total_bytes
    for what in ("rows", "blocks"):
        real, guess = getattr(measured.database, what), getattr(estimated.database, what)
        assert replace(guess, data_bytes=0, index_bytes=0) == replace(
            real, data_bytes=0, index_bytes=0
        )
        assert guess.data_bytes == pytest.approx(real.data_bytes, rel=0.5)


@pytest.mark.sqlite
def test_query_count_does_not_grow_with_devices(device, owner, django_assert_max_num_queries):
    for number in range(5):
        create_device(owner, f"Device {number}")

    with django_assert_max_num_queries(15):
        assert len(make_forecast(NOW).devices) == 6

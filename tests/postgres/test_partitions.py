"""A sealed day goes with its partition; a late row never goes with it."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection, transaction

from wattkeep.domain.instants import to_ms
from wattkeep.ingest.postgres_choice import connection_parameters
from wattkeep.ledger.blocks import open_block
from wattkeep.ledger.readings import readings_between
from wattkeep.ledger.sealing import seal_days, seal_due
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading, ReadingBlock
from wattkeep.monitoring.partitions import (
    STRAYS,
    day_partitions,
    flatten_statements,
    is_partitioned,
    make_partitions,
    partition_statements,
)

DAY = datetime(2026, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTLED = DAY + 31 * HOUR

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def partitions(_on_postgres):
    """Have a partition for the day and the one after it, and no others left behind."""
    make_partitions(DAY)
    yield
    with connection.cursor() as cursor:
        for one in day_partitions():
            if one.day.year == DAY.year and one.day.month == DAY.month:
                cursor.execute(f"DROP TABLE {one.name}")


def store(device, *minutes, power=100.0):
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device, timestamp=DAY + timedelta(minutes=one), voltage=230.0, current=1.0,
            power=power, energy=5 + one / 1000, frequency=50.0, power_factor=1.0,
        )
        for one in minutes
    )  # fmt: skip


def names():
    return [one.name[-9:] for one in day_partitions() if one.day.month == DAY.month]


def another_connection():
    parameters = connection_parameters(connection.settings_dict)
    return psycopg.connect(**parameters, autocommit=True)


def in_table(name):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {name}")
        return cursor.fetchone()[0]


def instants(device):
    end = to_ms(DAY + timedelta(days=9))
    return [int(one) for one in readings_between(device.pk, 0, end).timestamps]


def at(*minutes):
    return [to_ms(DAY + timedelta(minutes=one)) for one in minutes]


def test_each_day_has_a_partition_made_ahead():
    assert is_partitioned()
    assert names() == ["d20260310", "d20260311"]
    assert make_partitions(DAY + 2 * HOUR) == []
    assert [one.name[-9:] for one in make_partitions(DAY + 24 * HOUR)] == ["d20260312"]


def test_a_question_about_a_day_looks_into_its_partition_only(device):
    store(device, 1, 2)
    rows = EnergyReading.objects.filter(
        device=device, timestamp__gte=DAY, timestamp__lt=DAY + 24 * HOUR
    )

    plan = rows.explain()

    assert "d20260310" in plan
    assert "d20260311" not in plan
    assert STRAYS in plan or "strays" not in plan


def test_a_sealed_day_goes_with_its_partition(device, owner):
    other = create_device(owner, "Shed")[0]
    store(device, *range(50))
    store(other, *range(0, 50, 5))
    store(device, 1500)
    before = instants(device), instants(other)

    report = seal_due(SETTLED)

    assert [(one.device_id, one.readings) for one in report.days] == [
        (device.pk, 50),
        (other.pk, 10),
    ]
    assert names() == ["d20260311"]
    assert EnergyReading.objects.count() == 1
    assert (instants(device), instants(other)) == before
    assert seal_due(SETTLED).days == []


def test_a_day_is_not_sealed_before_it_is_settled(device):
    store(device, 1)

    assert seal_due(DAY + 29 * HOUR).days == []

    assert names() == ["d20260310", "d20260311"]


def test_what_comes_late_while_a_day_is_sealed_is_not_lost(device, owner):
    other = create_device(owner, "Shed")[0]
    store(device, 1, 2)
    store(other, 1)
    steps = seal_days(SETTLED)
    next(steps)  # the first device's rows are in its block, and are still rows

    store(device, 3)
    done = [(one.device_id, one.readings) for one in steps]

    assert done == [(other.pk, 1), (device.pk, 3)]
    assert names() == ["d20260311"]
    assert instants(device) == at(1, 2, 3)
    assert EnergyReading.objects.count() == 0


def test_what_comes_after_that_goes_to_the_strays_and_is_sealed_from_there(device):
    store(device, 1, 2)
    seal_due(SETTLED)

    store(device, 2, 3, power=999.0)

    assert in_table(STRAYS) == 2
    assert instants(device) == at(1, 2, 3)
    assert seal_due(SETTLED).days[0].readings == 3
    assert in_table(STRAYS) == 0
    assert instants(device) == at(1, 2, 3)
    # The first that was acknowledged stays.
    assert list(open_block(ReadingBlock.objects.get()).values["power"]) == [100.0, 100.0, 999.0]


def test_a_day_stays_while_a_prepared_transaction_remains(device):
    store(device, 1)
    with another_connection() as other:
        if other.execute("SHOW max_prepared_transactions").fetchone()[0] == "0":
            pytest.skip("this server takes no prepared transactions")
        other.execute("BEGIN; CREATE TABLE of_another (id int); PREPARE TRANSACTION 'late'")
        try:
            seal_due(SETTLED)
            assert names() == ["d20260310", "d20260311"]
            assert in_table("monitoring_energyreading_d20260310") == 1  # nor is it deleted
        finally:
            other.execute("ROLLBACK PREPARED 'late'")

    seal_due(SETTLED)

    assert names() == ["d20260311"]
    assert instants(device) == at(1)


def test_a_long_look_at_a_day_puts_its_end_off_and_keeps_nobody_out(device):
    store(device, 1)
    with another_connection() as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM monitoring_energyreading").fetchall()
        seal_due(SETTLED)
        assert names() == ["d20260310", "d20260311"]
        store(device, 1600)
        assert instants(device) == at(1, 1600)
        other.execute("COMMIT")

    assert seal_due(SETTLED).days == []  # it was sealed; only its end was missing
    assert names() == ["d20260311"]


def test_a_block_that_cannot_be_read_keeps_its_own_rows_only(device, owner):
    other = create_device(owner, "Shed")[0]
    store(device, 1)
    seal_due(SETTLED)
    ReadingBlock.objects.update(checksum=1)
    make_partitions(DAY)
    store(device, 2)
    store(other, 5)

    report = seal_due(SETTLED)

    # Once with its partition, once on its own.
    assert {one.device_id for one in report.problems} == {device.pk}
    assert EnergyReading.objects.filter(device=other).count() == 0
    assert EnergyReading.objects.filter(device=device).count() == 1
    assert instants(other) == at(5)


def test_a_day_whose_rows_came_first_keeps_them_among_the_strays(device):
    later = DAY + timedelta(days=5)
    EnergyReading.objects.create(device=device, timestamp=later + HOUR, energy=1.0)

    made = make_partitions(later)

    assert [one.day for one in made] == [later + timedelta(days=1)]
    assert in_table(STRAYS) == 1


def test_a_plain_table_becomes_a_partitioned_one_and_back_with_every_row(device):
    store(device, 1, 2, 1500)
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in flatten_statements():
            cursor.execute(statement)
    assert not is_partitioned()
    assert instants(device) == at(1, 2, 1500)
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in partition_statements():
            cursor.execute(statement)
    assert is_partitioned()
    assert (in_table(STRAYS), instants(device)) == (3, at(1, 2, 1500))
    # The days of rows that are there stay as they are; the next one gets its own.
    assert [one.name[-9:] for one in make_partitions(DAY + 24 * HOUR)] == ["d20260312"]
    assert [one.readings for one in seal_due(DAY + 72 * HOUR).days] == [2, 1]
    assert instants(device) == at(1, 2, 1500)

"""What the migrations make of SQLite: telemetry in primary key order, times as integers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.core.management import call_command
from django.db import connection

from stored import VALUES, store
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.monitoring.models import EnergyReading

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

TELEMETRY = ("monitoring_energyreading", "monitoring_deviceboot", "monitoring_meterevent")
AT = datetime(2026, 11, 23, 10, 0, 0, 123_000, tzinfo=UTC)


def ask(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def plan_of(queryset):
    return [row[3] for row in ask("EXPLAIN QUERY PLAN " + as_sql(queryset))]


def as_sql(queryset):
    sql, params = queryset.query.sql_with_params()
    return sql % tuple(to_ms(one) if isinstance(one, datetime) else one for one in params)


def test_migrations_are_complete():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("table", TELEMETRY)
def test_telemetry_table_is_stored_in_primary_key_order(table):
    [(sql,)] = ask("SELECT sql FROM sqlite_master WHERE name = %s", table)

    assert sql.endswith("WITHOUT ROWID")
    assert 'PRIMARY KEY ("device_id", ' in sql


@pytest.mark.parametrize("table", TELEMETRY)
def test_telemetry_table_has_no_index_but_its_key(table):
    indexes = ask(f"PRAGMA index_list({table})")

    assert [origin for _, _, _, origin, _ in indexes] == ["pk"]


def test_reading_columns_are_an_integer_time_and_six_numbers():
    found = ask("PRAGMA table_info(monitoring_energyreading)")
    columns = {name: kind for _, name, kind, *_ in found}

    assert columns == {
        "device_id": "bigint",
        "timestamp": "bigint",
        **dict.fromkeys(VALUES, "REAL"),
    }


def test_range_of_readings_is_found_by_the_primary_key(device):
    readings = EnergyReading.objects.filter(
        device=device, timestamp__gte=AT, timestamp__lt=AT + timedelta(days=1)
    )

    [step] = plan_of(readings.order_by("timestamp"))
    key = "PRIMARY KEY (device_id=? AND timestamp>? AND timestamp<?)"
    assert step == f"SEARCH monitoring_energyreading USING {key}"


def test_newest_reading_is_found_without_sorting(device):
    newest = EnergyReading.objects.filter(device=device).order_by("-timestamp")[:1]

    assert plan_of(newest) == ["SEARCH monitoring_energyreading USING PRIMARY KEY (device_id=?)"]


def test_time_is_stored_as_milliseconds_and_comes_back_in_utc(device):
    at = AT.astimezone(timezone(timedelta(hours=5, minutes=45))) + timedelta(microseconds=999)

    store(device, at)

    assert ask("SELECT timestamp, typeof(timestamp) FROM monitoring_energyreading") == [
        (1_795_428_000_123, "integer")
    ]
    back = EnergyReading.objects.get(device=device).timestamp
    assert (back, back.tzinfo) == (AT, UTC)


def test_reading_is_found_by_its_key_and_by_ranges_to_the_millisecond(device):
    reading = store(device, AT)
    readings = EnergyReading.objects.filter(device=device)

    assert EnergyReading.objects.get(pk=(device.pk, AT)) == reading
    assert readings.filter(timestamp__gte=AT).exists()
    assert not readings.filter(timestamp__gt=AT).exists()
    assert readings.filter(timestamp__in=[AT]).exists()
    assert readings.filter(timestamp__range=(AT, AT)).exists()
    assert readings.values_list("timestamp", flat=True).get() == AT


@pytest.mark.parametrize("ms", [1_577_836_800_000, 1_795_428_000_001, 4_102_444_799_999])
def test_every_millisecond_comes_back(device, ms):
    store(device, from_ms(ms))

    assert to_ms(EnergyReading.objects.get(device=device).timestamp) == ms


def test_naive_time_is_refused(device):
    naive = AT.replace(tzinfo=None)

    with pytest.raises(ValueError, match=r"timestamp: .* has no time zone"):
        store(device, naive)
    with pytest.raises(ValueError, match="has no time zone"):
        EnergyReading.objects.filter(timestamp__lt=naive).exists()


def test_foreign_keys_are_enforced_and_commits_reach_the_disk():
    assert ask("PRAGMA foreign_keys") == [(1,)]
    assert ask("PRAGMA synchronous") == [(2,)]

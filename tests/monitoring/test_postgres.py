"""The same migrations on a real PostgreSQL."""

import json
import subprocess
import sys

import pytest

from running import environment, run

ROUND_TRIP = """
import json
from datetime import UTC, datetime
import django
django.setup()
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading

device, _ = create_device(create_account("ada", "lantern-orbit-7"), "House")
at = datetime(2026, 11, 23, 10, 0, 0, 123_999, tzinfo=UTC)
EnergyReading.objects.create(
    device=device, timestamp=at, voltage=230.5, current=2.3, power=540.7, energy=12.4,
    frequency=50.0, power_factor=0.98,
)
back = EnergyReading.objects.get(device=device, timestamp__gte=at.replace(microsecond=123_000))
print(json.dumps([back.timestamp.isoformat(), device.last_seen]))
"""


@pytest.fixture(scope="module")
def migrated(postgres_url):
    """Return the address of a database of this module's own, with our tables."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE DATABASE tables")
    url = postgres_url.replace("/postgres?", "/tables?")
    done = run("manage", "migrate", "--verbosity", "0", WATTKEEP_DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    return url


def ask(url, sql):
    import psycopg

    with psycopg.connect(url) as db:
        return db.execute(sql).fetchall()


def test_times_of_telemetry_are_timestamptz(migrated):
    found = ask(
        migrated,
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND (column_name IN ('timestamp', 'until')"
        " OR column_name LIKE '%_seen')"
        # Partitions have their table's columns.
        " AND NOT (SELECT relispartition FROM pg_class"
        " WHERE oid = format('%I', table_name)::regclass) ORDER BY 1, 2",
    )

    assert found == [
        (table, column, "timestamp with time zone")
        for table, column in [
            ("monitoring_deviceboot", "first_seen"),
            ("monitoring_deviceboot", "last_seen"),
            ("monitoring_energyreading", "timestamp"),
            ("monitoring_lease", "until"),
            ("monitoring_ledgermark", "until"),
            ("monitoring_meterevent", "timestamp"),
            ("monitoring_meterevent", "until"),
        ]
    ]


def test_key_of_readings_is_device_and_time(migrated):
    found = ask(
        migrated,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'monitoring_energyreading'::regclass AND contype IN ('p', 'f', 'u')",
    )

    assert found == [('PRIMARY KEY (device_id, "timestamp")',)]


def test_migrations_are_complete_there_too(migrated):
    done = run("manage", "makemigrations", "--check", "--dry-run", WATTKEEP_DATABASE_URL=migrated)

    assert (done.returncode, done.stdout) == (0, "No changes detected\n")


def test_reading_comes_back_to_the_millisecond(migrated):
    done = subprocess.run(
        [sys.executable, "-c", ROUND_TRIP],
        env=environment(WATTKEEP_DATABASE_URL=migrated),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert json.loads(done.stdout) == ["2026-11-23T10:00:00.123000+00:00", None]

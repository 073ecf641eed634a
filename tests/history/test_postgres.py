"""The same figures on a real PostgreSQL, where sums and curves are other statements."""

import json
import subprocess
import sys

import pytest

from running import environment, run

FIGURES = """
import json
from datetime import UTC, datetime, timedelta
import django
django.setup()
from django.core.cache import cache
from wattkeep.domain.calendar import By
from wattkeep.history.consumption import consumption
from wattkeep.history.export import readings_csv, slots_csv
from wattkeep.history.series import series
from wattkeep.history.why import why
from wattkeep.ledger.corrections import Wish, set_correction
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.deletion import delete_device, sweep_telemetry
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading

user = create_account("ada", "lantern-orbit-7", time_zone="Europe/Paris")
devices = [create_device(user, name)[0] for name in ("House", "Shed")]
START = datetime(2026, 3, 28, 23, tzinfo=UTC)  # in Paris, the day of 23 hours


def store(device, minutes):
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device, timestamp=START + timedelta(minutes=n), voltage=230.0 + n % 3,
            current=1.0, power=600.0 + n % 7, energy=10 + n / 100, frequency=50.0,
            power_factor=None if n % 2 else 0.98,
        )
        for n in minutes
    )


for device in devices:
    store(device, range(1000))
    update_device(device.pk, START + timedelta(minutes=1000))
    store(device, range(1000, 1441))
set_correction(
    devices[0], Wish(START, START + timedelta(hours=1), 5.0, "x"), user, START + timedelta(days=9)
)
end = START + timedelta(days=2)
found = consumption(devices, START, end, By.DAY, devices[0].site.zone)
curves = series(devices, "voltage", START, START + timedelta(days=20), 500)
short = series(devices[:1], "power_factor", START, START + timedelta(minutes=9), 500)
counter = series(devices[:1], "energy", START, START + timedelta(days=20), 500)
print(json.dumps({
    "energies": [
        [[e.measured_mwh, e.estimated_mwh, e.corrected_mwh] for e in of_device]
        for of_device in found.by_device.values()
    ],
    "edges": [edge.isoformat() for edge in found.edges],
    "curves": [[p.at_ms, *p.envelope] for curve in curves for p in curve.points],
    "short": [[p.at_ms, *p.envelope] for p in short[0].points],
    "counter": [p.envelope.greatest for p in counter[0].points][-1],
    "why": len(why(devices[0], START + timedelta(hours=3)).samples),
    "slots": "".join(slots_csv(devices[0], START, end)),
    "readings": "".join(readings_csv(devices[0], START, START + timedelta(minutes=3))),
    "deleted": delete_device(devices[1], "Shed"),
    "swept": sweep_telemetry(),
    "left": EnergyReading.objects.count(),
}))
"""


@pytest.fixture(scope="module")
def migrated(postgres_url):
    """Return the address of a database of this module's own, with our tables."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE DATABASE figures")
    url = postgres_url.replace("/postgres?", "/figures?")
    done = run("manage", "migrate", "--verbosity", "0", WATTKEEP_DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    return url


def figures(**settings):
    done = subprocess.run(
        [sys.executable, "-c", FIGURES],
        env={**environment(**settings), "DJANGO_SETTINGS_MODULE": "wattkeep.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_figures_are_the_same_on_both_databases(migrated, tmp_path):
    here = {"WATTKEEP_DATA_DIR": str(tmp_path)}
    assert run("manage", "migrate", **here).returncode == 0

    of_sqlite = figures(**here)
    of_postgres = figures(WATTKEEP_DATABASE_URL=migrated)

    assert of_postgres == of_sqlite
    assert of_sqlite["energies"] == [
        [[13_200_000, 0, 5_000], [600_000, 0, 0], [0, 0, 0]],
        [[13_800_000, 0, 0], [600_000, 0, 0], [0, 0, 0]],
    ]
    assert of_sqlite["left"] == 1441

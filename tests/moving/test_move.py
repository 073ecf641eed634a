"""From SQLite to PostgreSQL with the product's own command, while a real server takes readings.

`MOVE_DAYS=365 MOVE_STEP_S=10 pytest tests/moving -s --timeout 0` moves a year of five devices.
"""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
import urllib3

from running import PATIENCE_S, READING, Running, command, environment, run

DAYS = int(os.environ.get("MOVE_DAYS", "14"))
STEP_S = int(os.environ.get("MOVE_STEP_S", "60"))
WITHIN_S = 250 + DAYS * 600 // STEP_S
OK = 201
TELEMETRY = {
    "monitoring_energyreading": "timestamp",
    "monitoring_readingblock": "day",
    "monitoring_energyslot": "start",
    "monitoring_meterevent": "timestamp",
}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """Return a folder with an installation on SQLite, and its devices' keys."""
    folder = tmp_path_factory.mktemp("seeded")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("seed.py"), str(DAYS), str(STEP_S)],
        env=environment(WATTKEEP_DATA_DIR=str(folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.fixture
def installation(seeded, tmp_path):
    """Return a copy of it that a test may change."""
    folder, keys = seeded
    copy = tmp_path / "data"
    copy.mkdir(mode=0o700)
    source = sqlite3.connect(folder / "wattkeep.sqlite3")
    target = sqlite3.connect(copy / "wattkeep.sqlite3")
    with contextlib.closing(source), contextlib.closing(target):
        source.backup(target)
    (copy / "secret-key").write_text((folder / "secret-key").read_text())
    return copy, keys


@pytest.fixture
def empty_url(postgres_url, request):
    name = f"move_{abs(hash(request.node.name)) % 10**8}"
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    return postgres_url.replace("/postgres?", f"/{name}?")


class Posting:
    """Posts readings of each device until told to stop; keeps what was acknowledged."""

    def __init__(self, site, keys):
        self.acknowledged = []
        self.refused = 0
        self._site = site
        self._keys = keys
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._post, daemon=True)

    def _post(self):
        number = 0
        while not self._stop.wait(0.02):
            for device_id, key in self._keys.items():
                number += 1
                body = {**READING, "energy": 5000 + number / 1000, "power": float(number)}
                try:
                    answer = self._site.post(key, body)
                except urllib3.exceptions.HTTPError:
                    self.refused += 1
                    continue
                if answer.status == OK:
                    self.acknowledged.append((int(device_id), float(number)))
                else:
                    assert answer.status == 503, answer
                    self.refused += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(PATIENCE_S)


def move(folder, url, **options):
    done = subprocess.run(
        command("db", "move", "--to", url, "--data-dir", folder),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sqlite_rows(path, table, at):
    with contextlib.closing(sqlite3.connect(path)) as db:
        cursor = db.execute(f'SELECT * FROM "{table}" ORDER BY device_id, "{at}"')
        names = [one[0] for one in cursor.description]
        return names, sorted(cursor.fetchall(), key=repr)


def postgres_rows(url, table, names):
    with psycopg.connect(url) as db:
        types = dict(
            db.execute(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_name = %s",
                [table],
            ).fetchall()
        )
        columns = ", ".join(
            f'(extract(epoch FROM "{name}") * 1000)::bigint'
            if types[name].startswith("timestamp")
            else f'"{name}"'
            for name in names
        )
        return sorted(db.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)


def test_everything_is_moved_while_readings_arrive(installation, empty_url):
    folder, keys = installation
    with Running(folder) as server, Posting(server, keys) as posting:
        while len(posting.acknowledged) < 20:
            time.sleep(0.01)
        began = time.monotonic()

        told = move(folder, empty_url)

        took_s = time.monotonic() - began
        during = len(posting.acknowledged)
        refused_before = posting.refused
        while posting.refused < refused_before + 3:  # the old database takes nothing any more
            time.sleep(0.01)
        assert during == len(posting.acknowledged)
        server.process.end()
        server.start()  # with nothing but what lies in its folder
        while len(posting.acknowledged) < during + 20:
            time.sleep(0.01)
    print(f"{told}\nin {took_s:.1f} s; {during} acknowledged meanwhile, {posting.refused} refused")

    with psycopg.connect(empty_url) as db:
        stored = db.execute(
            "SELECT device_id, power FROM monitoring_energyreading WHERE energy >= 5000"
        ).fetchall()
        assert sorted(stored) == sorted(posting.acknowledged)
        assert db.execute("SELECT to_regclass('wattkeep_move')").fetchone() == (None,)
    with contextlib.closing(sqlite3.connect(folder / "wattkeep.sqlite3")) as db:
        left = {
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type <> 'index'")
        }
    assert not {name for name in left if name.startswith(("monitoring_", "wattkeep_moving"))}


def test_each_row_is_the_same_on_both_sides(installation, empty_url):
    folder, _ = installation

    move(folder, empty_url)

    path = folder / "wattkeep.sqlite3"
    for table, at in TELEMETRY.items():
        names, ours = sqlite_rows(path, f"moved_{table}", at)
        assert postgres_rows(empty_url, table, names) == ours, table
        assert ours, table
    with contextlib.closing(sqlite3.connect(path)) as old, psycopg.connect(empty_url) as new:
        for sql in (
            "SELECT id, name, key_prefix, site_id, user_id FROM {}monitoring_device ORDER BY 1",
            "SELECT id, reason, energy_wh, device_id FROM {}monitoring_correction ORDER BY 1",
        ):
            there = new.execute(sql.format("")).fetchall()
            assert there == old.execute(sql.format("moved_")).fetchall() != []
        made = "SELECT created_at FROM {}monitoring_device ORDER BY id"
        assert [str(at)[:19] for (at,) in new.execute(made.format("")).fetchall()] == [
            at[:19] for (at,) in old.execute(made.format("moved_")).fetchall()
        ]


def test_it_goes_on_where_it_was_killed(installation, empty_url):
    folder, keys = installation
    killed = 0
    with Running(folder) as server, Posting(server, keys) as posting:
        for lines in (3, 8, 15):
            process = subprocess.Popen(
                command("db", "move", "--to", empty_url, "--data-dir", folder),
                env=environment(PYTHONUNBUFFERED="1"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for _ in range(lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
            process.stdout.close()
        told = move(folder, empty_url)
    assert killed == 3
    assert "0 copied" in told  # what the killed ones had copied
    with psycopg.connect(empty_url) as db:
        stored = db.execute(
            "SELECT device_id, power FROM monitoring_energyreading WHERE energy >= 5000"
        ).fetchall()
    assert sorted(stored) == sorted(posting.acknowledged)

    # As if it had been killed before it told the next start where to look.
    (folder / "database-url").unlink()
    assert move(folder, empty_url).startswith("Everything was moved already.")
    assert (folder / "database-url").read_text() == f"{empty_url}\n"
    assert (
        "uses PostgreSQL already"
        in run("db", "move", "--to", empty_url, "--data-dir", folder).stderr
    )


def test_a_database_that_holds_something_is_refused(installation, empty_url):
    folder, _ = installation
    with psycopg.connect(empty_url, autocommit=True) as db:
        db.execute("CREATE TABLE letters (id int)")

    done = run("db", "move", "--to", empty_url, "--data-dir", folder)

    assert done.returncode == 1
    assert "has 1 tables already; move into an empty one" in done.stderr
    assert not (folder / "database-url").exists()

"""Pooled and bounced connections: everything works where nothing outlives a transaction."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from chaos.postgres import READY_WITHIN_S
from running import READING, Running, environment, free_port, run

# Where the machine has it, the real one is in between; PGBOUNCER names another place.
PGBOUNCER = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer")
CONFIGURATION = """
[databases]
* = host={socket} port=5432 user=wattkeep
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_reset_query_always = 0
logfile = {log}
"""


def start_bouncer(cluster):
    """Start a PgBouncer in front of a cluster; return its process and address."""
    port = free_port()
    folder = cluster._home / f"bouncer-{port}"
    folder.mkdir()
    shutil.chown(folder, *(["nobody"] if os.geteuid() == 0 else [os.geteuid()]))
    written = folder / "pgbouncer.ini"
    written.write_text(CONFIGURATION.format(socket=cluster._home, port=port, log=folder / "log"))
    process = subprocess.Popen(
        [PGBOUNCER, written], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "LD_LIBRARY_PATH": os.environ.get("PGBOUNCER_LIBRARIES", "")},
        **cluster._as_user,
    )  # fmt: skip
    return process, f"postgres://wattkeep@127.0.0.1:{port}/postgres"


def wait_for(process, url):
    """Return whether it answers; False if it ended by itself."""
    deadline = time.monotonic() + READY_WITHIN_S
    while process.poll() is None:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PgBouncer does not answer"
            time.sleep(0.05)
        else:
            return True
    return False


@pytest.fixture
def bouncer(cluster, tmp_path):
    if PGBOUNCER is None:
        pytest.skip("no pgbouncer here")
    for _ in range(3):  # somebody else may get the port first
        process, url = start_bouncer(cluster)
        if wait_for(process, url):
            break
    yield url
    process.send_signal(signal.SIGTERM)
    process.wait(READY_WITHIN_S)


def use_everything(folder, url, **settings):
    """Post, look at pages and let the tasks run; return what is stored."""
    with Running(folder, WATTKEEP_DATABASE_URL=url, **settings) as server:
        name = f"ada{free_port()}"
        server.add_user(name)
        device_id, key = server.add_device("House", name)
        server.log_in(name)
        for number in range(30):
            body = {**READING, "power": float(number)}
            assert server.post(key, body).status == 201
        many = [{**READING, "timestamp": f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z"}
                for n in range(400)]  # fmt: skip
        assert server.post(key, many).status == 201
        assert server.post(key, many).status in {200, 201}
        for page in ("/", "/history/", "/energy/", "/alerts/", "/settings/storage/"):
            assert server.get(page).status == 200, page
        csv = f"/api/v1/devices/{device_id}/readings.csv"
        assert server.get(f"{csv}?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z").status in {
            200,
            404,
        }
    assert run("ledger", "verify", "--data-dir", folder, WATTKEEP_DATABASE_URL=url,
               **settings).returncode in {0, 2}  # fmt: skip
    return device_id


def stored(cluster, device_id):
    with cluster.connect() as db:
        sql = "SELECT count(*) FROM monitoring_energyreading WHERE device_id = %s"
        return db.execute(sql, [device_id]).fetchone()[0]


def sessions(cluster):
    with cluster.connect() as db:
        return db.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            " AND pid <> pg_backend_pid() AND application_name <> 'wattkeep ingest'"
        ).fetchone()[0]


def test_a_pool_keeps_to_its_size_and_everything_works(cluster, tmp_path):
    most = []
    device_id = use_everything(tmp_path / "data", cluster.url, WATTKEEP_DATABASE_POOL="4")
    most.append(sessions(cluster))

    assert stored(cluster, device_id) == 430
    assert max(most) <= 4


def test_everything_works_through_pgbouncer_in_transaction_mode(cluster, bouncer, tmp_path):
    device_id = use_everything(tmp_path / "data", bouncer, WATTKEEP_PGBOUNCER="1")

    assert stored(cluster, device_id) == 430
    with psycopg.connect(bouncer) as db:
        # What a client set for itself would now be another one's.
        shown = db.execute("SHOW statement_timeout").fetchone()[0]
        prepared = db.execute("SELECT name FROM pg_prepared_statements").fetchall()
    assert (shown, prepared) == ("0", [])


def test_limits_hold_on_every_connection(cluster, tmp_path):
    script = (
        "import django, json; django.setup()\n"
        "from django.db import connection as c\n"
        "names = ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')\n"
        "print(json.dumps([c.cursor().execute(f'SHOW {n}').fetchone()[0] for n in names]))\n"
        "print(json.dumps({o.keyword.decode(): o.val.decode() for o in c.connection.pgconn.info"
        " if o.val and b'keepalives' in o.keyword}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment(WATTKEEP_DATABASE_URL=cluster.url, WATTKEEP_DATA_DIR=str(tmp_path)),
             "DJANGO_SETTINGS_MODULE": "wattkeep.settings"},
        capture_output=True, text=True, check=False, timeout=READY_WITHIN_S,
    )  # fmt: skip

    assert done.stderr == ""
    limits, keepalives = map(json.loads, done.stdout.splitlines())
    assert limits == ["1min", "10s", "1min"]
    assert keepalives == {
        "keepalives_idle": "10", "keepalives_interval": "5",
        "keepalives_count": "2",
    }  # fmt: skip

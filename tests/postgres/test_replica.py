"""Questions about the past go to a replica, as long as it is there and not far behind."""

import json
import signal
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from chaos.postgres import READY_WITHIN_S
from running import READING, Running

FORM = "%Y-%m-%dT%H:%M:%SZ"


def wait_for(happened):
    deadline = time.monotonic() + READY_WITHIN_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


class Replica:
    """A copy of the cluster that repeats what that writes; it can pause and stop."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._data = cluster._home / "copy"
        self._process = None
        origin = f"host={cluster._home} user=wattkeep dbname=postgres"
        words = ("-D", self._data, "-d", origin, "-R", "-X", "stream", "-c", "fast")
        cluster._run("pg_basebackup", *words)

    @property
    def url(self):
        return f"{self._cluster.url}?port=5433"

    def start(self):
        arguments = ["-D", self._data, "-c", "port=5433", "-c", "listen_addresses=",
                     "-c", f"unix_socket_directories={self._cluster._home}"]  # fmt: skip
        with (self._cluster._home / "replica.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._cluster._binaries / "postgres", *arguments],
                cwd=self._cluster._home, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                **self._cluster._as_user,
            )  # fmt: skip
        wait_for(self.answers)

    def answers(self):
        try:
            with psycopg.connect(self.url, connect_timeout=2) as db:
                return db.execute("SELECT pg_is_in_recovery()").fetchone()[0]
        except psycopg.OperationalError:
            return False

    def run(self, sql):
        with psycopg.connect(self.url, autocommit=True) as db:
            return db.execute(sql).fetchone()[0]

    def stop(self):
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # its clients are cut off
            self._process.wait(READY_WITHIN_S)
            self._process = None


@pytest.fixture(scope="module")
def replica(cluster):
    made = Replica(cluster)
    made.start()
    yield made
    made.stop()


@contextmanager
def running(cluster, replica, folder):
    urls = {"WATTKEEP_DATABASE_URL": cluster.url, "WATTKEEP_REPLICA_URL": replica.url}
    with Running(folder, **urls) as server:
        server.add_user("ada")
        server.device_id, server.key = server.add_device("House")
        server.log_in("ada")
        assert server._cookies.pop("wattkeep_wrote") == "1"  # whoever logs in changes something
        yield server


def answer(server):
    """Return the last minutes' curve as text."""
    end = datetime.now(UTC) + timedelta(minutes=1)
    span = f"start={end - timedelta(minutes=10):{FORM}}&end={end:{FORM}}"
    got = server.get(f"/api/v1/devices/{server.device_id}/series/?metric=power&{span}")
    assert got.status == 200, got
    return json.dumps(got.body)


def post(server, power):
    assert server.post(server.key, {**READING, "power": power}).status == 201


def test_the_past_comes_from_the_replica_and_else_from_the_primary(cluster, replica, tmp_path):
    with running(cluster, replica, tmp_path / "data") as server:
        marks = iter(range(1001, 9999))

        def is_from_replica():
            """Have the replica stand still for a moment and see whose answer it is."""
            answer(server)  # has its state looked at
            replica.run("SELECT pg_wal_replay_pause()::text")
            mark = float(next(marks))
            post(server, mark)
            is_old = str(mark) not in answer(server)
            replica.run("SELECT pg_wal_replay_resume()::text")
            return is_old

        wait_for(is_from_replica)

        # Whoever changed something sees the primary.
        server._cookies["wattkeep_wrote"] = "1"
        assert not any(is_from_replica() for _ in range(5))
        del server._cookies["wattkeep_wrote"]
        wait_for(is_from_replica)

        # One that stands still is left alone once it is too far behind.
        replica.run("SELECT pg_wal_replay_pause()::text")
        post(server, 4321.5)
        wait_for(lambda: "4321.5" in answer(server))
        replica.run("SELECT pg_wal_replay_resume()::text")
        wait_for(is_from_replica)

        # One that is gone costs nobody an error.
        replica.stop()
        post(server, 8765.5)
        assert "8765.5" in answer(server)

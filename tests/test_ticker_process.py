"""The periodic tasks beside the servers: a process that comes, dies, comes back, and ends."""

import os
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.serving import Serve, is_worker, wait_until
from wattkeep import ticker_process
from wattkeep.monitoring.devices import create_device
from wattkeep.tasks import TASKS
from wattkeep.ticker_process import are_devices_many, does_all, ticking_beside

EVERY = next(task.every for task in TASKS if task.name == "alerts")


class Beside(Serve):
    """`wattkeep serve` whose tasks are done by a process beside it."""

    def lease(self):
        """Return the pid of the process that did a task last, and when it is due again."""
        path = self.data_dir / "wattkeep.sqlite3"
        with closing(sqlite3.connect(path, timeout=30)) as db:
            query = "SELECT holder, until FROM monitoring_lease WHERE name='alerts'"
            holder, until = db.execute(query).fetchone() or ("", "2000-01-01")
        return int(holder.split(":")[1] if holder else 0), datetime.fromisoformat(until)

    def doer(self):
        return self.lease()[0]

    def is_idle(self):
        """Tell whether nobody does the task now, nor in the next seconds."""
        left = self.lease()[1].replace(tzinfo=UTC) - datetime.now(UTC)
        return timedelta(seconds=1) < left < EVERY

    def is_done_beside(self):
        doer = self.doer()
        return doer not in {0, *self.workers()} and is_worker(doer)


def test_tasks_are_done_beside_the_servers_and_by_them_while_that_process_is_gone(tmp_path):
    with Beside(tmp_path / "data", WATTKEEP_TICKER="beside") as serve:
        wait_until(serve.is_done_beside)

        beside = serve.doer()
        # Killed while it holds the lease, it would be waited for.
        wait_until(serve.is_idle)
        os.kill(beside, signal.SIGKILL)
        wait_until(lambda: serve.doer() in serve.workers())

        serve.replace_workers()
        wait_until(serve.is_done_beside)
        assert serve.doer() != beside

        beside = serve.doer()
        assert serve.process.end(signal.SIGTERM) == 0
        assert not Path(f"/proc/{beside}").exists()
        assert "ended by itself" in serve.data_dir.with_suffix(".log").read_text()


def test_it_ends_with_a_server_that_was_killed(tmp_path):
    with Beside(tmp_path / "data", WATTKEEP_TICKER="beside") as serve:
        wait_until(serve.is_done_beside)
        beside = serve.doer()

        serve.kill()

        wait_until(lambda: not is_worker(beside))


@pytest.mark.django_db
def test_it_is_wanted_from_many_devices_on(monkeypatch, owner, device):
    monkeypatch.setattr(ticker_process, "MANY_DEVICES", 1)
    assert not are_devices_many()

    create_device(owner, "Barn")

    assert are_devices_many()


@pytest.mark.parametrize(
    ("choice", "redis"), [("off", ""), ("on", ""), ("auto", "redis://127.0.0.1:1")]
)
def test_there_is_none_where_nobody_or_a_worker_is_to_do_the_tasks(choice, redis, settings):
    settings.TICKER, settings.REDIS_URL = choice, redis

    with ticking_beside(is_told_to_others=True) as ticker:
        assert ticker is None
        assert not does_all()


def test_servers_do_the_tasks_where_memory_cannot_be_shared(settings, monkeypatch):
    def refuse(*_):
        raise FileNotFoundError(2, "No such file or directory", "/dev/shm")

    settings.TICKER = "beside"
    monkeypatch.setattr("multiprocessing.sharedctypes.RawValue", refuse)

    with ticking_beside(is_told_to_others=True) as ticker:
        assert ticker is None

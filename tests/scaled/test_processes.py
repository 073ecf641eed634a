"""Real servers, workers and beats on one Valkey, which is killed and comes back."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from alerts.receiving import Webhook
from live.test_socket import connect, receive
from running import (
    PATIENCE_S,
    READING,
    SOURCE,
    Process,
    Running,
    Site,
    environment,
    free_port,
    run,
)
from sim.patience import wait_until
from wattkeep.places import DATABASE_FILE

pytest.importorskip("celery", reason="no wattkeep[scaled] here")

ROLES = ("worker", "beat")
SEND = "import sys; from wattkeep.workers import app; [app.send_task(f'wattkeep.{name}',\
 queue='wattkeep-0-quick') for name in sys.argv[1:]]"
MAKE_CHANNEL = """
import django; django.setup()
from django.contrib.auth import get_user_model
from django.utils import timezone
from alerts.telling import make_channel
from wattkeep.monitoring.models import Notification
channel = make_channel(get_user_model().objects.get(), {url!r})
now = timezone.now()
for number in range(3):
    Notification.objects.create(channel=channel, kind="test", group_key=str(number), body="-",
        subject=f"Message {{number}}", created_at=now, not_before=now)
"""


@pytest.fixture
def site(valkey, tmp_path):
    settings = {"WATTKEEP_REDIS_URL": valkey.url}
    with Running(tmp_path / "home", **settings) as running:
        running.add_user("ada")
        yield running


@pytest.fixture
def other(site, valkey, tmp_path):
    port = free_port()
    words = ("up", "--host", "127.0.0.1", "--port", port, "--data-dir", site.data_dir)
    with Process(*words, log=tmp_path / "other.log", WATTKEEP_REDIS_URL=valkey.url) as process:
        process.line()
        there = Site(f"http://127.0.0.1:{port}")
        yield there
        there.close()


def python(site, valkey, code, *words):
    """Run a few lines beside the processes."""
    settings = environment(
        WATTKEEP_DATA_DIR=str(site.data_dir),
        WATTKEEP_REDIS_URL=valkey.url,
        DJANGO_SETTINGS_MODULE="wattkeep.settings",
        PYTHONPATH=os.pathsep.join([str(SOURCE), str(SOURCE.parent / "tests")]),
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=settings, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def ask(site, query, *values):
    with closing(sqlite3.connect(site.data_dir / "wattkeep.sqlite3", timeout=PATIENCE_S)) as db:
        rows = db.execute(query, values).fetchall()
        db.commit()
    return rows


def listen(valkey):
    """Return a connection that hears what the servers tell each other."""
    import redis

    line = redis.Redis.from_url(valkey.url).pubsub(ignore_subscribe_messages=True)
    line.psubscribe("wattkeep-0*")
    return line


def heard(line, word):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        message = line.get_message(timeout=1)
        if message and word in message["data"]:
            return True
    return False


def test_live_readings_cross_processes_and_go_on_without_redis(site, other, valkey):
    device, key = site.add_device("House")
    site.post(key, READING)

    def post(power):
        return asyncio.to_thread(other.post, key, {**READING, "power": power})

    async def scene():
        async with connect(site, f"device={device}", "ada") as socket:
            await receive(socket, "reading")
            with closing(listen(valkey)) as line:
                # What the page's process watches reaches the other one a moment later.
                assert await asyncio.to_thread(heard, line, b"watched")
                await post(111.0)
                told = await asyncio.to_thread(heard, line, b"readings")
            first = await receive(socket, "reading", lambda one: one["power"] == 111)
            await asyncio.to_thread(valkey.kill)
            answer = await post(222.0)
            second = await receive(socket, "reading", lambda one: one["power"] == 222)
            await asyncio.to_thread(valkey.start)
            with closing(listen(valkey)) as line:
                assert await asyncio.to_thread(heard, line, b"watched")
                await post(333.0)
                told_again = await asyncio.to_thread(heard, line, b"readings")
            third = await receive(socket, "reading", lambda one: one["power"] == 333)
            return told, answer.status, told_again, [first, second, third]

    told, status, told_again, messages = asyncio.run(scene())

    assert (told, status, told_again) == (True, 201, True)
    assert [message["device"] for message in messages] == [device] * 3


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_server_works_and_does_the_periodic_tasks_while_redis_is_away(site, valkey, how):
    device, key = site.add_device("House")
    assert site.post(key, READING).status == 201
    # Workers would do them; there are none.
    assert ask(site, "SELECT name FROM monitoring_lease") == []

    (valkey.kill if how == "killed" else valkey.freeze)()
    try:
        site.log_in("ada")
        assert site.post(key, READING).status == 201
        assert site.get(f"/api/v1/devices/{device}/").body["status"] == "online"
        assert b"House" in site.get("/devices/").body
        if how == "killed":
            wait_until(lambda: ask(site, "SELECT 1 FROM monitoring_energyslot"))
    finally:
        if how == "frozen":
            valkey.thaw()


def test_killed_workers_two_beats_and_doubled_messages_tell_once(site, valkey, tmp_path):
    settings = {"WATTKEEP_REDIS_URL": valkey.url}
    _, key = site.add_device("House")
    site.post(key, READING)

    def start(what, number):
        log = tmp_path / f"{what}{number}.log"
        return Process(what, "--data-dir", site.data_dir, log=log, **settings)

    with Webhook() as hook:
        hook.is_hanging = True
        with start("worker", 1) as first, start("beat", 1) as beat, start("beat", 2) as second_beat:
            assert first.line() == "Wattkeep's worker is running."
            assert beat.line() == second_beat.line() == "Wattkeep's beat is running."
            python(site, valkey, MAKE_CHANNEL.format(url=hook.url))
            assert hook.is_asked.wait(PATIENCE_S)
            # While one process is at it, further messages do nothing.
            python(site, valkey, SEND, *["notifications"] * 12)
            with start("worker", 2) as heir:
                heir.line()
                swept = "SELECT 1 FROM monitoring_lease WHERE name = 'alerts' AND done_at NOTNULL"
                wait_until(lambda: ask(site, swept))
                first.end(9)
                beat.end(9)
                # The times that a dead process's lease and claim are kept for, passed.
                ask(site, "UPDATE monitoring_lease SET until = '2020-01-01 00:00:00'")
                due_now = "claimed_until = NULL, not_before = created_at"
                ask(site, f"UPDATE monitoring_notification SET {due_now}")
                hook.is_hanging = False
                python(site, valkey, SEND, *["notifications", "ledger-1"] * 6)
                left = "SELECT 1 FROM monitoring_notification WHERE delivered_at IS NULL"
                wait_until(lambda: not ask(site, left))
                wait_until(lambda: ask(site, "SELECT 1 FROM monitoring_energyslot"))
                valkey.kill()
                valkey.start()
                done = "SELECT max(done_at) FROM monitoring_lease WHERE name = 'alerts'"
                before = ask(site, done)
                # Both find their way back to an empty Valkey by themselves.
                wait_until(lambda: ask(site, done) > before)
                checks = [run(one, "--check", "--data-dir", site.data_dir) for one in ROLES]
                assert heir.end() == 0
                assert second_beat.end() == 0

    told = [(check.returncode, check.stdout) for check in checks]
    assert told == [(0, f"The {one} shows signs of life.\n") for one in ROLES]
    [(attempts,)] = ask(site, "SELECT sum(attempts) FROM monitoring_notification")
    assert hook.asked <= attempts
    titles = sorted(one["title"] for one in hook.received)
    # On a slow machine the device has gone offline by now, which is told too.
    assert [one for one in titles if "Message" in one] == [f"Message {n}" for n in range(3)]
    assert "Nothing differs." in site.run("ledger", "rebuild", "--dry-run")


def test_without_an_address_the_commands_say_what_is_missing(tmp_path):
    # All that tells a folder with an installation from a mistyped one.
    (tmp_path / DATABASE_FILE).touch()
    for name in ("worker", "beat"):
        done = run(name, "--data-dir", tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: this needs WATTKEEP_REDIS_URL")
    done = run("worker", "--data-dir", tmp_path, WATTKEEP_REDIS_URL="http://:secret@x")
    assert (done.returncode, "secret" in done.stderr) == (1, False)
    assert "WATTKEEP_REDIS_URL" in done.stderr
    assert json.dumps(done.stdout) == '""'

"""The periodic tasks as messages: each in the table, shares that are all devices, no turn twice."""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from stored import store
from wattkeep.doctor.service_checks import check_tasks
from wattkeep.ledger.due import Share, due_devices
from wattkeep.ledger.update import update_each_due
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Lease
from wattkeep.tasks import TASKS, Task, split
from wattkeep.ticker import Runner, Ticker

T = datetime(2026, 11, 23, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def workers():
    return pytest.importorskip("wattkeep.workers", reason="no wattkeep[scaled] here")


def test_every_task_is_asked_for_and_can_be_done(workers):
    schedule = workers.app.conf.beat_schedule

    assert {name.partition("-")[0] for name in schedule} == {task.name for task in TASKS}
    assert {entry["task"] for entry in schedule.values()} <= set(workers.app.tasks)
    every = {task.name: task.every for task in TASKS}
    for name, entry in schedule.items():
        assert entry["schedule"] == min(every[name.partition("-")[0]], timedelta(minutes=1))
        assert entry["options"]["expires"] == entry["schedule"].total_seconds()
        assert entry["options"]["queue"] in workers.QUEUES["all"].split(",")


def test_what_comes_after_a_line_was_cut_fails_as_a_line_does(workers, valkey):
    """Anything else ends a worker that had messages when Redis went away."""
    with workers.app.connection_for_write(valkey.url) as line:
        channel = line.default_channel
        line.collect()

        with pytest.raises(line.connection_errors):
            channel.basic_ack("a message of before")


def test_tasks_declare_their_retries_and_stay_queued_until_they_are_done(workers):
    for task in workers.tasks.values():
        assert (task.max_retries, task.acks_late, task.reject_on_worker_lost) == (3, True, True)
        assert task.autoretry_for


def test_a_worker_has_processes_for_every_long_task_and_others(workers):
    assert sum(task.is_long for task in workers.DUTIES) + 2 <= workers.CONCURRENCY


@pytest.mark.django_db
def test_shares_are_all_devices_each_once(owner):
    devices = [create_device(owner, f"House {number}")[0] for number in range(7)]
    for device in devices:
        store(device, T)
    now = T + SECOND

    shares = [due_devices(now, Share(number, 3)) for number in range(3)]

    assert sorted(pk for share in shares for pk in share) == due_devices(now)
    assert all(shares)
    done = [pk for number in range(3) for pk in update_each_due(now, Share(number, 3))]
    assert sorted(done) == [device.pk for device in devices]


def test_only_what_can_be_shared_is_split():
    ran = []
    whole = Task("whole", SECOND, ran.append)
    shared = Task("shared", SECOND, ran.append, run_share=lambda _now, share: ran.append(share))

    tasks = list(split([whole, shared], 2))
    for task in tasks:
        task.run(T)

    assert [task.name for task in tasks] == ["whole", "shared-0", "shared-1"]
    assert ran == [T, Share(0, 2), Share(1, 2)]


@pytest.mark.django_db
def test_messages_that_come_a_little_early_run_and_doubled_ones_do_not():
    now = [T]
    ran = []
    task = Task("test", 30 * SECOND, ran.append)
    runners = [
        Runner(threading.Event(), lambda: now[0], breathes=False, lead=5 * SECOND) for _ in range(2)
    ]

    # A beat's messages, late by more or less, each delivered twice.
    for late_s in (1.0, 30.2, 62.0, 90.1):
        now[0] = T + timedelta(seconds=late_s)
        assert [runner.run_if_due(task) for runner in runners] == [True, False]

    assert len(ran) == 4


@pytest.mark.django_db
def test_what_failed_is_tried_again_before_its_next_time():
    now = [T]

    def fail(_now):
        raise ValueError("no")

    task = Task("test", timedelta(days=1), fail)
    runner = Runner(threading.Event(), lambda: now[0])
    runner.run_if_due(task)

    assert Lease.objects.get(name="test").until == T + task.again


@pytest.mark.django_db(transaction=True)
def test_a_ticker_that_is_not_wanted_looks_at_nothing(monkeypatch):
    monkeypatch.setattr("wattkeep.ticker.LOOK_EVERY", timedelta(milliseconds=10))
    ran, asked, is_wanted = threading.Event(), threading.Semaphore(0), threading.Event()

    def ask():
        asked.release()
        return is_wanted.is_set()

    ticker = Ticker([Task("test", SECOND, lambda _now: ran.set())], is_wanted=ask)
    ticker.start()
    for _ in range(3):
        assert asked.acquire(timeout=60)
    assert not ran.is_set()
    is_wanted.set()
    assert ran.wait(60)
    ticker.stop()


@pytest.mark.django_db
def test_the_doctor_knows_whether_servers_or_workers_do_a_task():
    old, new = T - timedelta(days=3), T
    Lease.objects.create(name="ledger", holder="x", until=old, done_at=old)
    Lease.objects.create(name="sealing", holder="x", until=old, done_at=old)
    for number in range(3):
        Lease.objects.create(name=f"ledger-{number}", holder="x", until=new, done_at=new)

    assert ["sealing" in found.what for found in check_tasks(T)] == [True]

    Lease.objects.filter(name="ledger-1").update(done_at=old)
    assert any("ledger-1" in found.what for found in check_tasks(T))


def test_a_beat_that_can_ask_for_nothing_says_so_once_a_minute(workers):
    now = [100.0]
    brief = workers.Briefly(lambda: now[0])

    def record(fault):
        found = logging.LogRecord("celery.beat", logging.ERROR, "", 1, "%s%s", ("a", "b"), None)
        found.exc_info = (type(fault), fault, None) if fault else None
        return found

    fault = workers.SchedulingError("Redis is away")
    first = record(fault)
    said = [brief.filter(one) for one in (first, record(fault), record(None), record(ValueError()))]
    now[0] += 60

    assert said == [True, False, True, True]
    assert first.getMessage() == "no task can be asked for: Redis is away"
    assert brief.filter(record(fault))

"""The ticker: each task on its time, in one process at a time, whatever goes wrong."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from wattkeep.ledger.leases import (
    HELD_FOR,
    Outcome,
    give_back,
    keep_lease,
    new_holder,
    take_lease,
)
from wattkeep.monitoring.models import Lease
from wattkeep.tasks import TASKS, Task
from wattkeep.ticker import Breather, Ticker

pytestmark = pytest.mark.django_db
T = datetime(2026, 11, 23, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self):
        self.now = T

    def __call__(self):
        return self.now

    def pass_(self, time_):
        self.now += time_


@pytest.fixture
def clock():
    return Clock()


def lease(name="test"):
    return Lease.objects.get(name=name)


def test_a_lease_is_had_by_one_until_it_is_given_back():
    assert take_lease("test", "a", MINUTE, T)
    assert not take_lease("test", "b", MINUTE, T + HELD_FOR / 2)
    give_back("test", "a", Outcome(T + MINUTE, T + HELD_FOR / 2, None))
    assert not take_lease("test", "b", MINUTE, T + MINUTE - timedelta(seconds=1))
    assert take_lease("test", "b", MINUTE, T + MINUTE)


def test_a_lease_of_one_that_died_is_taken_over():
    assert take_lease("test", "dead", MINUTE, T)

    assert take_lease("test", "heir", MINUTE, T + HELD_FOR)
    assert not keep_lease("test", "dead", T + HELD_FOR)
    give_back("test", "dead", Outcome(T, T, None))
    assert (lease().holder, lease().until) == ("heir", T + 2 * HELD_FOR)


def test_a_clock_set_back_frees_a_lease_from_the_future():
    assert take_lease("test", "a", MINUTE, T + timedelta(days=2))

    assert take_lease("test", "b", MINUTE, T)


def test_no_two_processes_are_called_the_same():
    assert len({new_holder() for _ in range(50)}) == 50


def test_a_task_runs_when_it_is_due_and_in_one_process(clock):
    ran = []
    task = Task("test", MINUTE, ran.append)
    one, other = Ticker([task], clock), Ticker([task], clock)

    found = []
    for _ in range(4):
        found.append((one.run_if_due(task), other.run_if_due(task)))
        clock.pass_(MINUTE / 2)

    assert found == [(True, False), (False, False), (True, False), (False, False)]
    assert ran == [T, T + MINUTE]
    assert (lease().done_at, lease().error) == (T + MINUTE, "")


def test_what_fails_is_noted_and_tried_again(clock, caplog):
    outcomes = iter([ValueError("no such thing"), OperationalError("is away"), None])

    def run(_now):
        if (outcome := next(outcomes)) is not None:
            raise outcome

    ticker = Ticker([task := Task("test", MINUTE, run)], clock)
    errors = []
    for _ in range(3):
        assert ticker.run_if_due(task)
        errors.append((lease().error, lease().done_at))
        clock.pass_(MINUTE)

    assert errors == [
        ("ValueError: no such thing", None),
        ("OperationalError: is away", None),
        ("", T + 2 * MINUTE),
    ]
    assert [record.message for record in caplog.records] == [
        "test failed; it is tried again",
        "test: is away",
    ]


def test_a_long_task_keeps_its_lease_step_by_step(clock):
    held = []

    def run(_now):
        for _ in range(5):
            clock.pass_(HELD_FOR / 2)
            yield
            held.append(lease().until - clock.now)

    ticker = Ticker([task := Task("test", MINUTE, run)], clock)

    assert ticker.run_if_due(task)
    assert held == [HELD_FOR] * 5


def test_a_task_that_lost_its_lease_stops(clock):
    steps = []

    def run(_now):
        for number in range(5):
            steps.append(number)
            clock.pass_(2 * HELD_FOR)
            take_lease("test", "heir", MINUTE, clock.now)
            yield

    ticker = Ticker([task := Task("test", MINUTE, run)], clock)
    ticker.run_if_due(task)

    assert steps == [0]
    assert lease().holder == "heir"


def test_the_clock_set_back_during_a_task_does_not_put_the_next_off(clock):
    task = Task("test", MINUTE, lambda _now: clock.pass_(-timedelta(days=1)))
    ticker = Ticker([task], clock)
    ticker.run_if_due(task)

    assert lease().until == clock.now + MINUTE


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_a_task_that_hangs_stops_no_other_and_a_stop_ends_between_steps(monkeypatch, caplog):
    monkeypatch.setattr("wattkeep.ticker.PATIENCE_S", 0.2)
    hangs, ran, go_on = threading.Event(), threading.Event(), threading.Event()
    steps = []

    def hang(_now):
        hangs.set()
        go_on.wait(60)

    def count(_now):
        while True:
            steps.append(1)
            ran.set()
            yield

    ticker = Ticker([Task("hangs", MINUTE, hang), Task("counts", MINUTE, count)])
    ticker.start()
    assert hangs.wait(60)
    assert ran.wait(60)
    ticker.stop()
    counted = len(steps)

    assert [record.message for record in caplog.records if "busy" in record.message] == [
        "wattkeep-hangs is busy; left alone"
    ]
    go_on.set()
    for thread in ticker._threads:
        thread.join(60)
    assert len(steps) == counted
    # Broken off: the next process may go on at once.
    assert lease("counts").until <= datetime.now(UTC)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_waited_for(monkeypatch, caplog):
    for pause in ("LOOK_EVERY", "LOOK_SELDOM"):
        monkeypatch.setattr(f"wattkeep.ticker.{pause}", timedelta(milliseconds=10))
    ran = threading.Event()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE monitoring_lease RENAME TO away")
    ticker = Ticker([Task("test", MINUTE, lambda _now: ran.set())])
    ticker.start()
    try:
        wait_for(lambda: any("waits for the database" in r.message for r in caplog.records))
        assert not ran.is_set()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO monitoring_lease")
    assert ran.wait(60)
    ticker.stop()

    assert len([r for r in caplog.records if "waits for the database" in r.message]) == 1


def test_a_task_works_a_fifth_of_the_time_until_it_is_behind():
    now, worked = iter([0.0, 1.0, 2.0, 60.0]), iter([0.0, 0.0005, 0.01, 0.51, 1.01])
    breather = Breather(60, now.__next__, worked.__next__)

    pauses = [breather.pause_s() for _ in range(4)]

    # Too short for a pause; both together; no longer than a quarter of a second; hurrying.
    assert pauses == [0.0, pytest.approx(0.04), 0.25, 0.002]


def test_what_never_hurries_keeps_to_its_share_also_with_long_steps():
    now, worked = iter([0.0, 1e6]), iter([0.0, 0.5, 1.0])
    breather = Breather(None, now.__next__, worked.__next__)

    assert [breather.pause_s() for _ in range(2)] == [2.0, 2.0]
    assert [task.name for task in TASKS if not task.hurries] == ["exports"]


def test_every_task_has_a_name_of_its_own_and_runs_on_nothing():
    assert len({task.name for task in TASKS}) == len(TASKS)
    for task in TASKS:
        list(task.run(T) or ())


@pytest.mark.django_db(transaction=True)
def test_a_task_of_one_long_step_keeps_its_lease(clock):
    seen = []

    def take_long(_now):
        clock.pass_(HELD_FOR * 2)
        wait_for(lambda: lease().until > clock.now)
        seen.append(take_lease("test", "other", MINUTE, clock.now))

    ticker = Ticker([task := Task("test", MINUTE, take_long)], clock, beat_s=0.01)

    assert ticker.run_if_due(task)
    assert seen == [False]


def test_tasks_that_hang_are_left_alone_at_a_stop(monkeypatch, caplog):
    monkeypatch.setattr("wattkeep.ticker.PATIENCE_S", 0.2)
    go_on = threading.Event()
    hanging = [threading.Thread(target=go_on.wait, daemon=True, name=f"task-{n}") for n in range(5)]
    ticker = Ticker([])
    ticker._threads = hanging
    for thread in hanging:
        thread.start()

    ticker.stop()
    go_on.set()

    assert [record.args[0] for record in caplog.records] == [thread.name for thread in hanging]

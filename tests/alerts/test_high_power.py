"""One incident a device: opened above the limit, closed at it, whatever else happens."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from stored import store
from wattkeep.alerts.high_power import HighPowerWatch
from wattkeep.domain.readings import Reading
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Alert

pytestmark = pytest.mark.django_db

START_MS = 1_700_000_000_000
START = datetime.fromtimestamp(START_MS / 1000, UTC)


class Clock:
    """A clock that goes when told."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(clock):
    return HighPowerWatch(5000, clock)


@pytest.fixture
def feed(device):
    """Return a function that has a watch judge (second, W) readings as one commit."""

    def judge(watch, *readings, of=device):
        watch.judge(
            [
                Reading(of.pk, START_MS + second * 1000, 230.0, 2.3, power_w, 12.4, 50.0, 1.0)
                for second, power_w in readings
            ]
        )

    return judge


def at(second):
    return START + timedelta(seconds=second)


def incidents(device):
    """Return (opened, W, closed) of each, oldest first."""
    rows = Alert.objects.filter(device=device).order_by("created_at")
    assert all(row.is_resolved is (row.resolved_at is not None) for row in rows)
    return [(row.created_at, row.value, row.resolved_at) for row in rows]


def test_incident_opens_once_and_says_what_was_measured(watch, feed, device):
    feed(watch, (0, 4999.0), (10, 5000.0), (20, 6543.21), (30, 7000.0), (40, 5000.1))

    assert incidents(device) == [(at(20), 6543.21, None)]
    alert = Alert.objects.get()
    assert alert.message == "High power: 6,543 W (limit 5,000 W)"
    assert alert.alert_type == "HIGH_POWER"


def test_incident_closes_at_the_limit_and_another_opens_later(watch, feed, device):
    feed(watch, (0, 6000.0))
    feed(watch, (10, 5000.0))
    feed(watch, (20, 300.0))
    feed(watch, (30, 7000.0))

    assert incidents(device) == [(at(0), 6000.0, at(10)), (at(30), 7000.0, None)]


def test_quiet_device_touches_no_alert(watch, feed, device, clock, django_assert_num_queries):
    feed(watch, (0, 100.0))

    with django_assert_num_queries(0):
        feed(watch, *((second, 4000.0) for second in range(1, 50)))
    clock.now_s += 60
    with django_assert_num_queries(1):
        feed(watch, (60, 4000.0))


def test_reading_that_comes_late_neither_opens_nor_closes(watch, feed, device):
    feed(watch, (100, 300.0))
    feed(watch, (50, 9000.0))
    assert incidents(device) == []

    feed(watch, (110, 6000.0))
    feed(watch, (60, 300.0))
    assert incidents(device) == [(at(110), 6000.0, None)]


def test_same_reading_again_changes_nothing(watch, feed, device):
    feed(watch, (0, 6000.0), (10, 300.0))
    feed(watch, (0, 6000.0))
    feed(watch, (10, 300.0))

    assert incidents(device) == [(at(0), 6000.0, at(10))]


def test_readings_of_a_commit_are_judged_in_the_order_of_their_time(watch, feed, device):
    feed(watch, (20, 300.0), (0, 300.0), (10, 6000.0))

    assert incidents(device) == [(at(10), 6000.0, at(20))]


def test_devices_have_incidents_of_their_own(watch, feed, device, owner):
    other, _ = create_device(owner, "Shed")
    feed(watch, (0, 6000.0))
    feed(watch, (5, 8000.0), of=other)
    feed(watch, (10, 100.0))

    assert incidents(device) == [(at(0), 6000.0, at(10))]
    assert incidents(other) == [(at(5), 8000.0, None)]


def test_restart_remembers_what_is_open(watch, feed, device, clock):
    feed(watch, (0, 6000.0))

    feed(restarted := HighPowerWatch(5000, clock), (10, 6500.0))
    assert incidents(device) == [(at(0), 6000.0, None)]

    feed(restarted, (20, 100.0))
    assert incidents(device) == [(at(0), 6000.0, at(20))]


def test_restart_does_not_take_a_late_backlog_for_the_present(feed, device, clock):
    store(device, at(100), power=300.0)

    feed(restarted := HighPowerWatch(5000, clock), (50, 9000.0), (60, 9000.0))
    feed(restarted, (70, 9000.0))
    assert incidents(device) == []

    feed(restarted, (110, 6000.0))
    assert incidents(device) == [(at(110), 6000.0, None)]


def test_restart_goes_on_with_a_backlog_from_while_it_was_down(feed, device, clock):
    store(device, at(0), power=300.0)
    store(device, at(20), power=300.0)

    feed(HighPowerWatch(5000, clock), (10, 9000.0), (20, 9000.0), (30, 300.0))

    assert incidents(device) == [(at(10), 9000.0, at(30))]


def test_two_processes_make_one_incident(feed, device, clock):
    one, other = HighPowerWatch(5000, clock), HighPowerWatch(5000, clock)
    feed(one, (0, 100.0))
    feed(other, (1, 100.0))

    feed(one, (10, 6000.0))
    feed(other, (11, 6100.0))

    assert incidents(device) == [(at(10), 6000.0, None)]


def test_incident_that_another_process_closed_opens_again(feed, device, clock):
    one, other = HighPowerWatch(5000, clock), HighPowerWatch(5000, clock)
    feed(one, (0, 6000.0))
    feed(other, (10, 100.0))
    assert incidents(device) == [(at(0), 6000.0, at(10))]

    clock.now_s += 10
    feed(one, (20, 7000.0))

    assert incidents(device) == [(at(0), 6000.0, at(10)), (at(20), 7000.0, None)]


def test_incident_that_another_process_opened_is_closed(feed, device, clock):
    one, other = HighPowerWatch(5000, clock), HighPowerWatch(5000, clock)
    feed(one, (0, 100.0))
    feed(other, (10, 6000.0))

    clock.now_s += 10
    feed(one, (20, 100.0))

    assert incidents(device) == [(at(10), 6000.0, at(20))]


def test_deleted_device_is_no_fault(watch, feed, device):
    device.delete()

    feed(watch, (0, 6000.0))
    feed(watch, (10, 100.0))

    assert Alert.objects.count() == 0


def test_switched_off_limit_opens_nothing(feed, device, clock):
    feed(HighPowerWatch(float("inf"), clock), (0, 23_000.0))

    assert incidents(device) == []


@pytest.mark.django_db(transaction=True)
def test_readings_are_judged_on_a_thread_of_its_own_before_it_closes(device):
    watch = HighPowerWatch(5000)
    for second in range(100):
        power_w = 6000.0 if second % 2 else 100.0
        watch.judge_later(
            [Reading(device.pk, START_MS + second * 1000, 230.0, 2.3, power_w, 12.4, 50.0, 1.0)]
        )
    watch.close()

    found = incidents(device)
    assert len(found) == 50
    assert [closed for *_, closed in found] == [*(at(s) for s in range(2, 100, 2)), None]


@pytest.mark.django_db(transaction=True)
def test_database_that_fails_once_does_not_lose_the_incident(device, caplog):
    """While a table is away nothing can be written; the next reading opens the incident."""
    watch = HighPowerWatch(5000)

    def rename(old, new):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE monitoring_{old} RENAME TO monitoring_{new}")

    def judge(second, power_w):
        watch.judge_later(
            [Reading(device.pk, START_MS + second * 1000, 230.0, 2.3, power_w, 12.4, 50.0, 1.0)]
        )
        watch._thread.submit(lambda: None).result()

    judge(0, 100.0)
    rename("alert", "away")
    judge(10, 6000.0)
    rename("away", "alert")
    judge(20, 6100.0)
    rename("alert", "away")
    judge(30, 100.0)
    rename("away", "alert")
    judge(40, 100.0)
    watch.close()

    assert incidents(device) == [(at(20), 6100.0, at(40))]
    assert [record.message for record in caplog.records] == [
        "alerts could not be written; the next reading tries again"
    ] * 2

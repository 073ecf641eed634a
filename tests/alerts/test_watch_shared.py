"""One truth for several processes, after a restart, for late readings, and on a thread."""

import threading

import pytest
from django.db import connection

from alerts.conftest import CALM, HIGH, START_MS, at, commit, every, incidents, reading
from wattkeep.alerts.incidents import resolve
from wattkeep.alerts.watch import Watch
from wattkeep.monitoring.models import Alert, Notification

pytestmark = pytest.mark.django_db


def test_restart_remembers_what_is_open(watch, make_watch, feed, device):
    feed(watch, *every(10, 0, 60, HIGH))

    restarted = make_watch()
    feed(restarted, *every(10, 70, 100, 6500.0))
    assert incidents(device) == [(0, None)]
    feed(restarted, *every(10, 110, 720, CALM))
    assert incidents(device) == [(0, 110)]


def test_restart_knows_since_when_a_rise_has_lasted(watch, make_watch, feed, device):
    feed(watch, *every(10, 0, 20, HIGH))

    feed(make_watch(), (30, HIGH))

    assert incidents(device) == [(0, None)]


def test_three_processes_make_one_incident_and_one_notification(make_watch, feed, device, channel):
    """The same device's readings reach each of three processes in turn."""
    watches = [make_watch() for _ in range(3)]
    for index, second in enumerate(range(0, 120, 10)):
        feed(watches[index % 3], (second, HIGH))
    for index, second in enumerate(range(120, 900, 10)):
        feed(watches[index % 3], (second, CALM))

    assert incidents(device) == [(0, 120)]
    told = Notification.objects.order_by("id").values_list("kind", "state_number")
    assert list(told) == [("opened", 1), ("recovered", 2)]


def test_reading_that_another_process_stored_breaks_the_hold(make_watch, feed, device):
    one, other = make_watch(), make_watch()
    feed(one, (0, HIGH))
    feed(other, (15, CALM))
    feed(one, (30, HIGH))
    assert incidents(device) == []

    feed(one, (60, HIGH))
    assert incidents(device) == [(30, None)]


def test_reading_that_another_process_stored_breaks_the_recovery(make_watch, feed, device):
    one = make_watch()
    feed(one, *every(10, 0, 40, HIGH))
    feed(one, (50, CALM))
    commit(reading(device, 300, HIGH))
    feed(one, *every(50, 350, 650, CALM))

    assert incidents(device) == [(0, None)]


def test_incident_that_another_process_closed_opens_again(make_watch, feed, device, plain, clock):
    one, other = make_watch(), make_watch()
    feed(one, (0, HIGH))
    feed(other, (10, HIGH))
    feed(other, (20, CALM))
    assert incidents(device) == [(0, 20)]

    clock.now_s += 10
    feed(one, (40, 7000.0))

    assert incidents(device) == [(0, 20), (40, None)]


# -- late readings ----------------------------------------------------------------------------


def test_late_readings_are_judged_at_their_own_time_and_told_to_nobody(
    watch, feed, device, channel
):
    feed(watch, *every(10, 5000, 5100, CALM))
    feed(watch, *every(10, 1000, 1300, HIGH), *every(10, 1310, 2000, CALM))

    assert incidents(device) == [(1000, 1310)]
    alert = Alert.objects.get()
    assert (alert.noticed_at, alert.announced_at) == (at(5100), None)
    assert Notification.objects.count() == 0


def test_late_readings_that_are_calm_change_nothing(watch, feed, device):
    feed(watch, *every(10, 5000, 5100, HIGH))
    feed(watch, *every(10, 1000, 2000, CALM))

    assert incidents(device) == [(5000, None)]


def test_late_readings_let_an_incident_begin_earlier(watch, feed, device):
    feed(watch, *every(10, 200, 300, HIGH))
    feed(watch, *every(10, 100, 190, 7000.0))

    assert incidents(device) == [(100, None)]
    assert Alert.objects.get().peak_value == 7000.0


def test_backlog_in_order_is_told_only_if_it_is_still_true(watch, feed, device, channel, clock):
    """A board was cut off for hours: it sends what it kept, oldest first, a part at a time."""
    clock.now_s = 20_000
    feed(watch, *every(10, 0, 600, HIGH))
    feed(watch, *every(10, 610, 1200, HIGH))
    assert incidents(device) == [(0, None)]
    assert Notification.objects.count() == 0

    feed(watch, *every(10, 1210, 19_000, HIGH))
    assert Notification.objects.count() == 0
    feed(watch, *every(10, 19_010, 20_000, HIGH))
    assert incidents(device) == [(0, None)]
    assert [one.kind for one in Notification.objects.all()] == ["opened"]


def test_backlog_that_is_over_is_told_to_nobody(watch, feed, device, channel, clock):
    clock.now_s = 20_000
    feed(watch, *every(10, 0, 600, HIGH))
    feed(watch, *every(10, 610, 20_000, CALM))

    assert incidents(device) == [(0, 610)]
    assert Notification.objects.count() == 0


def test_restart_does_not_take_a_late_backlog_for_the_present(watch, make_watch, feed, device):
    feed(watch, (2000, CALM))

    feed(make_watch(), *every(10, 0, 500, HIGH), (510, CALM))

    assert incidents(device) == [(0, 510)]


# -- by hand ----------------------------------------------------------------------------------


def test_incident_closed_by_hand_stays_closed_until_it_has_been_over(
    make_watch, feed, device, owner, clock
):
    watch = make_watch()
    feed(watch, *every(10, 0, 60, HIGH))
    clock.now_s = 61
    assert resolve(Alert.objects.get(), owner, clock.now())
    assert not resolve(Alert.objects.get(), owner, clock.now())

    clock.now_s = 70
    feed(watch, *every(10, 70, 200, HIGH))
    feed(make_watch(), *every(10, 210, 300, HIGH))
    assert incidents(device) == [(0, 61)]
    assert Alert.objects.get().resolved_by == owner

    feed(watch, *every(10, 310, 1000, CALM))
    feed(watch, *every(10, 1010, 1050, HIGH))
    assert incidents(device) == [(0, 61), (1010, None)]


def test_deleted_device_is_no_fault(watch, feed, device, caplog):
    feed(watch, (0, CALM))
    rows = [reading(device, second, HIGH) for second in range(10, 100, 10)]
    commit(*rows)
    device.delete()

    watch.judge_now(rows)

    assert (Alert.objects.count(), caplog.records) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_readings_are_judged_on_a_thread_of_its_own_before_it_closes(device, plain):
    watch = Watch(now_ms=lambda: START_MS + 100_000)
    for second in range(100):
        row = reading(device, second, HIGH if second % 2 else CALM)
        commit(row)
        watch.judge_later([row])
    watch.close()

    found = incidents(device)
    assert found[0] == (1, 2)
    assert (len(found), found[-1]) == (50, (99, None))


@pytest.mark.django_db(transaction=True)
def test_three_threads_at_once_make_one_incident(device, channel):
    """As three processes have it: readings of one device, at the same time, on all of them."""
    watches = [Watch(now_ms=lambda: START_MS + 60_000) for _ in range(3)]
    together = threading.Barrier(3)

    def work(index):
        together.wait()
        for step in range(20):
            row = reading(device, 3 * step + index, HIGH)
            commit(row)
            watches[index].judge_later([row])
        connection.close()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for watch in watches:
        watch.close()

    assert len(incidents(device)) == 1
    assert [one.kind for one in Notification.objects.all()] == ["opened"]


@pytest.mark.django_db(transaction=True)
def test_database_that_fails_once_does_not_lose_the_incident(device, plain, caplog):
    """While a table is away nothing can be written; the next reading opens the incident."""
    watch = Watch(now_ms=lambda: START_MS + 60_000)

    def rename(old, new):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE monitoring_{old} RENAME TO monitoring_{new}")

    def judge(second, power_w):
        row = reading(device, second, power_w)
        commit(row)
        watch.judge_later([row])
        watch._thread.submit(lambda: None).result()

    judge(0, CALM)
    rename("alert", "away")
    judge(10, HIGH)
    rename("away", "alert")
    judge(20, HIGH)
    assert incidents(device) == [(10, None)]
    rename("alert", "away")
    judge(30, CALM)
    rename("away", "alert")
    judge(40, CALM)
    watch.close()

    assert incidents(device) == [(10, 40)]
    assert {record.levelname for record in caplog.records} == {"ERROR"}

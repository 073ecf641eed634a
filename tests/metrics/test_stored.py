"""What the database tells: devices, lags, tasks."""

from datetime import UTC, datetime, timedelta

import pytest

from stored import hear, store
from wattkeep.ledger.update import update_each_due
from wattkeep.metrics.stored import StoredFigures
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Lease, Notification, NotificationChannel

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def figures(now=NOW):
    return StoredFigures()._ask(now)


def test_an_empty_installation_is_behind_with_nothing():
    found = figures()

    assert found.pop("wattkeep_database_bytes") > 10_000
    assert set(found.values()) == {0}


def test_devices_that_were_heard(owner, device):
    create_device(owner, "Garage")
    hear(device, NOW - MINUTE)

    found = figures()

    assert (found["wattkeep_devices"], found["wattkeep_devices_online"]) == (2, 1)
    assert figures(NOW + 2 * MINUTE)["wattkeep_devices_online"] == 0


def test_ledger_is_behind_by_what_it_has_not_seen(device):
    store(device, NOW)
    list(update_each_due(NOW))
    assert figures()["wattkeep_ledger_lag_seconds"] == 0

    store(device, NOW + 20 * MINUTE)

    assert figures()["wattkeep_ledger_lag_seconds"] == pytest.approx(1200, abs=400)
    list(update_each_due(NOW + 20 * MINUTE))
    assert figures()["wattkeep_ledger_lag_seconds"] == 0


def test_sealing_is_behind_once_a_day_could_have_been_sealed(device):
    store(device, datetime(2026, 11, 20, 23, tzinfo=UTC))

    assert figures(datetime(2026, 11, 21, 5, tzinfo=UTC))["wattkeep_sealing_lag_seconds"] == 0
    # The 20th ended at midnight, and six hours later everything had come.
    assert figures(datetime(2026, 11, 21, 8, tzinfo=UTC))["wattkeep_sealing_lag_seconds"] == 7200


def test_messages_that_wait(owner):
    channel = NotificationChannel.objects.create(user=owner, name="Phone")
    for minutes in (-10, -5, 5):
        Notification.objects.create(
            channel=channel, kind="test", created_at=NOW, not_before=NOW + minutes * MINUTE
        )
    Notification.objects.create(
        channel=channel, kind="test", created_at=NOW, not_before=NOW, failed_at=NOW - MINUTE
    )

    found = figures()

    assert {name: value for name, value in found.items() if "notification" in name} == {
        "wattkeep_waiting_notifications": 2,
        "wattkeep_notification_lag_seconds": 600,
        "wattkeep_failed_notifications": 1,
    }


def test_tasks_that_fail_or_are_not_done():
    Lease.objects.create(name="ledger", holder="", until=NOW + MINUTE, done_at=NOW)
    Lease.objects.create(name="backup", holder="", until=NOW - MINUTE, error="no disk")

    found = figures()

    assert {name: value for name, value in found.items() if "task" in name} == {
        'wattkeep_task_overdue_seconds{task="backup"}': 60,
        'wattkeep_task_failing{task="backup"}': 1,
        'wattkeep_task_overdue_seconds{task="ledger"}': 0,
        'wattkeep_task_failing{task="ledger"}': 0,
        'wattkeep_task_done_seconds{task="ledger"}': NOW.timestamp(),
    }

"""Installations prepared to be broken; each time the fault is named."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from alerts.telling import make_channel
from stored import hear, store
from wattkeep.backups.rotation import file_name, owner_mark
from wattkeep.doctor.examination import examine
from wattkeep.doctor.findings import Level, Machine
from wattkeep.doctor.secrets_checks import check_exposure
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device, Lease, Notification, NotificationChannel

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def healthy(settings, tmp_path, device, monkeypatch):
    """Return a machine on which nothing is wrong, with a device that was just heard."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir(mode=0o700)
    settings.BACKUP_DIR = tmp_path / "backups"
    settings.BACKUP_DIR.mkdir()
    settings.SECRET_KEY = "Zk3-vQ9x_7hTfLw2RbYc8NmJp5sGdXaE4uKoViW6tBqC1zHy"
    backup = file_name(NOW - timedelta(hours=10), owner_mark(settings.SECRET_KEY))
    (settings.BACKUP_DIR / backup).write_text("")
    store(device, NOW - timedelta(seconds=5))
    hear(device, NOW - timedelta(seconds=5))
    machine = Machine(tmp_path / "proc", tmp_path / "sys")
    machine.proc.mkdir()
    (machine.proc / "mounts").write_text("/dev/root / ext4 rw,relatime 0 0\n")
    return machine


def found(machine):
    """Return what was found by its name, but for what this machine here is like."""
    here = {"clock-not-synchronised", "backup-same-disk", "no-tls", "disk-filling"}
    return {one.check: one for one in examine(NOW, machine) if one.check not in here}


def test_nothing_is_found_where_nothing_is_wrong(healthy):
    assert found(healthy) == {}


def test_a_secret_key_from_an_example_is_named(healthy, settings):
    settings.SECRET_KEY = "changeme" * 8

    assert found(healthy)["secret-key"].level == Level.FAULT


def test_a_data_folder_others_can_read_is_named(healthy, settings):
    (settings.DATA_DIR / "secret-key").write_text("x")
    (settings.DATA_DIR / "secret-key").chmod(0o644)

    assert "secret-key (mode 644)" in found(healthy)["file-modes"].what


def test_debug_and_open_doors_are_named(healthy, settings):
    settings.DEBUG, settings.REGISTRATION = True, "open"

    assert {"debug", "open-registration"} == set(found(healthy))


def test_a_public_address_without_tls_is_named(healthy, settings):
    assert [one.check for one in check_exposure(["93.184.216.34"])] == ["no-tls"]

    settings.SESSION_COOKIE_SECURE, settings.NAMED_HOSTS = True, ["*"]
    assert [one.check for one in check_exposure(["93.184.216.34"])] == ["any-host"]


def test_a_clock_that_was_set_back_is_named(healthy, device):
    hear(device, NOW + timedelta(days=30))
    store(device, NOW + timedelta(days=30))

    assert {"clock", "future-readings"} == set(found(healthy))


def test_a_clock_without_a_battery_is_named(healthy):
    names = [one.check for one in examine(datetime(1970, 1, 1, 3, tzinfo=UTC), healthy)]

    assert "clock" in names


def test_a_full_disk_is_named(healthy, monkeypatch):
    usage = shutil.disk_usage("/")._replace(total=32 * 1024**3, free=50 * 1024**2)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    assert found(healthy)["disk-full"].level == Level.FAULT


def test_a_dying_card_is_named(healthy):
    (healthy.proc / "mounts").write_text("/dev/mmcblk0p2 / ext4 ro,noatime 0 0\n")
    errors = healthy.sys / "fs/ext4/mmcblk0p2"
    errors.mkdir(parents=True)
    (errors / "errors_count").write_text("17\n")
    card = healthy.sys / "block/mmcblk0/device"
    card.mkdir(parents=True)
    (card / "life_time").write_text("0x0b 0x01\n")

    assert {"disk-read-only", "disk-errors", "disk-worn"} == set(found(healthy))


def test_a_task_that_fails_and_one_nobody_does_are_named(healthy):
    Lease.objects.create(name="ledger", holder="x", until=NOW, error="Traceback\nOSError: no room")
    Lease.objects.create(name="seal", holder="x", until=NOW, done_at=NOW - timedelta(days=3))

    faults = found(healthy)

    assert "OSError: no room" in faults["task-fails"].what
    assert "'seal'" in faults["task-stuck"].what
    assert "'ledger', which makes the figures of quarter-hours, fails" in faults["task-fails"].what


def test_messages_that_do_not_get_through_are_named(healthy, owner):
    channel = make_channel(owner, name="Phone", last_error="No route to host.")
    make_channel(owner, name="Off", last_error="No route to host.", is_enabled=False)

    [problem] = [one for one in examine(NOW, healthy) if one.check == "failing-messages"]
    assert "'Phone' of owner do not get through: No route to host." in problem.what
    assert problem.advice.startswith("None ever did.")

    NotificationChannel.objects.filter(pk=channel.pk).update(
        last_error="", last_success_at=NOW - timedelta(hours=2)
    )
    assert "failing-messages" not in found(healthy)

    Notification.objects.create(
        channel=channel, kind="opened", created_at=NOW, not_before=NOW, failed_at=NOW, error="lost"
    )
    assert found(healthy)["failing-messages"].what.endswith("do not get through: lost")


def test_old_missing_and_unset_backups_are_named(healthy, settings):
    (file,) = settings.BACKUP_DIR.iterdir()
    long_ago = datetime(2026, 11, 1, 2, tzinfo=UTC)
    file.rename(file.with_name(file_name(long_ago, owner_mark(settings.SECRET_KEY))))
    assert "2026-11-01" in found(healthy)["old-backup"].what

    next(settings.BACKUP_DIR.iterdir()).unlink()
    assert "There is no backup" in found(healthy)["old-backup"].what
    settings.BACKUP_DIR.rmdir()
    assert "is not there" in found(healthy)["old-backup"].what

    settings.BACKUP_DIR = None
    assert found(healthy)["no-backups"].level == Level.RISK


def test_a_device_that_went_quiet_is_named(healthy, device):
    Device.objects.update(created_at=NOW - timedelta(days=3))
    hear(device, NOW - timedelta(days=2))

    assert "House" in found(healthy)["quiet-devices"].what


def test_a_device_made_today_may_wait_for_its_board(healthy, owner):
    device, _ = create_device(owner, "Garage")
    Device.objects.filter(pk=device.pk).update(created_at=NOW - timedelta(hours=3))

    assert found(healthy) == {}


def test_an_installation_nobody_took_over_is_named(healthy, owner):
    owner.delete()

    assert "no-account" in found(healthy)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_named_and_the_rest_still_checked(healthy, settings):
    settings.DEBUG = True
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "/nowhere/wattkeep.sqlite3"
    try:
        names = set(found(healthy))
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name

    assert {"database", "debug"} == names

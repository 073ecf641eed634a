"""Readings are refused before the disk is full, and taken again when it has room."""

import json
import logging

import pytest

from running import READING, Running
from wattkeep.ledger.disk import DiskGuard, DiskState, disk_state, look_at


class Disk:
    """A disk whose free room and whose looks are counted."""

    def __init__(self, free_bytes):
        self.free_bytes = free_bytes
        self.looks = 0
        self.now_s = 100.0

    def look(self):
        self.looks += 1
        if self.free_bytes is None:
            raise PermissionError("not for you")
        return DiskState(self.free_bytes, 1000)

    def guard(self):
        return DiskGuard(self.look, lambda: self.now_s)


@pytest.mark.parametrize(
    ("free_bytes", "is_almost_full"), [(1000, False), (999, True), (0, True), (None, False)]
)
def test_disk_is_almost_full_below_its_reserve(free_bytes, is_almost_full):
    assert Disk(free_bytes).guard().is_almost_full() is is_almost_full


def test_disk_is_looked_at_once_a_second():
    disk = Disk(5000)
    guard = disk.guard()
    for _ in range(50):
        guard.is_almost_full()
    assert disk.looks == 1

    disk.free_bytes = 10
    disk.now_s += 0.99
    assert not guard.is_almost_full()
    disk.now_s += 0.01
    assert guard.is_almost_full()
    assert disk.looks == 2


def test_change_is_logged_once(caplog):
    caplog.set_level(logging.WARNING)
    disk = Disk(10)
    guard = disk.guard()
    for free_bytes in (10, 10, 5000, 5000, 10):
        disk.free_bytes = free_bytes
        disk.now_s += 1
        guard.is_almost_full()

    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "ERROR"]
    assert "readings are refused" in caplog.records[0].message


def test_small_disk_has_a_small_reserve_unless_one_was_chosen(tmp_path, settings):
    settings.DISK_RESERVE_MB = 10**9
    assert look_at(tmp_path).reserve_bytes < 10**15
    settings.DISK_RESERVE_IS_CHOSEN = True
    assert look_at(tmp_path).reserve_bytes == 10**15


@pytest.mark.sqlite
def test_databases_disk_is_looked_at(db, settings):
    settings.DISK_RESERVE_MB = 0
    found = disk_state()

    assert found.free_bytes > 0
    assert not found.is_almost_full


def test_full_disk_refuses_readings_while_pages_work(tmp_path):
    with Running(tmp_path / "data", WATTKEEP_DISK_RESERVE_MB="1000000000") as server:
        server.add_user("ada")
        device_id, key = server.add_device("House")

        answer = server.post(key, READING)
        server.log_in("ada")
        listed = server.get("/api/v1/devices/")

    assert (answer.status, answer.body) == (
        503,
        {"error": "The disk is almost full; nothing was stored."},
    )
    assert int(answer.headers["retry-after"]) > 0
    assert listed.status == 200
    assert str(device_id) in json.dumps(listed.body)

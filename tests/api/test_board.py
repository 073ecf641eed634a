"""`/api/v1/devices/<id>/board/`: how one's board is, what it is told, what it is to do."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from boarding import release, sync
from wattkeep.api import board
from wattkeep.api.payloads import iso
from wattkeep.boards.commands import queue_command
from wattkeep.boards.configuration import Setup, change_setup
from wattkeep.boards.releases import publish
from wattkeep.ingest.limits import RateLimit
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import BoardCommand, BoardReport, Device, DeviceBoot

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_limit(monkeypatch):
    monkeypatch.setattr(board, "_limit", RateLimit(0, 1))


def at(device, more=""):
    return f"/api/v1/devices/{device.pk}/board/{more}"


def send(client, method, address, body=None):
    answer = client.generic(method, address, json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


def bare(device, **changed):
    return {
        "device": device.pk,
        "health": None,
        "config": {"interval_s": 10, "display": None, "contrast": None, "meters": []},
        "config_version": 1,
        "applied_version": None,
        "told_version": None,
        "firmware_update": None,
        "commands": [],
        **changed,
    }


def boot(device, name, last_seen, **told):
    DeviceBoot.objects.create(
        device=device, boot=name, first_seen=last_seen, last_seen=last_seen, **told
    )


def test_device_without_a_board_of_ours_has_no_health(as_owner, device):
    boot(device, "", datetime.now(UTC))

    assert send(as_owner, "GET", at(device)) == (200, bare(device))


def test_board_that_posts_but_never_asked_shows_what_posts_tell(as_owner, device):
    now = datetime.now(UTC).replace(microsecond=0)
    boot(device, "old", now - timedelta(days=1), firmware="0.9", uptime_s=9)
    boot(device, "new", now - timedelta(seconds=5), firmware="1.0.0", rssi_dbm=-60, free_heap=900)

    health = send(as_owner, "GET", at(device))[1]["health"]

    assert 5 <= health.pop("age_s") <= 60
    assert health == {
        "firmware": "1.0.0", "slot": None, "boot": "new", "uptime_s": None, "rssi_dbm": -60,
        "free_heap": 900, "bad_polls": None, "backlog": None, "resets": None, "reset_cause": None,
        "last_contact": iso(now - timedelta(seconds=5)), "reported_at": None, "log": "",
        "log_at": None,
    }  # fmt: skip


def test_board_shows_its_report_and_the_newer_post(nobody, as_owner, owner):
    device, key = create_device(owner, "House")
    sync(nobody, key, log="meter silent", config_version=1)
    reported = BoardReport.objects.get().reported_at
    seen = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30)
    boot(device, "9f3c21aa", seen, firmware="1.0.0", rssi_dbm=-50)

    told = send(as_owner, "GET", at(device))[1]

    assert (told["applied_version"], told["told_version"]) == (1, 1)
    assert told["health"] == {
        "firmware": "1.0.0", "slot": "a", "boot": "9f3c21aa", "uptime_s": 86412, "rssi_dbm": -50,
        "free_heap": 18320, "bad_polls": 12, "backlog": 3, "resets": 2, "reset_cause": "watchdog",
        "last_contact": iso(seen), "age_s": 0, "reported_at": iso(reported),
        "log": "meter silent", "log_at": iso(reported),
    }  # fmt: skip


def test_changes_reach_the_board(nobody, as_owner, owner):
    device, key = create_device(owner, "House")
    change = {"interval_s": 5, "display": False, "contrast": 9, "meters": [2]}

    told = send(as_owner, "PATCH", at(device), change)
    partly = send(as_owner, "PATCH", at(device), {"display": None})[1]

    assert told == (200, bare(device, config=change, config_version=3))
    assert (partly["config"], partly["config_version"]) == ({**change, "display": None}, 4)
    assert sync(nobody, key)["config"] == {"interval_s": 5, "contrast": 9, "meters": [2]}


@pytest.mark.parametrize(
    "change",
    [
        {"interval_s": 0}, {"interval_s": 3601}, {"contrast": 256}, {"meters": [0]},
        {"meters": [249]}, {"meters": [1, 2]}, {"display": "maybe"},
    ],
    ids=str,
)  # fmt: skip
def test_what_no_board_would_take_is_refused(as_owner, device, change):
    status, errors = send(as_owner, "PATCH", at(device), change)

    assert (status, list(errors)) == (400, list(change))
    assert Device.objects.get().config_version == 1


def test_command_is_given_once_while_it_waits(as_owner, owner, device):
    address = at(device, "commands/")

    status, first = send(as_owner, "POST", address, {"command": "reboot"})
    again = send(as_owner, "POST", address, {"command": "reboot"})

    command = BoardCommand.objects.get()
    assert status == 201
    assert first == {
        "id": command.pk, "command": "reboot", "created_at": iso(command.created_at),
        "created_by": "owner", "delivered_at": None, "done_at": None, "result": "",
    }  # fmt: skip
    assert again == (200, first)
    assert send(as_owner, "GET", at(device))[1]["commands"] == [first]


def test_counter_is_reset_only_on_purpose(as_owner, device):
    address = at(device, "commands/")

    refused = send(as_owner, "POST", address, {"command": "reset_energy"})
    taken = send(as_owner, "POST", address, {"command": "reset_energy", "confirm": True})

    words = "The meter's counter goes back to 0 for good: send true."
    assert refused == (400, {"confirm": [words]})
    assert taken[0] == 201


def test_unknown_command_is_refused(as_owner, device):
    assert send(as_owner, "POST", at(device, "commands/"), {"command": "explode"})[0] == 400


def test_command_is_taken_back_while_it_waits(nobody, as_owner, owner):
    device, key = create_device(owner, "House")
    command, _ = queue_command(device.pk, "reboot", owner)
    address = at(device, f"commands/{command.pk}/")

    assert send(as_owner, "DELETE", address) == (204, None)
    assert send(as_owner, "DELETE", address)[0] == 404
    command, _ = queue_command(device.pk, "reboot", owner)
    sync(nobody, key)
    assert send(as_owner, "DELETE", at(device, f"commands/{command.pk}/"))[0] == 404


def test_update_shows_what_became_of_it(nobody, as_owner, owner):
    device, key = create_device(owner, "House")
    publish(release("1.1.0", app="x"), 100)
    sync(nobody, key)

    shown = send(as_owner, "GET", at(device))[1]["firmware_update"]

    assert shown.pop("offered_at")
    assert shown == {"version": "1.1.0", "state": "offered", "reason": "", "ended_at": None}


@pytest.mark.parametrize(
    "call",
    [
        ("GET", "", None),
        ("PATCH", "", {"contrast": 5}),
        ("POST", "commands/", {"command": "reboot"}),
        ("DELETE", "commands/1/", None),
    ],
)
def test_strangers_and_nobody_see_and_change_nothing(as_stranger, nobody, owner, device, call):
    method, more, body = call
    queue_command(device.pk, "send_log", owner)
    before = Device.objects.get().config_version

    answers = [send(one, method, at(device, more), body)[0] for one in (as_stranger, nobody)]

    assert answers == [404, 401]
    assert BoardCommand.objects.count() == 1
    assert Device.objects.get().config_version == before


def test_number_of_queries_does_not_grow_with_commands(
    nobody, as_owner, owner, django_assert_num_queries
):
    device, key = create_device(owner, "House")
    change_setup(device.pk, Setup(contrast=5))
    for kind in ("reboot", "send_log", "reset_energy"):
        queue_command(device.pk, kind, owner)
        sync(nobody, key)

    with django_assert_num_queries(9):
        assert send(as_owner, "GET", at(device))[0] == 200

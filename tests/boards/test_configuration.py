"""What a board is told, when its number grows, and the commands it gets."""

import pytest

from boarding import sync
from wattkeep.api import board
from wattkeep.boards.commands import queue_command, recent_commands, withdraw_command
from wattkeep.boards.configuration import Setup, change_setup, configuration_for, setup_of
from wattkeep.ingest.keys import identify
from wattkeep.ingest.limits import RateLimit
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device, KeyChange

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_limit(monkeypatch):
    monkeypatch.setattr(board, "_limit", RateLimit(0, 1))


def version(device):
    return Device.objects.get(pk=device.pk).config_version


def test_new_interval_grows_the_number_and_every_worker_hears_of_it(device):
    before = KeyChange.objects.get().number
    device.interval_s = 30
    device.save()

    assert version(device) == 2
    assert KeyChange.objects.get().number > before


def test_what_a_board_does_not_need_leaves_the_number(device):
    device.name = "Home"
    device.save()
    device.interval_s = 10
    device.save(update_fields=["name", "interval_s"])
    device.interval_s = 99
    device.save(update_fields=["name"])

    assert version(device) == 1


def test_old_copy_of_a_device_does_not_take_the_number_back(device):
    old = Device.objects.get(pk=device.pk)
    change_setup(device.pk, Setup(contrast=5))
    old.name = "Home"
    old.save()

    assert version(device) == 2


def test_setup_is_counted_when_it_is_another_one(device):
    changes = [
        Setup(display=True),
        Setup(display=True),
        Setup(display=False, contrast=0, meters=(2,)),
        Setup(),
        Setup(),
    ]

    told = [change_setup(device.pk, setup) for setup in changes]

    assert told == [True, False, True, True, False]
    assert version(device) == 4
    assert setup_of(device.pk) == Setup()


@pytest.mark.parametrize(("interval_s", "told"), [(1, 1), (3600, 3600), (86_400, 3600)])
def test_interval_is_one_the_board_takes(device, interval_s, told):
    device.interval_s = interval_s

    assert configuration_for(device) == {"interval_s": told}


def test_key_tells_the_number_of_now(owner):
    device, key = create_device(owner, "House")
    change_setup(device.pk, Setup(contrast=5))

    assert identify(key=key).config_version == 2


def test_command_is_handed_over_until_it_is_done(nobody, owner):
    device, key = create_device(owner, "House")
    first, is_new = queue_command(device.pk, "reset_energy", owner)
    again, is_new_again = queue_command(device.pk, "reset_energy", owner)
    second, _ = queue_command(device.pk, "reboot", owner)
    assert (is_new, is_new_again, again) == (True, False, first)
    assert version(device) == 3

    told = [sync(nobody, key)["commands"], sync(nobody, key)["commands"]]
    left = sync(nobody, key, done=[[first.pk, "ok"]])["commands"]
    none = sync(nobody, key, done=[[second.pk, "no such thing"]])["commands"]

    assert told == [[[first.pk, "reset_energy"], [second.pk, "reboot"]]] * 2
    assert (left, none) == ([[second.pk, "reboot"]], [])
    shown = [(one.kind, one.result, bool(one.done_at)) for one in recent_commands(device.pk, 5)]
    assert shown == [("reboot", "no such thing", True), ("reset_energy", "ok", True)]


def test_what_is_done_stays_done(nobody, owner):
    device, key = create_device(owner, "House")
    command, _ = queue_command(device.pk, "reboot", owner)
    sync(nobody, key)
    sync(nobody, key, done=[[command.pk, "ok"]])
    sync(nobody, key, done=[[command.pk, "something else"]])

    command.refresh_from_db()
    assert command.result == "ok"


def test_same_command_may_be_given_again_once_it_is_done(nobody, owner):
    device, key = create_device(owner, "House")
    first, _ = queue_command(device.pk, "reboot", owner)
    sync(nobody, key)
    sync(nobody, key, done=[[first.pk, "ok"]])

    second, is_new = queue_command(device.pk, "reboot", owner)

    assert is_new
    assert second.pk > first.pk


def test_command_is_taken_back_until_it_is_handed_over(nobody, owner):
    device, key = create_device(owner, "House")
    first, _ = queue_command(device.pk, "reboot", owner)
    second, _ = queue_command(device.pk, "send_log", owner)

    assert withdraw_command(device.pk, first.pk)
    assert sync(nobody, key)["commands"] == [[second.pk, "send_log"]]
    assert not withdraw_command(device.pk, second.pk)
    assert not withdraw_command(device.pk + 1, second.pk)

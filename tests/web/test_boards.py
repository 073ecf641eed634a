"""A board's page and the firmware's: health, settings, commands, roll-outs, and who may."""

import pytest
from django.test import Client
from django.urls import reverse

from boarding import release, sync
from wattkeep.api import board
from wattkeep.boards.commands import queue_command
from wattkeep.boards.configuration import Setup, setup_of
from wattkeep.boards.releases import publish
from wattkeep.ingest.limits import RateLimit
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import BoardCommand, Device, FirmwareRelease
from wattkeep.web.board_wording import duration_text, signal_text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_limit(monkeypatch):
    monkeypatch.setattr(board, "_limit", RateLimit(0, 1))


@pytest.fixture
def made(owner):
    return create_device(owner, "House")


@pytest.fixture
def address(made):
    return reverse("web:board", args=[made[0].pk])


@pytest.fixture
def as_staff(db):
    client = Client()
    client.force_login(create_account("keeper", "lantern-orbit-7", is_admin=True))
    return client


def text(response):
    return " ".join(response.content.decode().split())


def test_page_before_any_board_reported_says_so(as_owner, address):
    page = as_owner.get(address)

    assert page.status_code == 200
    assert "No board with Wattkeep's firmware has reported" in text(page)


def test_page_shows_how_the_board_is(nobody, as_owner, made, address):
    sync(nobody, made[1], log="<b>meter silent</b>")

    page = as_owner.get(address)

    assert page.context["health"] == [
        ("Firmware", "1.0.0 (a)"), ("Running for", "1 day"), ("Wi-Fi signal", "−67 dBm, good"),
        ("Free memory", "17.9 KiB"), ("Windows waiting", "3"), ("Bad answers of the meter", "12"),
        ("Restarts", "2"), ("Last restart", "watchdog"),
    ]  # fmt: skip
    assert "The board has been told" in text(page)
    assert "&lt;b&gt;meter silent&lt;/b&gt;" in text(page)


def test_devices_page_has_the_boards_figures_only_where_there_is_a_board(nobody, as_owner, made):
    device, key = made
    before = as_owner.get(reverse("web:device", args=[device.pk]))
    sync(nobody, key)
    after = as_owner.get(reverse("web:device", args=[device.pk]))

    assert [len(page.context["board_words"]) for page in (before, after)] == [0, 4]
    assert "−67 dBm, good" not in text(before)
    assert "−67 dBm, good" in text(after)


def test_settings_are_saved_and_wait_for_the_board(nobody, as_owner, made, address):
    device, key = made
    sync(nobody, key)
    body = {"interval_s": 5, "display": "off", "contrast": "0", "meter": "7"}

    page = as_owner.post(address, body, follow=True)
    told = sync(nobody, key, config_version=3)

    assert "takes it over with its next post" in text(page)
    assert "The board takes this over with its next post." in text(page)
    assert setup_of(device.pk) == Setup(display=False, contrast=0, meters=(7,))
    assert told["config"] == {"interval_s": 5, "display": 0, "contrast": 0, "meters": [7]}
    assert "The board has been told" in text(as_owner.get(address))


def test_empty_fields_leave_it_to_the_boards_own_file(as_owner, made, address):
    as_owner.post(address, {"interval_s": 10, "display": "on", "contrast": "9", "meter": "7"})
    as_owner.post(address, {"interval_s": 10, "display": "own", "contrast": "", "meter": ""})

    assert setup_of(made[0].pk) == Setup()
    assert Device.objects.get().config_version == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interval_s", "0"), ("interval_s", "3601"), ("interval_s", ""), ("contrast", "256"),
        ("meter", "0"), ("meter", "249"), ("display", "maybe"),
    ],
)  # fmt: skip
def test_what_no_board_would_take_is_refused(field, value, as_owner, address):
    body = {"interval_s": 10, "display": "own", field: value}

    page = as_owner.post(address, body)

    assert page.context["form"].errors.keys() == {field}
    assert Device.objects.get().config_version == 1


def test_command_is_given_and_taken_back(as_owner, made, address):
    given = as_owner.post(address, {"command": "reboot"}, follow=True)
    again = as_owner.post(address, {"command": "reboot"}, follow=True)
    command = BoardCommand.objects.get()
    back = as_owner.post(address, {"withdraw": command.pk}, follow=True)

    assert "gets it with its next post" in text(given)
    assert "waits for the board · owner" in text(given)
    assert "That waits already" in text(again)
    assert "Taken back" in text(back)
    assert not BoardCommand.objects.exists()


def test_command_that_the_board_has_is_not_taken_back(nobody, as_owner, owner, made, address):
    device, key = made
    command, _ = queue_command(device.pk, "send_log", owner)
    sync(nobody, key)

    page = as_owner.post(address, {"withdraw": command.pk}, follow=True)

    assert "The board has it already" in text(page)
    sync(nobody, key, done=[[command.pk, "no room"]])
    assert "failed: no room" in text(as_owner.get(address))


@pytest.mark.parametrize("number", ["", "x", "9" * 40, "-1"])
def test_command_that_is_none_is_not_taken_back(number, as_owner, address):
    assert as_owner.post(address, {"withdraw": number}).status_code == 302


def test_counter_is_reset_only_with_the_tick(as_owner, address):
    without = as_owner.post(address, {"command": "reset_energy"}, follow=True)
    assert "Tick the box first" in text(without)
    assert not BoardCommand.objects.exists()

    as_owner.post(address, {"command": "reset_energy", "confirm": "yes"})

    assert BoardCommand.objects.get().kind == "reset_energy"


def test_unknown_command_is_none(as_owner, address):
    assert as_owner.post(address, {"command": "explode"}).status_code == 404


def test_board_is_its_owners_only(as_stranger, nobody, made, address):
    bodies = [{"command": "reboot"}, {"interval_s": 1, "display": "on"}]

    looks = [client.get(address).status_code for client in (as_stranger, nobody)]
    tries = [as_stranger.post(address, body).status_code for body in bodies]
    tries += [nobody.post(address, body).status_code for body in bodies]

    assert (looks, tries) == ([404, 302], [404, 404, 302, 302])
    assert not BoardCommand.objects.exists()
    assert Device.objects.get().config_version == 1


def test_update_is_told(nobody, as_owner, made, address):
    publish(release("1.1.0", app="x"), 100)
    sync(nobody, made[1])
    offered = text(as_owner.get(address))
    sync(nobody, made[1], firmware="1.1.0", update="confirmed")

    assert "1.1.0 is offered to it." in offered
    assert "1.1.0 runs and has proven itself." in text(as_owner.get(address))


def test_releases_are_for_staff_only(as_owner, nobody, as_staff):
    publish(release("1.1.0", app="x"), 10)
    address = reverse("web:releases")

    looks = [client.get(address).status_code for client in (as_staff, as_owner, nobody)]
    tries = [
        client.post(address, {"version": "1.1.0", "share": 100}).status_code
        for client in (as_owner, nobody)
    ]

    assert (looks, tries) == ([200, 404, 302], [404, 302])
    assert FirmwareRelease.objects.get().share == 10
    assert f'href="{address}"' in text(as_staff.get("/settings/"))
    assert f'href="{address}"' not in text(as_owner.get("/settings/"))


def test_releases_before_the_first_say_how_one_is_made(as_staff):
    assert "wattkeep firmware publish" in text(as_staff.get(reverse("web:releases")))


def test_release_is_raised_withdrawn_and_offered_again(nobody, as_staff, made):
    publish(release("1.1.0", app="x"), 0)
    address = reverse("web:releases")
    offered = []
    for body in ({"share": 100}, {"withdraw": "yes"}, {"share": 100}):
        as_staff.post(address, {"version": "1.1.0", **body})
        offered.append(sync(nobody, made[1])["update"] is not None)

    assert offered == [True, False, True]
    assert "1 of 1" in text(as_staff.get(address))


@pytest.mark.parametrize("share", ["", "-1", "101", "x"])
def test_share_that_is_none_changes_nothing(share, as_staff):
    publish(release("1.1.0", app="x"), 10)

    page = as_staff.post(reverse("web:releases"), {"version": "1.1.0", "share": share}, follow=True)

    assert "Write a share from 0 to 100" in text(page)
    assert FirmwareRelease.objects.get().share == 10


def test_halted_release_says_why(as_staff):
    publish(release("1.1.0", app="x"), 10)
    FirmwareRelease.objects.update(halted_at="2026-01-01T00:00Z", halt_reason="2 rolled back")

    page = text(as_staff.get(reverse("web:releases")))

    assert "halted" in page
    assert "2 rolled back" in page
    assert "Offer it again" in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (5, "5 s"),
        (119, "1 min"),
        (7200, "2 h"),
        (86_400, "1 day"),
        (172_800, "2 days"),
    ],
)
def test_duration_is_told_in_its_largest_unit(seconds, words):
    assert duration_text(seconds) == words


@pytest.mark.parametrize(
    ("dbm", "words"),
    [
        (None, "–"), (-50, "−50 dBm, good"), (-67, "−67 dBm, good"), (-68, "−68 dBm, fair"),
        (-75, "−75 dBm, fair"), (-76, "−76 dBm, weak"),
    ],
)  # fmt: skip
def test_signal_is_told_with_a_word(dbm, words):
    assert signal_text(dbm) == words

"""`wattkeep user` and `wattkeep device`: what they print, where, and what they refuse."""

import json

import pytest
from django.contrib.auth import authenticate, get_user_model

from cli.boards import call
from running import PASSWORD
from stored import store
from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.models import AuditEntry, Device, Site

pytestmark = pytest.mark.django_db


def refusal(*words, stdin=None):
    """Return the one line that a command says instead of doing anything."""
    done = call(*words, stdin=stdin)
    assert (done.exit_code, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    return line


def test_user_is_added_with_a_password_from_standard_input():
    done = call(
        "user", "add", "ada", "--password-stdin", "--time-zone", "Asia/Tokyo",
        stdin=f"{PASSWORD}\n",
    )  # fmt: skip

    assert (done.exit_code, done.stdout, done.stderr) == (0, "Added ada.\n", "")
    user = authenticate(username="ada", password=PASSWORD)
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert Site.objects.get(owner=user).time_zone == "Asia/Tokyo"
    entry = AuditEntry.objects.get()
    assert (entry.deed, entry.account, entry.by_way_of) == ("made", user, "command")


def test_user_may_be_an_administrator():
    call("user", "add", "root", "--admin", "--password-stdin", stdin=PASSWORD)

    assert authenticate(username="root", password=PASSWORD).is_superuser


def test_password_is_asked_for_twice_and_not_shown():
    done = call("user", "add", "ada", stdin=f"{PASSWORD}\n{PASSWORD}\n")

    assert done.exit_code == 0
    assert authenticate(username="ada", password=PASSWORD)
    assert PASSWORD not in done.output


def test_passwords_that_differ_add_nobody():
    done = call("user", "add", "ada", stdin=f"{PASSWORD}\nanother-word-9\n")

    assert done.exit_code != 0
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "too short"),
        ("k7-p", "too short"),
        ("password1", "too common"),
        ("3957204718", "entirely numeric"),
        ("lovelace", "too similar to the username"),
    ],
)
def test_weak_password_is_refused_by_the_same_rules_as_on_the_page(password, words):
    line = refusal("user", "add", "lovelace", "--password-stdin", stdin=f"{password}\n")

    assert line.startswith("Error: ")
    assert words in line
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize("name", ["ada", "ADA"])
def test_name_that_is_taken_is_refused(name):
    create_account("ada", PASSWORD)

    line = refusal("user", "add", name, "--password-stdin", stdin=PASSWORD)

    assert line == f"Error: there is a user {name!r} already."


@pytest.mark.parametrize("name", ["", "a b", "x" * 151, "ada/../"])
def test_name_that_no_account_can_have_is_refused(name):
    assert refusal("user", "add", name, "--password-stdin", stdin=PASSWORD).startswith("Error: ")
    assert not get_user_model().objects.exists()


def test_time_zone_that_is_none_is_refused():
    line = refusal(
        "user", "add", "ada", "--password-stdin", "--time-zone", "Mars/Olympus", stdin=PASSWORD
    )

    assert line == "Error: 'Mars/Olympus' is not a time zone. Write one such as Europe/Paris."


def test_key_of_a_new_device_is_all_that_stands_on_standard_output():
    user = create_account("ada", PASSWORD)

    done = call(
        "device", "add", "Main meter", "--user", "ada", "--location", "Cellar", "--interval", "60"
    )

    device = Device.objects.get()
    assert done.exit_code == 0
    assert done.stdout.endswith("\n")
    assert key_hash(done.stdout.removesuffix("\n")) == bytes(device.key_hash)
    assert done.stderr == f"Added device {device.pk}, Main meter. Its key, shown this once:\n"
    assert (device.user, device.name, device.location, device.interval_s) == (
        user, "Main meter", "Cellar", 60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("add", "House", "--user", "nobody"),
            "Error: there is no user 'nobody'. `wattkeep user list` shows who there is.",
        ),
        (("add", " ", "--user", "ada"), "Error: name: This field cannot be blank."),
        (
            ("add", "x" * 101, "--user", "ada"),
            "Error: name: Ensure this value has at most 100 characters (it has 101).",
        ),
        (
            ("add", "x", "--user", "ada", "--location", "y" * 201),
            "Error: location: Ensure this value has at most 200 characters (it has 201).",
        ),
    ],
)
def test_device_that_cannot_be_is_refused_in_one_line(words, expected):
    create_account("ada", PASSWORD)

    assert refusal("device", *words) == expected
    assert not Device.objects.exists()


@pytest.mark.parametrize("interval", ["0", "-5", "ten", str(10**18)])
def test_interval_that_cannot_be_is_refused(interval):
    create_account("ada", PASSWORD)

    done = call("device", "add", "House", "--user", "ada", "--interval", interval)

    assert (done.exit_code in {1, 2}, done.stdout) == (True, "")
    assert not Device.objects.exists()


def test_lists_of_nothing_say_what_to_do_and_print_nothing():
    for words in (("user", "list"), ("device", "list")):
        done = call(*words)
        assert (done.exit_code, done.stdout) == (0, "")
        assert "add NAME" in done.stderr


def test_lists_of_nothing_are_valid_json():
    for words in (("user", "list", "--json"), ("device", "list", "--json")):
        done = call(*words)
        assert (done.exit_code, json.loads(done.stdout), done.stderr) == (0, [], "")


def test_users_are_listed(device, stranger):
    done = call("user", "list", "--json")

    assert json.loads(done.stdout) == [
        {"id": device.user_id, "name": "owner", "admin": False, "active": True, "devices": 1},
        {"id": stranger.pk, "name": "stranger", "admin": False, "active": True, "devices": 0},
    ]
    table = call("user", "list").stdout
    assert [line.split() for line in table.splitlines() if "owner" in line] == [
        [str(device.user_id), "owner", "no", "yes", "1"]
    ]


def test_devices_are_listed_with_what_they_do_now(device):
    from django.utils import timezone

    now = timezone.now()
    store(device, now)

    [row] = json.loads(call("device", "list", "--json").stdout)

    last_seen = row.pop("last_seen")
    assert row == {
        "id": device.pk,
        "name": "House",
        "user": "owner",
        "location": "Main panel",
        "status": "online",
        "power_w": 540.67,
        "active": True,
        "key": f"{device.key_prefix}_…",
    }
    assert last_seen == now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert "House" in call("device", "list").stdout


def test_names_are_shown_as_they_are_and_not_as_markup(owner):
    call("device", "add", "[red]Été[/red] 🏠", "--user", "owner")

    assert "[red]Été[/red] 🏠" in call("device", "list").stdout
    assert json.loads(call("device", "list", "--json").stdout)[0]["name"] == "[red]Été[/red] 🏠"


@pytest.mark.parametrize(
    "words",
    [("user", "add", "--help"), ("device", "list", "-h"), ("demo", "-h"), ("up", "-h"), ("-h",)],
)
def test_every_command_explains_itself(words):
    done = call(*words)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")

"""A device's old key beside its new one: both count until the old one's time is over."""

import hmac
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from boarding import ask, report
from running import READING, run
from wattkeep.domain.keys import key_hash, signing_key
from wattkeep.ingest.keys import identify
from wattkeep.monitoring.devices import create_device, end_old_keys, replace_key
from wattkeep.monitoring.models import KeyChange, OldKey

SYNC = "/api/board/sync/"


def eventually(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def made(owner):
    return create_device(owner, "House")


def test_old_key_names_the_device_until_its_time_is_over(made):
    device, old = made
    new = replace_key(device, keep_old=timedelta(hours=1))

    assert identify(key=old)._replace(signing_key=b"", left_s=0) == identify(key=new)._replace(
        signing_key=b"", left_s=0
    )
    assert 3500 < identify(key=old).left_s <= 3600
    assert identify(prefix=old.split("_")[0]).signing_key == signing_key(old)
    assert identify(prefix=new.split("_")[0]).signing_key == signing_key(new)
    OldKey.objects.update(good_until=timezone.now())
    assert identify(key=old) is None
    assert identify(prefix=old.split("_")[0]) is None


def test_keys_that_were_replaced_twice_end_each_in_its_time(made):
    device, first = made
    second = replace_key(device, keep_old=timedelta(hours=2))
    third = replace_key(device, keep_old=timedelta(hours=1))

    assert all(identify(key=key) for key in (first, second, third))
    assert end_old_keys(device) == 2
    assert [bool(identify(key=key)) for key in (first, second, third)] == [False, False, True]


def test_key_replaced_at_once_takes_the_older_ones_with_it(made):
    device, first = made
    second = replace_key(device, keep_old=timedelta(hours=2))
    number = KeyChange.objects.get().number

    third = replace_key(device)

    assert [bool(identify(key=key)) for key in (first, second, third)] == [False, False, True]
    assert KeyChange.objects.get().number > number
    assert not OldKey.objects.exists()


def test_old_key_of_an_inactive_device_opens_nothing(made):
    device, old = made
    replace_key(device, keep_old=timedelta(hours=1))
    device.is_active = False
    device.save()

    assert identify(key=old) is None


def test_stored_old_key_opens_nothing(made):
    device, old = made
    replace_key(device, keep_old=timedelta(hours=1))

    stored = str(OldKey.objects.values().get())
    assert old.split("_")[1] not in stored
    assert bytes(OldKey.objects.get().key_hash) == key_hash(old)


def test_board_with_the_old_key_is_answered_by_it(made, nobody):
    device, old = made
    replace_key(device, keep_old=timedelta(hours=1))

    answer = ask(nobody, old, SYNC, report())

    secret = signing_key(old)
    expected = hmac.digest(secret, answer.content, "sha256").hex()
    assert (answer.status_code, answer["X-Signature"]) == (200, f"sha256={expected}")


def test_api_rotates_with_an_overlap_of_a_day_or_as_asked(made, as_owner):
    device, old = made
    address = f"/api/v1/devices/{device.pk}/key/"

    by_default = as_owner.post(address, {}, "application/json").json()["api_key"]
    [kept] = OldKey.objects.all()
    at_once = as_owner.post(address, {"keep_old_s": 0}, "application/json").json()["api_key"]

    assert timedelta(hours=23) < kept.good_until - timezone.now() <= timedelta(hours=24)
    assert [bool(identify(key=key)) for key in (old, by_default, at_once)] == [False, False, True]
    for wrong in (-1, 10**9, "x", None):
        answer = as_owner.post(address, {"keep_old_s": wrong}, "application/json")
        assert answer.status_code == 400


def test_api_and_page_end_old_keys(made, as_owner, as_stranger):
    device, old = made
    api, page = f"/api/v1/devices/{device.pk}/key/", f"/devices/{device.pk}/edit/"
    as_owner.post(page, {"new_key": "yes", "keep_old_h": "24"})
    assert old.split("_")[0] in as_owner.get(page).content.decode()

    assert as_stranger.delete(api).status_code == 404
    assert as_stranger.post(page, {"end_old_keys": "yes"}).status_code == 404
    assert identify(key=old)
    assert as_owner.post(page, {"end_old_keys": "yes"}).status_code == 302
    assert identify(key=old) is None
    as_owner.post(api, {}, "application/json")
    assert as_owner.delete(api).status_code == 204
    assert not OldKey.objects.exists()


def test_readings_by_both_keys_are_stored_until_the_old_one_is_ended(server):
    device_id, old = server.add_device("Rotated")
    words = ("device", "key", device_id, "--keep-old", "1h", "--data-dir", server.data_dir)
    new = run(*words).stdout.strip()

    eventually(lambda: server.post(new, READING).status == 201)
    assert server.post(old, READING).status == 201
    done = run(*words[:3], "--keep-old", "0", *words[5:])
    newest = done.stdout.strip()

    eventually(lambda: server.post(old, READING).status == 401)
    assert server.post(new, READING).status == 401
    assert server.post(newest, READING).status == 201


def test_old_key_ends_by_itself_in_a_running_server(server):
    device_id, old = server.add_device("Expiring")
    code = (
        "from datetime import timedelta\n"
        "from wattkeep.monitoring.devices import replace_key\n"
        "from wattkeep.monitoring.models import Device\n"
        f"replace_key(Device.objects.get(pk={device_id}), keep_old=timedelta(seconds=6))"
    )
    done = run("manage", "--data-dir", server.data_dir, "shell", "-c", code)
    assert done.returncode == 0, done.stderr

    eventually(lambda: server.post(old, READING).status == 401)
    assert server.post(old, READING).body == {"error": "Invalid API key"}

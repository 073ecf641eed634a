"""`/api/v1/devices/`: listing, making and changing one's own devices."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from stored import store
from wattkeep.api.payloads import iso
from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device, KeyChange

pytestmark = pytest.mark.django_db

LIST = "/api/v1/devices/"


def send(client, method, address, body=None, **headers):
    answer = client.generic(
        method, address, json.dumps(body), content_type="application/json", headers=headers
    )
    return answer.status_code, answer.json()


def row(device, **changed):
    device.refresh_from_db()
    return {
        "id": device.pk,
        "name": device.name,
        "location": device.location,
        "site": device.site_id,
        "parent": device.parent_id,
        "is_active": device.is_active,
        "key_prefix": device.key_prefix,
        "interval_s": device.interval_s,
        "created_at": iso(device.created_at),
        "power": None,
        "status": "never",
        "is_online": False,
        "last_seen": None,
        **changed,
    }


def test_list_shows_ones_own_devices_by_name(as_owner, owner, stranger, device):
    attic, _ = create_device(owner, "Attic")
    create_device(stranger, "Not yours")
    now = datetime.now(UTC)
    at = now.replace(microsecond=now.microsecond // 1000 * 1000) - timedelta(seconds=1)
    store(device, at)

    assert send(as_owner, "GET", LIST) == (
        200,
        [
            row(attic),
            row(device, power=540.67, status="online", is_online=True, last_seen=iso(at)),
        ],
    )


def test_list_of_somebody_without_devices_is_empty(as_stranger, device):
    assert send(as_stranger, "GET", LIST) == (200, [])


def test_power_of_a_device_that_is_gone_is_not_shown(as_owner, device):
    store(device, datetime.now(UTC) - timedelta(seconds=90))

    [shown] = send(as_owner, "GET", LIST)[1]

    assert (shown["status"], shown["power"]) == ("offline", None)


@pytest.mark.parametrize("address", [LIST, "/api/realtime/{}/", "/api/dashboard/{}/"])
def test_number_of_queries_does_not_grow_with_devices(as_owner, owner, address):
    counts = []
    for number in (1, 3):
        while owner.devices.count() < number:
            device, _ = create_device(owner, f"Device {owner.devices.count()}")
            store(device, datetime.now(UTC))
        with CaptureQueriesContext(connection) as queries:
            assert as_owner.get(address.format(device.pk)).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert counts[0] <= 30


def test_device_is_made_with_a_key_that_is_shown_once(as_owner, owner):
    status, body = send(as_owner, "POST", LIST, {"name": "Shed", "location": "Garden"})

    device = Device.objects.get(name="Shed")
    key = body.pop("api_key")
    assert (status, body) == (201, row(device))
    assert (device.user, device.site, device.location) == (owner, owner.sites.get(), "Garden")
    assert bytes(device.key_hash) == key_hash(key)
    shown_later = send(as_owner, "GET", f"{LIST}{device.pk}/")[1]
    assert "api_key" not in shown_later
    assert shown_later == row(device)


def test_device_is_made_with_everything_that_may_be_set(as_owner, owner):
    wanted = {
        "name": "Boiler", "location": "Cellar", "site": owner.sites.get().pk, "interval_s": 60,
        "range_w": 2300, "is_active": False,
    }  # fmt: skip

    status, _ = send(as_owner, "POST", LIST, wanted)

    assert status == 201
    assert Device.objects.values(*wanted).get(name="Boiler") == wanted


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": ["This field is required."]}),
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"name": "  "}, {"name": ["This field may not be blank."]}),
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": "x" * 101}, {"name": ["Ensure this field has no more than 100 characters."]}),
        (
            {"name": "x", "interval_s": 0},
            {"interval_s": ["Ensure this value is greater than or equal to 1."]},
        ),
        (
            {"name": "x", "interval_s": 10**18},
            {"interval_s": ["Ensure this value is less than or equal to 86400."]},
        ),
        (
            {"name": "x", "range_w": 10**30},
            {"range_w": ["Ensure this value is less than or equal to 1000000."]},
        ),
        (
            {"name": "x", "site": 10**30},
            {"site": [f'Invalid pk "{10**30}" - object does not exist.']},
        ),
        (
            {"name": "x", "site": "home"},
            {"site": ["Incorrect type. Expected pk value, received str."]},
        ),
        (["x"], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        (None, {"non_field_errors": ["No data provided"]}),
    ],
)
def test_device_that_cannot_be_is_refused_in_words(as_owner, body, errors):
    assert send(as_owner, "POST", LIST, body) == (400, errors)
    assert Device.objects.count() == 0


def test_body_that_is_no_json_is_refused(as_owner):
    answer = as_owner.post(LIST, b"{", content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("JSON parse error")


def test_strangers_site_does_not_exist(as_owner, stranger, device):
    site = stranger.sites.get().pk
    refusal = (400, {"site": [f'Invalid pk "{site}" - object does not exist.']})

    assert send(as_owner, "POST", LIST, {"name": "x", "site": site}) == refusal
    assert send(as_owner, "PATCH", f"{LIST}{device.pk}/", {"site": site}) == refusal


def test_change_leaves_the_rest(as_owner, device):
    before = row(device)
    number = KeyChange.objects.get().number

    answer = send(as_owner, "PATCH", f"{LIST}{device.pk}/", {"is_active": False})

    assert answer == (200, {**before, "is_active": False})
    assert row(device) == {**before, "is_active": False}
    assert KeyChange.objects.get().number == number + 1


def test_key_and_owner_cannot_be_written(as_owner, device, stranger):
    before = Device.objects.values().get()

    send(
        as_owner,
        "PATCH",
        f"{LIST}{device.pk}/",
        {"key_hash": "x", "key_prefix": "x", "user": stranger.pk, "id": 77},
    )

    assert Device.objects.values().get() == before


def test_new_key_replaces_the_old_one(as_owner, device):
    before = bytes(device.key_hash)

    status, body = send(as_owner, "POST", f"{LIST}{device.pk}/key/")

    key = body.pop("api_key")
    assert (status, body) == (201, row(device))
    assert bytes(device.key_hash) == key_hash(key) != before


@pytest.mark.parametrize(
    ("method", "address"),
    [("GET", "{}/"), ("PATCH", "{}/"), ("POST", "{}/key/")],
)
def test_strangers_device_does_not_exist(as_stranger, device, method, address):
    before = Device.objects.values().get()
    answers = [
        send(as_stranger, method, LIST + address.format(pk), {"name": "Mine"})
        for pk in (device.pk, device.pk + 1000)
    ]

    assert answers == [(404, {"detail": "Not found."})] * 2
    assert Device.objects.values().get() == before


@pytest.mark.parametrize(
    ("method", "address"),
    [("GET", ""), ("POST", ""), ("GET", "{}/"), ("PATCH", "{}/"), ("POST", "{}/key/")],
)
def test_nobody_is_asked_to_log_in(nobody, device, method, address):
    before = Device.objects.values().get()

    answer = send(nobody, method, LIST + address.format(device.pk), {"name": "Mine"})

    assert answer == (401, {"detail": "Authentication credentials were not provided."})
    assert Device.objects.values().get() == before


def test_session_must_prove_that_the_page_sent_the_request(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)

    assert send(client, "POST", LIST, {"name": "Shed"}) == (
        403,
        {"detail": "CSRF Failed: CSRF cookie not set."},
    )
    client.get("/settings/")
    token = client.cookies["csrftoken"].value
    assert send(client, "POST", LIST, {"name": "Shed"})[0] == 403
    assert send(client, "POST", LIST, {"name": "Shed"}, **{"X-CSRFToken": token})[0] == 201
    assert Device.objects.count() == 1


def test_logged_out_session_is_nobody(owner):
    client = Client()
    client.force_login(owner)
    owner.is_active = False
    owner.save()

    assert send(client, "GET", LIST)[0] == 401


@pytest.mark.parametrize("number", ["1e400", "99999999999999999999999"])
@pytest.mark.parametrize("name", ["site", "parent"])
def test_numbers_that_nothing_has_are_refused(as_owner, name, number):
    body = f'{{"name": "Shed", "{name}": {number}}}'
    answer = as_owner.post(LIST, body, content_type="application/json")

    assert (answer.status_code, list(answer.json())) == (400, [name])


def test_brackets_without_end_are_refused(as_owner):
    answer = as_owner.post(LIST, "[" * 100_000, content_type="application/json")

    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": "JSON parse error - nested too deeply"},
    )

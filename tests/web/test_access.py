"""Every page, asked for by its owner, a stranger and nobody."""

import pytest
from django.urls import reverse

ONES_OWN = ["web:settings", "web:password", "web:devices", "web:device_add"]
DEVICE_PAGES = ["web:device", "web:device_edit", "web:device_key", "web:board"]


@pytest.mark.parametrize("name", [*ONES_OWN, "web:home"])
def test_page_asks_nobody_to_log_in(name, owner, nobody):
    response = nobody.get(reverse(name))

    assert response.status_code == 302
    assert response.url == f"/login/?next={reverse(name)}"


@pytest.mark.parametrize("name", ONES_OWN)
def test_page_is_shown_to_its_owner(name, as_owner):
    assert as_owner.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", DEVICE_PAGES)
def test_device_page_is_shown_to_its_owner_only(name, device, as_owner, as_stranger, nobody):
    address = reverse(name, args=[device.pk])

    answers = [client.get(address).status_code for client in (as_owner, as_stranger, nobody)]

    assert answers == [200, 404, 302]


@pytest.mark.parametrize("name", DEVICE_PAGES)
def test_stranger_cannot_tell_a_device_from_none(name, device, as_stranger):
    somebodys = as_stranger.get(reverse(name, args=[device.pk]))
    nobodys = as_stranger.get(reverse(name, args=[device.pk + 1000]))

    assert (somebodys.status_code, _without_token(somebodys)) == (404, _without_token(nobodys))


def test_stranger_cannot_change_a_device(device, as_stranger):
    address = reverse("web:device_edit", args=[device.pk])
    before = device.key_prefix

    saved = as_stranger.post(address, {"name": "Mine", "interval_s": 10, "range_w": 23000})
    rekeyed = as_stranger.post(address, {"new_key": "yes", "keep_old_h": "0"})

    device.refresh_from_db()
    assert (saved.status_code, rekeyed.status_code) == (404, 404)
    assert (device.name, device.key_prefix) == ("House", before)


@pytest.mark.parametrize("name", ["web:login", "web:register"])
def test_page_sends_those_who_are_in_home(name, as_owner):
    assert as_owner.get(reverse(name)).url == "/"


def test_home_shows_the_devices(device, as_owner):
    page = as_owner.get("/").content.decode()

    assert reverse("web:device", args=[device.pk]) in page
    assert device.name in page


def test_home_leads_to_the_list_without_a_device(as_owner):
    response = as_owner.get("/", follow=True)

    assert response.redirect_chain == [("/devices/", 302)]
    assert "No device yet" in response.content.decode()


def test_missing_page_is_in_the_products_look(nobody, db):
    response = nobody.get("/no/such/page/")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def _without_token(response):
    lines = response.content.decode().splitlines()
    return [line for line in lines if "data-now" not in line and "csrf" not in line]

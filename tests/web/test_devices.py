"""Listing, adding and changing devices; keys that are shown once; the home's settings."""

import pytest
from django.urls import reverse

from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device, Site


def query_count(client, address, counter):
    client.get(address)
    with counter as counted:
        assert client.get(address).status_code == 200
    return len(counted)


def test_list_shows_each_device_with_its_state(as_owner, device, record):
    record(device, power=1234.5)

    page = as_owner.get("/devices/").content.decode()

    assert "House" in page
    assert "1,234" in page
    assert 'data-status="online"' in page


def test_list_takes_as_many_queries_for_three_devices_as_for_one(
    as_owner, owner, device, record, django_assert_max_num_queries
):
    record(device)
    one = query_count(as_owner, "/devices/", django_assert_max_num_queries(20))
    for name in ("Heat pump", "Car"):
        record(create_device(owner, name)[0])
    three = query_count(as_owner, "/devices/", django_assert_max_num_queries(20))

    assert three == one


def test_dashboard_takes_as_many_queries_for_three_devices_as_for_one(
    as_owner, owner, device, record, django_assert_max_num_queries
):
    record(device)
    address = reverse("web:device", args=[device.pk])
    # One of them is for the language the person reads.
    one = query_count(as_owner, address, django_assert_max_num_queries(21))
    for name in ("Heat pump", "Car"):
        create_device(owner, name)
    three = query_count(as_owner, address, django_assert_max_num_queries(21))

    assert three == one


def test_list_shows_ones_own_only(as_stranger, device):
    assert "House" not in as_stranger.get("/devices/").content.decode()


def test_adding_shows_the_key_once(as_owner, owner):
    body = {"name": "Car", "location": "Garage", "interval_s": 5}

    response = as_owner.post("/devices/add/", body)
    device = Device.objects.get()
    first = as_owner.get(response.url)
    second = as_owner.get(response.url)

    key = first.context["key"]
    assert (device.user, device.name, device.location, device.interval_s) == (
        owner,
        "Car",
        "Garage",
        5,
    )
    assert bytes(device.key_hash) == key_hash(key)
    assert response.url == f"/devices/{device.pk}/key/"
    assert key not in response.url
    assert first.content.decode().count(key) == 6  # alone and in five set-ups
    assert "no-store" in first["Cache-Control"]
    assert key not in second.content.decode()
    assert "This key is not shown any more" in second.content.decode()
    assert "new_key" not in as_owner.session


def test_key_is_not_shown_with_another_device(as_owner, owner, device):
    as_owner.post("/devices/add/", {"name": "Car", "interval_s": 5})

    other = as_owner.get(reverse("web:device_key", args=[device.pk]))

    assert other.context["key"] is None


def test_key_left_lying_is_not_shown_later(as_owner, owner):
    address = as_owner.post("/devices/add/", {"name": "Car", "interval_s": 5}).url
    session = as_owner.session
    session["new_key"] = [*session["new_key"][:2], 0]
    session.save()

    assert as_owner.get(address).context["key"] is None


def test_edit_changes_the_device(as_owner, device):
    body = {"name": "Home", "location": "", "interval_s": 30, "range_w": 2300}

    response = as_owner.post(reverse("web:device_edit", args=[device.pk]), body)

    device.refresh_from_db()
    assert response.url == reverse("web:device", args=[device.pk])
    assert (device.name, device.interval_s, device.range_w, device.is_active) == (
        "Home",
        30,
        2300,
        False,
    )


@pytest.mark.parametrize("field", ["interval_s", "range_w"])
def test_edit_refuses_nothing_and_says_so(field, as_owner, device):
    body = {"name": "Home", "interval_s": 30, "range_w": 2300, field: 0}

    response = as_owner.post(reverse("web:device_edit", args=[device.pk]), body)

    assert response.context["form"].errors.keys() == {field}
    assert "Edit House" in response.content.decode()


def test_new_key_replaces_the_old_one(as_owner, device):
    address = reverse("web:device_edit", args=[device.pk])

    page = as_owner.post(address, {"new_key": "yes", "keep_old_h": "0"}, follow=True)

    before = bytes(device.key_hash)
    device.refresh_from_db()
    assert bytes(device.key_hash) == key_hash(page.context["key"]) != before


def test_new_key_needs_a_choice(as_owner, device):
    address = reverse("web:device_edit", args=[device.pk])

    page = as_owner.post(address, {"new_key": "yes"}, follow=True)

    before = bytes(device.key_hash)
    device.refresh_from_db()
    assert bytes(device.key_hash) == before
    assert "Choose how long" in page.content.decode()


def test_settings_change_the_home(as_owner, owner):
    body = {"name": "Flat", "time_zone": "Asia/Kolkata", "currency": "INR"}

    page = as_owner.post("/settings/", body, follow=True)

    site = Site.objects.get(owner=owner)
    assert (site.name, site.time_zone, site.currency) == ("Flat", "Asia/Kolkata", "INR")
    assert "Settings are saved." in page.content.decode()


@pytest.mark.parametrize(
    ("field", "value"), [("time_zone", "Mars/Olympus"), ("currency", "euro"), ("name", "")]
)
def test_settings_say_what_is_wrong(field, value, as_owner, owner):
    body = {"name": "Flat", "time_zone": "Asia/Kolkata", "currency": "INR", field: value}

    response = as_owner.post("/settings/", body)

    assert response.context["form"].errors.keys() == {field}
    assert Site.objects.get(owner=owner).time_zone == "Europe/Paris"


def test_names_are_text_not_markup(as_owner, owner):
    device, _ = create_device(owner, "<b>x</b></script>", location="<i>")

    page = as_owner.get(reverse("web:device", args=[device.pk])).content.decode()

    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page
    assert page.count("</script>") == page.count("<script")

"""What stands on the start page before any script runs, and the answer it is made of."""

import re

import pytest
from django.urls import reverse

from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Site
from wattkeep.web.wording import change_text


@pytest.fixture
def house(owner, device):
    """Return a house with an oven behind its meter, and a shed."""
    oven, shed = (create_device(owner, name)[0] for name in ("Oven", "Shed"))
    oven.parent = device
    oven.save()
    return device, oven, shed


def overview_of(client, site):
    return client.get(reverse("api:site-overview", args=[site.pk]))


def test_page_lists_devices_as_a_tree_with_the_rest(as_owner, house, record):
    for device, power in zip(house, (1000.0, 300.0, 50.0), strict=True):
        record(device, power=power)

    page = as_owner.get("/").content.decode()

    names = re.findall(r'class="name"[^>]*>([^<]+)<', page)
    assert names == ["House", "Oven", "Untracked", "Shed"]
    powers = re.findall(r"data-power>([^<]+)<", page)
    assert powers == ["1,000", "300.0", "700.0", "50.0"]
    assert re.search(r"data-total>([^<]+)<", page)[1] == "1,050"
    assert re.findall(r'data-depth="(\d)"', page) == ["0", "1", "1", "0"]


def test_page_says_what_is_not_in_the_sum(as_owner, house, record):
    record(house[2], power=50.0)

    page = as_owner.get("/").content.decode()

    assert re.search(r"data-total>([^<]+)<", page)[1] == "50.0"
    assert re.search(r"data-missing-count>(\d+)<", page)[1] == "1"
    assert "Nothing received yet" in page


def test_little_more_behind_a_meter_than_in_it_is_nothing(as_owner, house, record):
    for device, power in zip(house, (1000.0, 1020.0, 50.0), strict=True):
        record(device, power=power)

    page = as_owner.get("/").content.decode()

    assert re.findall(r"data-power>([^<]+)<", page)[2] == "0.0"
    assert "data-more>" not in page


def test_somebody_without_a_device_is_led_to_where_one_is_added(as_owner, owner):
    assert as_owner.get("/").url == reverse("web:devices")


def test_each_site_has_its_page(as_owner, owner, device):
    other = Site.objects.create(owner=owner, name="Cabin")
    create_device(owner, "Stove", site=other)

    page = as_owner.get(f"/?site={other.pk}").content.decode()

    assert re.findall(r'class="name"[^>]*>([^<]+)<', page) == ["Stove"]
    assert as_owner.get("/?site=999999").status_code == 404
    assert as_owner.get("/?site=x").status_code == 404


def test_api_answers_the_owner_and_nobody_else(as_owner, as_stranger, nobody, device):
    assert overview_of(as_owner, device.site).json()["devices"][0]["name"] == "House"
    assert overview_of(as_stranger, device.site).status_code == 404
    assert overview_of(nobody, device.site).status_code == 401


def test_api_asks_as_often_for_three_devices_as_for_one(
    as_owner, house, record, django_assert_max_num_queries
):
    for device in house:
        record(device)

    with django_assert_max_num_queries(18):
        body = overview_of(as_owner, house[0].site).json()

    assert [row["depth"] for row in body["devices"]] == [0, 1, 0]
    assert body["devices"][0]["rest"] == {"power": 0.0, "today": 0.0, "month": 0.0}
    assert body["power"] == 1081.4
    assert body["month_before"] is None


@pytest.mark.parametrize(
    ("used", "before", "words"),
    [
        (88.0, 100.0, "12 % less"),
        (125.0, 100.0, "25 % more"),
        (100.4, 100.0, "as much"),
        (5.0, 0.0, "more"),
        (0.0, 0.0, "as much"),
        (5.0, None, "no comparison yet"),
    ],
)
def test_change_is_told_in_words(used, before, words):
    assert change_text(used, before) == words

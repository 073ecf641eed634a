"""The home's settings: price, how long readings are kept, room, language."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from wattkeep.monitoring.models import EnergyReading, Site
from wattkeep.web.insights_words import cost_of
from wattkeep.web.wording import size_text

pytestmark = pytest.mark.django_db

BODY = {"name": "Flat", "time_zone": "Asia/Kolkata", "currency": "INR"}


def store_old_reading(device, days):
    EnergyReading.objects.create(
        device=device,
        timestamp=datetime.now(UTC) - timedelta(days=days),
        voltage=230.0,
        current=1.0,
        power=230.0,
        energy=1.0,
        frequency=50.0,
        power_factor=1.0,
    )


def test_price_is_kept_exactly(as_owner, owner):
    as_owner.post("/settings/", {**BODY, "price_per_kwh": "0.31415"})

    site = Site.objects.get(owner=owner)
    assert site.price_per_kwh == Decimal("0.31415")
    assert cost_of(10_000, site) == "3.14 INR"


def test_no_price_is_no_cost(owner):
    assert cost_of(10_000, Site.objects.get(owner=owner)) == ""


@pytest.mark.parametrize(
    ("field", "value"), [("price_per_kwh", "-1"), ("price_per_kwh", "x"), ("keep_raw_days", "6")]
)
def test_wrong_values_are_named(field, value, as_owner):
    response = as_owner.post("/settings/", {**BODY, field: value})

    assert response.context["form"].errors.keys() == {field}


def test_keeping_less_with_nothing_to_lose_is_just_done(as_owner, owner, device):
    store_old_reading(device, 5)

    as_owner.post("/settings/", {**BODY, "keep_raw_days": "30"})

    assert Site.objects.get(owner=owner).keep_raw_days == 30


def test_keeping_less_asks_before_it_deletes(as_owner, owner, device):
    store_old_reading(device, 90)

    asked = as_owner.post("/settings/", {**BODY, "keep_raw_days": "30"})
    kept = Site.objects.get(owner=owner).keep_raw_days
    done = as_owner.post("/settings/", {**BODY, "keep_raw_days": "30", "confirm_deletion": "on"})

    assert asked.status_code == 200
    assert "of 1 day are older and would be deleted" in asked.content.decode()
    assert 'type="checkbox" name="confirm_deletion"' in asked.content.decode()
    assert kept is None
    assert done.status_code == 302
    assert Site.objects.get(owner=owner).keep_raw_days == 30


def test_keeping_more_never_asks(as_owner, owner, device):
    store_old_reading(device, 90)
    Site.objects.filter(owner=owner).update(keep_raw_days=10)

    as_owner.post("/settings/", {**BODY, "keep_raw_days": "30"})

    assert Site.objects.get(owner=owner).keep_raw_days == 30


def test_room_page_has_every_choice_and_marks_the_present_one(as_owner, owner, device, stranger):
    Site.objects.filter(owner=owner).update(keep_raw_days=45)

    page = as_owner.get(reverse("web:storage"))

    choices = page.context["choices"]
    assert [one["days"] for one in choices] == [None, 365, 90, 45, 30, 7]
    assert [one["days"] for one in choices if one["is_present"]] == [45]
    assert [row["name"] for row in page.context["devices"]] == ["House"]
    assert page.context["is_expected"] is True


def test_room_page_counts_ones_own_devices_only(as_stranger, device):
    assert as_stranger.get(reverse("web:storage")).context["devices"] == []


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 B"), (1500, "1.5 kB"), (3.2e6, "3.2 MB"), (4e9, "4.0 GB")]
)
def test_size_text(count, text):
    assert size_text(count) == text

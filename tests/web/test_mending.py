"""The pages that set figures right, note another meter, and delete a device."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from stored import store
from wattkeep.domain.keys import key_hash
from wattkeep.ledger.corrections import Wish, set_correction
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Correction, Device, EnergyReading, MeterEvent

pytestmark = pytest.mark.django_db

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def page(client, name, *numbers, body=None):
    address = reverse(f"web:{name}", args=numbers)
    answer = client.get(address) if body is None else client.post(address, body, follow=True)
    return answer.status_code, answer.content.decode()


def test_device_is_deleted_when_its_name_is_typed(as_owner, device):
    store(device, AT)

    status, text = page(as_owner, "device_delete", device.pk, body={"name": "House"})

    assert (status, "House is deleted." in text) == (200, True)
    assert not Device.objects.exists()
    assert not EnergyReading.objects.exists()


def test_device_stays_when_something_else_is_typed(as_owner, device):
    status, text = page(as_owner, "device_delete", device.pk, body={"name": "home"})

    assert status == 200
    assert "Type the device&#x27;s name as it is written, &#x27;House&#x27;" in text
    assert Device.objects.exists()


def test_files_are_offered_before_a_device_is_deleted(as_owner, device):
    _, text = page(as_owner, "device_delete", device.pk)

    for name in ("api:device-readings-csv", "api:device-slots-csv"):
        assert f'href="{reverse(name, args=[device.pk])}"' in text


def test_correction_is_meant_on_the_sites_clock_and_can_be_undone(as_owner, owner, device):
    body = {
        "start": "2026-01-05T11:00", "end": "2026-01-05T11:30", "consumption": "0.25",
        "reason": "Guests",
    }  # fmt: skip

    _, text = page(as_owner, "device_corrections", device.pk, body=body)

    correction = Correction.objects.get()
    assert (correction.start, correction.energy_wh, correction.author) == (AT, 250, owner)
    assert "0.250 kWh · Guests" in text
    assert "Mon 5 Jan 2026, 11:00 to Mon 5 Jan 2026, 11:30, by owner" in text

    _, text = page(as_owner, "correction_undo", device.pk, correction.pk, body={})

    correction.refresh_from_db()
    assert correction.undone_by == owner
    assert "The correction is undone." in text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"end": "2026-01-05T11:07"}, "is not at a full quarter of an hour"),
        ({"end": "2026-01-05T10:00"}, "The end must be later than the start."),
        ({"start": "2026-03-29T02:30"}, "be interpreted in time zone Europe/Paris"),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_correction_that_makes_no_sense_says_why(as_owner, device, changed, words):
    body = {"start": "2026-01-05T11:00", "end": "2026-01-05T11:30", "reason": "x", **changed}

    status, text = page(as_owner, "device_corrections", device.pk, body=body)

    assert (status, words in text.replace("&#x27;", "'")) == (200, True)
    assert not Correction.objects.exists()


def test_new_meter_leads_to_its_new_key(as_owner, device):
    body = {
        "at": "2026-01-05T11:00", "is_new_meter": "on", "closing": "812.5", "opening": "0.1",
    }  # fmt: skip

    answer = as_owner.post(reverse("web:device_swap", args=[device.pk]), body, follow=True)

    device.refresh_from_db()
    event = MeterEvent.objects.get()
    assert (event.timestamp, event.before_wh, event.after_wh) == (AT, 812_500, 100)
    assert key_hash(answer.context["key"]) == bytes(device.key_hash)


def test_swap_ahead_of_its_time_is_refused_on_the_page(as_owner, device):
    status, text = page(as_owner, "device_swap", device.pk, body={"at": "2100-01-01T00:00"})

    assert (status, "The swap lies ahead." in text) == (200, True)
    assert not MeterEvent.objects.exists()


def test_sub_meter_is_put_behind_another_on_its_page(as_owner, owner, device):
    heating = create_device(owner, "Heating")[0]
    body = {"name": "Heating", "interval_s": 10, "range_w": 23000, "parent": device.pk}

    as_owner.post(reverse("web:device_edit", args=[heating.pk]), body)

    heating.refresh_from_db()
    assert heating.parent == device


@pytest.mark.parametrize("name", ["device_delete", "device_swap", "device_corrections"])
def test_pages_are_their_owners_alone(as_owner, as_stranger, nobody, device, name):
    address = reverse(f"web:{name}", args=[device.pk])

    assert as_owner.get(address).status_code == 200
    for method in ("get", "post"):
        assert getattr(as_stranger, method)(address).status_code == 404
        assert getattr(nobody, method)(address).url == f"/login/?next={address}"
    assert Device.objects.exists()


def test_stranger_undoes_nothing(as_stranger, stranger, owner, device):
    wish = Wish(AT, AT.replace(hour=11), 1.0, "x")
    correction = set_correction(device, wish, owner, datetime.now(UTC))
    theirs = create_device(stranger, "Theirs")[0]

    for pk in (device.pk, theirs.pk):
        address = reverse("web:correction_undo", args=[pk, correction.pk])
        assert as_stranger.post(address).status_code == 404
    correction.refresh_from_db()
    assert correction.undone_at is None


def test_swap_shows_the_last_counter_that_arrived(as_owner, device):
    store(device, AT, energy=812.345)

    _, text = page(as_owner, "device_swap", device.pk)

    assert "The last that arrived is 812.345 kWh." in text

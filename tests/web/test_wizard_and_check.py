"""Adding a device until its first reading, and the check of its wiring."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from wattkeep.domain.install_check import Check, Kind, Verdict
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading, EnergySlot
from wattkeep.web.check_words import ADVICE, NOTHING_TO_SAY, check_words
from wattkeep.web.setups import qr_code, setups

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).resolve().parents[2] / "docs/other-devices.md"
ADDRESS = "http://192.168.1.10:8000/api/energy-data/"


def by_slug(key="YOUR-KEY"):
    return {one.slug: one.text for one in setups(ADDRESS, key)}


@pytest.mark.parametrize("slug", ["arduino", "esphome", "tasmota"])
def test_set_ups_are_those_of_the_documentation(slug):
    assert by_slug()[slug] in DOCS.read_text(encoding="utf-8")


def test_firmware_takes_its_set_up():
    text = json.loads(by_slug("secret")["wattkeep"])

    assert text["server"] == "http://192.168.1.10:8000"
    assert text["meters"] == [{"address": 1, "key": "secret"}]


def test_every_set_up_has_the_key_and_the_address():
    for slug, text in by_slug("secret").items():
        assert "secret" in text, slug
        assert "192.168.1.10:8000" in text, slug
        assert "{{" not in text
        assert "&quot;" not in text


def test_qr_code_has_nothing_inline():
    code = qr_code("abc")

    assert code.startswith("<svg")
    assert "style" not in code
    assert "script" not in code


def test_new_device_waits_for_its_first_reading(as_owner):
    address = as_owner.post("/devices/add/", {"name": "Car", "interval_s": 5}).url

    page = as_owner.get(address)

    assert page.context["has_reported"] is False
    text = page.content.decode()
    assert "data-arrival" in text
    assert "data-since" not in text
    assert "<svg" in text
    assert "Waiting for a reading" in text


def test_known_device_with_a_new_key_waits_for_a_newer_one(as_owner, device, record):
    record(device)
    address = reverse("web:device_edit", args=[device.pk])

    page = as_owner.post(address, {"new_key": "yes", "keep_old_h": "24"}, follow=True)

    assert 'data-since="20' in page.content.decode()


# -- the check ------------------------------------------------------------------------------------


def store_hours(device, hours=2, **changed):
    """Store a steady load of 1150 W, with some values changed."""
    start = datetime.now(UTC) - timedelta(hours=hours)
    values = {
        "voltage": 230.0,
        "current": 5.0,
        "power": 1150.0,
        "frequency": 50.0,
        "power_factor": 1.0,
    }
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device,
            timestamp=start + timedelta(seconds=10 * n),
            **{**values, "energy": int(n * 1150 / 360) / 1000, **changed},
        )
        for n in range(hours * 360)
    )


def verdicts(page):
    return {str(check.title): check.verdict for check in page.context["checks"]}


def test_right_installation_fits_together(as_owner, device):
    store_hours(device)

    page = as_owner.get(reverse("web:device_check", args=[device.pk]))

    assert set(verdicts(page).values()) == {"good"}
    assert "Everything fits together." in page.content.decode()


def test_clamp_on_another_phase_is_said_in_plain_words(as_owner, device):
    store_hours(device, power=575.0, power_factor=0.5)

    page = as_owner.get(reverse("web:device_check", args=[device.pk])).content.decode()

    assert "Most likely the clamp lies round another phase" in page


def test_sub_meters_that_use_more_are_said(as_owner, owner, device):
    child, _ = create_device(owner, "Car")
    child.parent = device
    child.save()
    store_hours(device)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    EnergySlot.objects.create(
        device=child, start=now - timedelta(hours=3), measured_mwh=9_000_000, samples=90
    )

    page = as_owner.get(reverse("web:device_check", args=[device.pk]))

    assert verdicts(page)["Sub-meters use no more than this one"] == "wrong"
    assert "sub-meters: 9.00 kWh" in page.content.decode()


def test_silent_device_cannot_be_told(as_owner, device):
    page = as_owner.get(reverse("web:device_check", args=[device.pk]))

    assert verdicts(page) == {"Readings come in": "unknown"}


def test_check_is_ones_own(device, as_stranger, nobody):
    address = reverse("web:device_check", args=[device.pk])

    assert as_stranger.get(address).status_code == 404
    assert nobody.get(address).url.startswith("/login/")


def test_every_kind_has_its_words():
    for kind in Kind:
        words = check_words(Check(kind, Verdict.UNKNOWN))
        assert words.title
        assert words.advice == NOTHING_TO_SAY
    assert {kind for kind, _ in ADVICE} == set(Kind)

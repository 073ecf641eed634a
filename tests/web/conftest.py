"""People, devices and browsers without a screen."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from wattkeep.monitoring import throttles
from wattkeep.monitoring.models import DeviceBoot, EnergyReading

PASSWORD = "lantern-orbit-7"


@pytest.fixture(autouse=True)
def _quick_and_apart(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    settings.REGISTRATION = "closed"
    # No window of a throttle ends in the middle of a test.
    monkeypatch.setattr(throttles, "clock_s", lambda: 1_800_000_010.0)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def record():
    """Store a reading of a device, `ago_s` seconds old."""

    def store(device, power=540.7, energy=12.456, ago_s=1):
        at = datetime.now(UTC) - timedelta(seconds=ago_s)
        EnergyReading.objects.create(
            device=device,
            timestamp=at,
            voltage=230.5,
            current=2.345,
            power=power,
            energy=energy,
            frequency=50.0,
            power_factor=0.98,
        )
        DeviceBoot.objects.update_or_create(
            device=device, boot="", defaults={"first_seen": at, "last_seen": at}
        )

    return store


@pytest.fixture
def mails(settings, mailoutbox):
    """Set mail up; return what waits for so many mails and returns them."""
    settings.MAIL_IS_SET_UP = True
    settings.PUBLIC_URL = "https://energy.example.org"

    def wait_for(count):
        deadline = time.monotonic() + 30
        while len(mail.outbox) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return mail.outbox

    return wait_for

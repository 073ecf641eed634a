"""People, devices and browsers without a screen."""

from datetime import UTC, datetime, timedelta

import pytest

from wattkeep.monitoring.models import DeviceBoot, EnergyReading

PASSWORD = "lantern-orbit-7"


@pytest.fixture(autouse=True)
def _quick_and_apart(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.REGISTRATION = "closed"
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

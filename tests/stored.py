"""Readings put straight into the database, as if they had come in long ago."""

from wattkeep.monitoring.models import DeviceBoot, EnergyReading

VALUES = {
    "voltage": 230.5,
    "current": 2.345,
    "power": 540.67,
    "energy": 12.456,
    "frequency": 50.0,
    "power_factor": 0.98,
}


def store(device, at, **values):
    """Store a reading at an instant and the contact that brought it."""
    reading = EnergyReading.objects.create(device=device, timestamp=at, **{**VALUES, **values})
    hear(device, at)
    return reading


def store_counter(device, *points):
    """Store readings of (instant, kWh) without contacts."""
    EnergyReading.objects.bulk_create(
        EnergyReading(device=device, timestamp=at, **{**VALUES, "energy": kwh})
        for at, kwh in points
    )


def hear(device, at):
    """Store that a device was heard."""
    DeviceBoot.objects.update_or_create(
        device=device,
        boot="",
        defaults={"last_seen": at},
        create_defaults={"first_seen": at, "last_seen": at},
    )

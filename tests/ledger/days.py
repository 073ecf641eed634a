"""Days of readings for the ledger's tests: made, stored as rows, and looked at again."""

import math

import numpy as np

from wattkeep.domain.columns import NAMES
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.readings import COLUMNS, iter_days
from wattkeep.monitoring.models import EnergyReading, ReadingBlock

DAY_MS = 86_400_000
# 2026-06-01T00:00:00Z.
DAY = 1_780_272_000_000
STEPS = {
    "power": 10,
    "energy": 1000,
    "voltage": 10,
    "current": 1000,
    "frequency": 10,
    "power_factor": 100,
}


def household(count, start_ms=DAY, step_ms=10_000, seed=1):
    """Return instants and columns as a meter would have sent them."""
    random = np.random.default_rng(seed)
    timestamps = start_ms + np.arange(count) * step_ms
    power = 300 + 200 * np.sin(np.arange(count) / 500) + random.normal(0, 3, count)
    power += 2000 * (np.arange(count) % 1000 < 60)
    voltage = 235 + random.normal(0, 0.3, count)
    apparent = np.hypot(power, 80)
    exact = {
        "power": power,
        "energy": 1482 + np.floor(np.cumsum(power * step_ms / 3_600_000)) / 1000,
        "voltage": voltage,
        "current": apparent / voltage,
        "frequency": 50 + 0.05 * np.sin(np.arange(count) / 70),
        "power_factor": power / apparent,
    }
    values = {name: np.rint(column * STEPS[name]) / STEPS[name] for name, column in exact.items()}
    return timestamps, values


def store_rows(device_id, timestamps, values):
    """Store readings as rows; NaN is stored as NULL."""
    columns = [values[name].tolist() for name in NAMES]
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device_id=device_id,
            timestamp=from_ms(at),
            **dict(zip(NAMES, map(_or_none, row), strict=True)),
        )
        for at, *row in zip(timestamps.tolist(), *columns, strict=True)
    )


def store_household(device_id, count=200, **kwargs):
    """Store a made household's readings and return them as rows."""
    timestamps, values = household(count, **kwargs)
    store_rows(device_id, timestamps, values)
    return as_rows(timestamps, values)


def _or_none(value):
    return None if math.isnan(value) else value


def as_rows(timestamps, values):
    """Return readings as tuples; NaN as None, so that they can be compared."""
    columns = [list(map(_or_none, values[name].tolist())) for name in COLUMNS]
    return list(zip(timestamps.tolist(), *columns, strict=True))


def readings_of(device_id, start_ms=0, end_ms=4 * 10**12):
    """Return everything there is of a device as rows."""
    return [
        row
        for day in iter_days(device_id, start_ms, end_ms, COLUMNS)
        for row in as_rows(day.timestamps, day.values)
    ]


def counts(device_id):
    """Return how many readings are in rows and in blocks."""
    blocks = ReadingBlock.objects.filter(device_id=device_id).values_list("count", flat=True)
    return EnergyReading.objects.filter(device_id=device_id).count(), sum(blocks)

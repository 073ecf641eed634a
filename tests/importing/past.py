"""Readings of the past as text to import, and as they come out of the database."""

from datetime import UTC, datetime

from wattkeep.ledger.readings import readings_between

HEADER = "timestamp,voltage,current,power,energy,frequency,power_factor"
COLUMNS = ("voltage", "current", "power", "energy", "frequency", "power_factor")
DAY_MS = 86_400_000
MINUTE_MS = 60_000
START_MS = int(datetime(2024, 6, 1, tzinfo=UTC).timestamp() * 1000)
NOW_MS = int(datetime(2024, 7, 1, 12, tzinfo=UTC).timestamp() * 1000)


def line(number, *, start_ms=START_MS, step_ms=MINUTE_MS, base_wh=1000):
    """Return the reading `number` steps after the start: 600 W, all the time."""
    at = datetime.fromtimestamp((start_ms + number * step_ms) / 1000, UTC)
    kwh = (base_wh + number * 10) / 1000
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z,230.5,2.603,600.0,{kwh},50.0,1.0"


def text(numbers, **options):
    return "\n".join([HEADER, *(line(number, **options) for number in numbers), ""])


def stored(device, start_ms=0, end_ms=NOW_MS + DAY_MS):
    """Return a device's readings as (time, the six values)."""
    found = readings_between(device.pk, start_ms, end_ms, COLUMNS)
    columns = [found.timestamps.tolist(), *(found[name].tolist() for name in COLUMNS)]
    return list(zip(*columns, strict=True))


def expected(numbers, start_ms=START_MS, step_ms=MINUTE_MS, base_wh=1000):
    return [
        (start_ms + n * step_ms, 230.5, 2.603, 600.0, (base_wh + n * 10) / 1000, 50.0, 1.0)
        for n in numbers
    ]

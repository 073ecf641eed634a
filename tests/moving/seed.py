"""Fills an installation: `seed.py DAYS STEP_S`; prints each device's key, as JSON."""

import json
import math
import sys
import time
from datetime import UTC, datetime, timedelta

from wattkeep.cli.installation import open_installation

open_installation(None)

from wattkeep.importing.rows import Row  # noqa: E402
from wattkeep.importing.sources import Source  # noqa: E402
from wattkeep.importing.storing import Target, store_file  # noqa: E402
from wattkeep.ledger.corrections import Wish, set_correction  # noqa: E402
from wattkeep.ledger.update import update_device  # noqa: E402
from wattkeep.monitoring.accounts import create_account  # noqa: E402
from wattkeep.monitoring.devices import create_device  # noqa: E402
from wattkeep.monitoring.models import EnergyReading, EnergySlot, MeterEvent  # noqa: E402


def rows(days, step_s, number):
    """Yield a device's readings up to an hour ago; its meter is set to zero half way."""
    now_s = int(time.time())
    kwh = 10.0 * number
    steps = days * 86_400 // step_s
    for step in range(steps):
        at_s = now_s - 3600 - (steps - step) * step_s
        power = 300 + 200 * math.sin(step / 500 + number)
        kwh = 0.0 if step == steps // 2 else kwh + power * step_s / 3.6e6
        yield Row(step + 1, at_s * 1000, round(kwh, 3), round(power, 1), 230.5, 1.3, 50.0, 0.97)


def main():
    days, step_s = int(sys.argv[1]), int(sys.argv[2])
    user = create_account("ada", "lantern-orbit-7", time_zone="Europe/Paris")
    keys = {}
    for number in range(1, 6):
        device, key = create_device(user, f"Meter {number}")
        keys[device.pk] = key
        source = Source("made up", "wattkeep", (), lambda _, n=number: rows(days, step_s, n))
        store_file(source, Target(device.pk, round(time.time() * 1000)))
        # One that is no part of a finished day's block, also where today has only begun.
        *_, last = rows(days, step_s, number)
        at = datetime.fromtimestamp(last.timestamp_ms / 1000 + step_s, UTC)
        values = {"voltage": 230.5, "current": 1.3, "frequency": 50.0, "power_factor": 0.97}
        EnergyReading.objects.create(
            device=device, timestamp=at, power=300.0, energy=last.energy, **values
        )
        update_device(device.pk, datetime.now(UTC))
    start = EnergySlot.objects.order_by("start")[0].start
    wish = Wish(start, start + timedelta(hours=1), 5.0, "the meter was off")
    set_correction(device, wish, user, datetime.now(UTC))
    assert MeterEvent.objects.filter(kind="reset").count() == 5
    print(json.dumps(keys))


main()

"""What test_update runs in a process of its own, whose database is a PostgreSQL."""

import os
import random
from datetime import timedelta

os.environ["DJANGO_SETTINGS_MODULE"] = "wattkeep.settings"
import django

django.setup()

from django.core.management import call_command  # noqa: E402

from ledger.ledgers import (  # noqa: E402
    START_MS,
    arrive,
    at,
    forget,
    hear,
    history,
    note_swap,
    race,
    stored,
    whole,
)
from wattkeep.ledger.marks import leave_mark  # noqa: E402
from wattkeep.ledger.steady import update_steady  # noqa: E402
from wattkeep.ledger.update import update_device, update_due  # noqa: E402
from wattkeep.monitoring.accounts import create_account  # noqa: E402
from wattkeep.monitoring.devices import create_device  # noqa: E402


def main():
    call_command("migrate", verbosity=0)
    device, _ = create_device(create_account("ada", "lantern-orbit-7"), "House")
    for seed in range(12):
        dice = random.Random(seed)
        forget(device)
        rows = history(dice)
        dice.shuffle(rows)
        now = at(0)
        for first in range(0, len(rows), 40):
            batch = rows[first : first + 40]
            now = max(now, at(max(row[0] for row in batch)))
            arrive(device, batch, now)
            hear(device, now)
            dice.choice([update_due, lambda _: None])(now)
        note_swap(device, 3000, 5000, 10)
        update_device(device.pk, now + timedelta(seconds=1))
        print("same" if stored(device) == whole(device) else f"seed {seed} differs")
    forget(device)
    print("same" if follow(device, random.Random(5)) else "not when steady")
    forget(device)
    race(device, random.Random(99))
    print("same" if stored(device) == whole(device) else "not after a race")


def follow(device, dice):
    """Tell whether steady readings, run after run, make what one pass makes.

    One comes late, and once nothing does for 25 minutes.
    """
    second, wh, steady_runs = 0, 1000, 0
    for minute in range(50):
        rows = [
            (second + 10 * number, wh + number, dice.random() * 300)
            for number in range(6)
            if (minute, number) != (20, 3)
        ]
        second, wh = second + (60 if minute != 35 else 1500), wh + 6
        if minute == 21:
            rows.append((1230, 1123, 7))
        arrive(device, rows, at(second))
        hear(device, at(second))
        leave_mark(device.pk, START_MS + 1000 * (second - 1))
        steady_runs += bool(update_steady([device.pk], at(second)))
        update_due(at(second))
    return stored(device) == whole(device) and steady_runs > 40


main()

"""What test_update runs in a process of its own, whose database is a PostgreSQL."""

import os
import random
from datetime import timedelta

os.environ["DJANGO_SETTINGS_MODULE"] = "wattkeep.settings"
import django

django.setup()

from django.core.management import call_command  # noqa: E402

from ledger.ledgers import arrive, at, forget, hear, history, note_swap, race, stored, whole  # noqa: E402
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
    race(device, random.Random(99))
    print("same" if stored(device) == whole(device) else "not after a race")


main()

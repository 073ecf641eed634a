"""Fills a fresh database with devices and prints their keys, one a line: `seed.py ours 2000`."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def seed_ours(count: int) -> list[str]:
    from wattkeep.cli.installation import open_installation

    open_installation(None)
    from django.db import transaction

    from wattkeep.monitoring.accounts import create_account
    from wattkeep.monitoring.devices import create_device

    with transaction.atomic():
        user = create_account("bench", "a password nobody uses")
        return [create_device(user, f"Device {number}")[1] for number in range(count)]


def seed_literal(count: int) -> list[str]:
    sys.path.insert(0, str(Path(__file__).parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = "literal.settings"
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from literal.monitoring.models import Device

    call_command("migrate", run_syncdb=True, verbosity=0)
    user = User.objects.create_user("bench")
    keys = [f"literal-{number:032d}" for number in range(count)]
    Device.objects.bulk_create(Device(user=user, name=key, api_key=key) for key in keys)
    return keys


if __name__ == "__main__":
    seed = {"ours": seed_ours, "literal": seed_literal}[sys.argv[1]]
    print("\n".join(seed(int(sys.argv[2]))))

"""Run as a program: makes devices in the installation of the environment, prints ids and keys."""

from __future__ import annotations

import json
import sys

from wattkeep.cli.installation import open_installation


def main():
    open_installation(None)
    from django.contrib.auth import get_user_model
    from django.db import transaction

    from wattkeep.monitoring.devices import create_device

    user = get_user_model().objects.create(username="chaos")
    with transaction.atomic():
        made = [create_device(user, f"Sender {number}") for number in range(int(sys.argv[1]))]
    print(json.dumps([[device.pk, key] for device, key in made]))


if __name__ == "__main__":
    main()

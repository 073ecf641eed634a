"""Run as a program: makes a fleet's devices, somebody who watches them, and a web address."""

from __future__ import annotations

import json
import sys

from wattkeep.cli.installation import open_installation


def main(count, hook):
    open_installation(None)
    from alerts.telling import make_channel
    from wattkeep.monitoring.accounts import create_account
    from wattkeep.monitoring.devices import provide_devices
    from wattkeep.monitoring.models import Device

    user = create_account("ada", "lantern-orbit-7", time_zone="Europe/Paris")
    keys = provide_devices(user, [f"fleet-{n:05d}" for n in range(int(count))], interval_s=1)
    channel = make_channel(user, hook)
    ids = list(Device.objects.order_by("name").values_list("pk", flat=True))
    print(json.dumps({"keys": keys, "ids": ids, "channel": channel.pk}))


main(*sys.argv[1:])

"""One process of an installation: `deliverer.py make|deliver|recover|show …`; times in seconds."""

import json
import sys
from datetime import timedelta

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from alerts.telling import NOON, make_channel, open_incident  # noqa: E402
from wattkeep.alerts import incidents  # noqa: E402
from wattkeep.alerts.outbox import deliver_due  # noqa: E402
from wattkeep.monitoring.accounts import create_account  # noqa: E402
from wattkeep.monitoring.devices import create_device  # noqa: E402
from wattkeep.monitoring.models import Alert, Notification  # noqa: E402


def make(*urls):
    call_command("migrate", verbosity=0)
    owner = create_account("owner", "lantern-orbit-7", time_zone="Europe/Paris")
    for url in urls:
        make_channel(owner, url, daily_cap=100)
    open_incident(create_device(owner, "House")[0], NOON)


def deliver(*seconds):
    for second in seconds:
        deliver_due(NOON + timedelta(seconds=int(second)))


def recover(second):
    at = NOON + timedelta(seconds=int(second))
    incidents.close(Alert.objects.get().pk, at, at)


def show():
    rows = Notification.objects.order_by("pk")
    print(json.dumps([[row.kind, row.attempts, row.delivered_at is not None] for row in rows]))


{"make": make, "deliver": deliver, "recover": recover, "show": show}[sys.argv[1]](*sys.argv[2:])

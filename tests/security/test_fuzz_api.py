"""The whole API as everybody, from its own description: whatever is sent, nothing breaks.

FUZZ_SECONDS=1200 makes it a long run (`make fuzz`); FUZZ_SEED repeats one.
"""

import os
import random
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from alerts.telling import make_channel, open_incident
from running import PASSWORD
from security.fuzzing import Maker
from stored import hear, store
from wattkeep.ledger.update import update_due
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
ROUNDS = 2
# The endpoint is no view of Django's; tests/ingest/test_fuzz.py has it.
NOT_HERE = {"/api/energy-data/"}

pytestmark = pytest.mark.django_db(transaction=True)


def furnish(owner):
    """Return good path parameters: a home that has one of everything."""
    device, _ = create_device(owner, "House")
    other, _ = create_device(owner, "Shed")
    now = timezone.now()
    for minute in range(60):
        store(device, now - timedelta(minutes=minute), energy=20 - minute / 100)
    hear(device, now)
    update_due(now)
    alert = open_incident(device, now)
    channel = make_channel(owner)
    rules = [rule.pk for rule in device.rules.all()]
    return {
        "device_id": [device.pk, other.pk],
        "site_id": [device.site_id],
        "alert_id": [alert.pk],
        "channel_id": [channel.pk],
        "rule_id": rules[:2],
        "": [],
    }


def clients():
    made = {"nobody": Client(raise_request_exception=False)}
    for name in ("owner", "stranger", "root"):
        made[name] = Client(raise_request_exception=False)
        made[name].login(username=name, password=PASSWORD)
    return made


def test_nothing_that_is_sent_breaks_it(owner, stranger):
    create_account("root", PASSWORD, is_admin=True)
    chance = random.Random(SEED)
    maker = Maker(SchemaGenerator().get_schema(request=None, public=True), chance, furnish(owner))
    operations = [one for one in maker.operations if one[1] not in NOT_HERE]
    assert len(operations) > 40
    asked = clients()
    broken, statuses = [], Counter()
    deadline = time.monotonic() + SECONDS
    rounds = 0
    while rounds < ROUNDS or time.monotonic() < deadline:
        rounds += 1
        if not Device.objects.filter(pk__in=maker.ids["device_id"]).exists():
            maker.ids = furnish(owner)  # some request has deleted it
        chance.shuffle(operations)
        for operation in operations:
            for who, client in asked.items():
                method, address, body, kind = maker.request(*operation)
                answer = client.generic(method.upper(), address, body or b"", kind or "text/plain")
                for _ in answer if answer.streaming else ():
                    pass
                statuses[answer.status_code] += 1
                if answer.status_code >= 500 and answer.status_code != 503:
                    broken.append((who, method, address[:200], (body or b"")[:300]))
                    print(answer.status_code, *broken[-1])
    print(f"{sum(statuses.values()):,} requests, seed {SEED}: {dict(statuses)}")

    assert broken == [], f"FUZZ_SEED={SEED}"

"""Nonsense for every operation of the API's description, as everybody: nothing breaks.

FUZZ_SECONDS=1200 makes it a long run, shared among the roles (`make fuzz`); FUZZ_SEED repeats one.
"""

import os
import random
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from alerts.telling import make_channel, open_incident
from running import PASSWORD
from security.fuzzing import Maker
from stored import hear, store
from wattkeep.boards.commands import queue_command
from wattkeep.ledger.corrections import Wish, set_correction
from wattkeep.ledger.update import update_due
from wattkeep.monitoring.access import SEES_ALL_UNTIL
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device, Notification, Role, Site, SiteMember
from wattkeep.monitoring.sharing import invite, make_link
from wattkeep.monitoring.tokens import make_token

PEOPLE = ("stranger", "viewer", "editor", "owner", "staff")
TOKENS = ("read", "write", "admin")
ROLES = ("nobody", *PEOPLE, *(f"{scope} token" for scope in TOKENS))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0")) / len(ROLES)
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
# Rounds until there is one of everything again.
FURNISHED_FOR = 20
# The endpoint is no view of Django's; tests/ingest/test_fuzz.py has it.
NOT_HERE = {"/api/energy-data/"}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(db):
    made = {name: create_account(name, PASSWORD) for name in PEOPLE[:-1]}
    return made | {"staff": create_account("staff", PASSWORD, is_admin=True)}


def furnish(people):
    """Return good path parameters: a home that has one of everything."""
    owner = get_user_model().objects.get(pk=people["owner"].pk)
    site = Site.objects.filter(owner=owner).first() or Site.objects.create(owner=owner, name="Home")
    device, _ = create_device(owner, "House", site=site)
    other, _ = create_device(owner, "Shed", site=site)
    now = timezone.now()
    for minute in range(60):
        store(device, now - timedelta(minutes=minute), energy=20 - minute / 100)
    hear(device, now)
    update_due(now)
    alert = open_incident(device, now)
    channel = make_channel(owner)
    message = Notification.objects.create(
        channel=channel, alert=alert, kind="opened", created_at=now, not_before=now, failed_at=now
    )
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    wish = Wish(start, start + timedelta(hours=1), 500.0, "a test")
    for name in ("viewer", "editor"):
        role = Role[name.upper()]
        SiteMember.objects.update_or_create(site=site, user=people[name], defaults={"role": role})
    return {
        "device_id": [device.pk, other.pk],
        "site_id": [site.pk],
        "alert_id": [alert.pk],
        "channel_id": [channel.pk],
        "notification_id": [message.pk],
        "rule_id": [rule.pk for rule in device.rules.all()][:2],
        "correction_id": [set_correction(device, wish, owner, now).pk],
        "command_id": [queue_command(device.pk, "reboot", owner)[0].pk],
        "member_id": list(site.members.values_list("pk", flat=True)),
        "invitation_id": [invite(site, Role.VIEWER, owner)[0].pk],
        "link_id": [make_link(site, None, owner, days=1)[0].pk],
        "token_id": [_token(owner, "read")[0].pk],
        "": [],
    }


def _token(user, scope):
    return make_token(user, scope, scope=scope, expires_at=timezone.now() + timedelta(days=1))


def is_wrecked(ids):
    """Tell whether some request has deleted a device, or somebody has left."""
    devices = Device.objects.filter(pk__in=ids["device_id"]).count()
    members = SiteMember.objects.filter(pk__in=ids["member_id"]).count()
    return devices < len(ids["device_id"]) or members < len(ids["member_id"])


def client_of(role, people):
    """Return a browser or program that asks as that role."""
    headers = {}
    if role.endswith(" token"):
        headers["Authorization"] = f"Bearer {_token(people['owner'], role.split()[0])[1]}"
    client = Client(raise_request_exception=False, headers=headers)
    if role in people:
        client.force_login(people[role])
    if role == "staff":
        session = client.session
        session[SEES_ALL_UNTIL] = time.time() + 24 * 3600
        session.save()
    return client


@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_is_sent_breaks_it(role, people):
    chance = random.Random(f"{SEED} {role}")
    description = SchemaGenerator().get_schema(request=None, public=True)
    maker = Maker(description, chance, furnish(people))
    operations = [one for one in maker.operations if one[1] not in NOT_HERE]
    assert len(operations) > 40
    client = client_of(role, people)
    broken, statuses = [], Counter()
    deadline = time.monotonic() + SECONDS
    rounds = 0
    while not rounds or time.monotonic() < deadline:
        rounds += 1
        if rounds % FURNISHED_FOR == 0 or is_wrecked(maker.ids):
            maker.ids = furnish(people)
            client = client_of(role, people)
        chance.shuffle(operations)
        for operation in operations:
            method, address, body, kind = maker.request(*operation)
            answer = client.generic(method.upper(), address, body or b"", kind or "text/plain")
            for _ in answer if answer.streaming else ():
                pass
            statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                broken.append((method, address[:200], (body or b"")[:300]))
                print(answer.status_code, *broken[-1])
    print(f"{role}: {sum(statuses.values()):,} requests, seed {SEED}: {dict(statuses)}")

    assert broken == [], f"FUZZ_SEED={SEED}"

"""Names nobody has: pages, mails, files and headers show them as they are and do nothing else."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from alerts.telling import make_channel, open_incident
from stored import hear, store
from wattkeep.ledger.update import update_due
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device

pytestmark = pytest.mark.django_db

# Several at once: each takes all pages.
NAMES = {
    "formula, script": (
        "=cmd|' /C calc'!A0<script>alert(1)</script>\"><img src=x onerror=alert(1)>'"
    ),
    "header, direction": (
        "+a\r\nSet-Cookie: evil=1\r\n\r\n<svg/onload=alert(1)>\u202egnp.exe\u202c\u2066"
    ),
    "template, path": "{{ 7|add:7 }}{% now 'Y' %}%(name)s{0}%s/../../etc/passwd\x7f" + "W" * 10_000,
}
ALIVE = re.compile(r"<script>alert|<img src=x|<svg/onload|onerror=alert\(1\)>", re.IGNORECASE)
HERE = {"device_id", "site_id", "rule_id", "alert_id", "channel_id"}


def addresses(resolver=None, prefix=""):
    """Yield every address of ours with the names of its parameters."""
    for one in (resolver or get_resolver()).url_patterns:
        address = prefix + str(one.pattern)
        if isinstance(one, URLResolver) and one.app_name != "admin":
            yield from addresses(one, address)
        elif isinstance(one, URLPattern):
            names = re.findall(r"<(?:\w+:)?(\w+)>", address)
            yield "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address), set(names)


@pytest.fixture(params=NAMES.values(), ids=NAMES.keys())
def named(request, owner):
    """Return what was named so, by path parameters."""
    name = request.param
    owner.first_name = name
    owner.save()
    device, _ = create_device(owner, "House")
    # Past every form: whatever an older version or an import let in.
    Device.objects.filter(pk=device.pk).update(name=name, location=name)
    device.refresh_from_db()
    site = device.site
    site.name = name
    site.save()
    now = timezone.now()
    for minute in range(0, 60, 10):
        store(device, now - timedelta(minutes=minute), energy=20 - minute / 100)
    hear(device, now)
    update_due(now)
    alert = open_incident(device, now)
    rule = device.rules.first()
    channel = make_channel(owner, name=name)
    return {
        "device_id": device.pk,
        "site_id": site.pk,
        "alert_id": alert.pk,
        "rule_id": rule.pk,
        "channel_id": channel.pk,
    }


def test_every_page_and_file_survives_them(named, owner):
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    seen = 0
    for address, parameters in addresses():
        if not parameters <= HERE:
            continue
        answer = client.get(address.format(**named))
        content = b"".join(answer) if answer.streaming else answer.content
        text = content.decode("utf-8", "replace")
        assert answer.status_code < 500, address
        if "json" not in answer.headers.get("Content-Type", ""):
            assert not ALIVE.search(text), address
        for name, value in answer.headers.items():
            assert not re.search(r"[\r\n\x00-\x08\x0b-\x1f\u202a-\u202e]", value), (address, name)
        if "csv" in answer.headers.get("Content-Type", ""):
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert not [cell for cell in cells if cell[:1] in set("=+@\t\r")], address
        seen += answer.status_code == 200
    assert seen > 30


def test_names_of_ten_kilobytes_are_refused(as_owner):
    names = {"name": "W" * 10_240, "location": "W" * 10_240}

    by_api = as_owner.post("/api/v1/devices/", names, "application/json")
    on_page = as_owner.post("/devices/add/", names)

    assert (by_api.status_code, set(by_api.json())) == (400, {"name", "location"})
    assert on_page.status_code in {200, 400}
    assert not Device.objects.exists()

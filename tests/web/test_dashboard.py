"""What stands on a device's page before any script runs."""

import json
import re
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from wattkeep.monitoring.models import Alert, Device


def page_of(client, device):
    return client.get(reverse("web:device", args=[device.pk])).content.decode()


def test_page_is_complete_at_first_paint(as_owner, device, record):
    record(device, power=540.67)

    page = page_of(as_owner, device)

    tiles = dict(re.findall(r'data-tile="(\w+)"[^>]*>([^<]+)<', page))
    assert tiles == {
        "power": "540.7",
        "voltage": "230.5",
        "current": "2.35",
        "power_factor": "0.98",
        "frequency": "50.0",
        "energy": "12.46",
    }
    assert 'data-status="online"' in page
    assert page.count('<th scope="row">') >= 7


def test_page_compares_with_days_on_which_something_was_measured(as_owner, device, record):
    def compared():
        lines = re.findall(r'<p class="caption[^>]*?( hidden)?>(Yesterday|Average a day) ', page())
        return [(words, not hidden) for hidden, words in lines]

    def page():
        return page_of(as_owner, device)

    record(device, energy=10)
    assert compared() == [("Yesterday", False), ("Average a day", False)]

    record(device, ago_s=86_400, energy=9)
    record(device, ago_s=86_410, energy=8)
    assert compared() == [("Yesterday", True), ("Average a day", True)]


def test_page_compares_with_days_without_anything_once_the_device_was_there(
    as_owner, device, record
):
    record(device)
    Device.objects.update(created_at=datetime.now(UTC) - timedelta(days=3))

    page = page_of(as_owner, device)

    assert re.findall(r"(Yesterday|Average a day) <span data-note>([^<]+)<", page) == [
        ("Yesterday", "0.00"),
        ("Average a day", "0.00"),
    ]
    assert '<p class="caption mt-0.5 font-normal" hidden>' not in page


def test_page_holds_what_the_api_answers(as_owner, device, record):
    record(device)

    data = re.search(r'<script id="dashboard-data"[^>]*>(.*?)</script>', page_of(as_owner, device))
    api = as_owner.get(reverse("api:dashboard", args=[device.pk])).json()

    assert json.loads(data[1]) == api


def test_page_asks_the_database_nothing_twice(as_owner, device, record):
    record(device)

    with CaptureQueriesContext(connection) as queries:
        page_of(as_owner, device)

    statements = [query["sql"] for query in queries]
    assert statements
    assert [one for one in statements if statements.count(one) > 1] == []


def test_page_without_a_reading_says_how_to_connect(as_owner, device):
    page = page_of(as_owner, device)

    assert "Connect it" in page
    assert device.key_prefix in page
    assert 'data-status="never"' in page
    assert re.findall(r'data-tile="\w+"[^>]*>([^<]+)<', page) == ["–"] * 6


def test_page_of_a_silent_meter_says_so(as_owner, device, record):
    record(device, ago_s=3600)
    device.boots.update(last_seen=datetime.now(UTC))

    page = page_of(as_owner, device)

    assert 'data-status="silent"' in page
    assert "the board talks, the meter does not answer" in page
    assert "data-stale" in page


def test_page_lists_open_alerts_only(as_owner, device):
    now = datetime.now(UTC)
    for message, is_resolved in (("Too much now", False), ("Too much then", True)):
        Alert.objects.create(
            device=device,
            alert_type=Alert.Type.HIGH_POWER,
            message=message,
            value=6000,
            is_resolved=is_resolved,
            created_at=now,
        )

    page = page_of(as_owner, device)

    assert "Too much now" in page
    assert "Too much then" not in page


def test_theme_comes_from_the_cookie(as_owner, device):
    as_owner.cookies["theme"] = "dark"
    dark = page_of(as_owner, device)
    as_owner.cookies["theme"] = '"><script>'
    odd = page_of(as_owner, device)

    assert '<html lang="en" class="h-full" data-theme="dark"' in dark
    assert '<html lang="en" class="h-full" data-now' in odd

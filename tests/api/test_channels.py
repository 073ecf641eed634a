"""Channels and messages over the API: made, changed, tried, and seen by their owner only."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.receiving import Webhook
from alerts.telling import make_channel
from wattkeep.alerts.notify_channels import address_of
from wattkeep.monitoring.models import Notification, NotificationChannel

pytestmark = pytest.mark.django_db

URL = "json://home.example/hook/secret-token"
JSON = "application/json"


@pytest.fixture
def channel(owner):
    return make_channel(owner, URL, name="Hook")


def test_channel_is_made_and_its_address_never_shown(as_owner, owner, device):
    body = {
        "name": "Hook",
        "kind": "apprise",
        "url": URL,
        "minimum_severity": 30,
        "sites": [device.site_id],
        "reports": ["month"],
    }

    answer = as_owner.post("/api/v1/channels/", body, JSON)

    channel = NotificationChannel.objects.get()
    assert (answer.status_code, channel.user) == (201, owner)
    assert answer.json() == {
        "id": channel.pk,
        "name": "Hook",
        "kind": "apprise",
        "shown": "JSON, home.example",
        "minimum_severity": 30,
        "sites": [device.site_id],
        "is_enabled": True,
        "daily_cap": 3,
        "reports": ["month"],
        "verified_at": None,
        "last_success_at": None,
        "last_error_at": None,
        "last_error": "",
    }
    assert address_of(channel) == URL
    assert as_owner.get("/api/v1/channels/").json() == [answer.json()]


BAD = {
    "no address": ({}, "url", "Write an Apprise address."),
    "refused": (
        {"url": "syslog://"},
        "url",
        "syslog:// is refused: it would act on the machine that Wattkeep runs on.",
    ),
    "cap": (
        {"url": URL, "daily_cap": 0},
        "daily_cap",
        "Ensure this value is greater than or equal to 1.",
    ),
    "browser with address": (
        {"url": URL, "kind": "browser"},
        "url",
        "A browser has no address.",
    ),
}


@pytest.mark.parametrize(("values", "field", "words"), BAD.values(), ids=BAD)
def test_bad_channel_is_refused_in_words(values, field, words, as_owner):
    answer = as_owner.post("/api/v1/channels/", {"name": "Hook", **values}, JSON)

    assert (answer.status_code, answer.json()) == (400, {field: [words]})


def test_site_of_a_stranger_does_not_exist(as_stranger, device):
    body = {"name": "Hook", "url": URL, "sites": [device.site_id]}

    assert as_stranger.post("/api/v1/channels/", body, JSON).status_code == 400


def test_change_leaves_the_rest(as_owner, channel):
    answer = as_owner.patch(f"/api/v1/channels/{channel.pk}/", {"is_enabled": False}, JSON)

    channel.refresh_from_db()
    assert (answer.status_code, channel.is_enabled, address_of(channel)) == (200, False, URL)


def test_test_says_what_happened(as_owner, owner):
    with Webhook() as webhook:
        address = f"/api/v1/channels/{make_channel(owner, webhook.url).pk}/test/"
        good = as_owner.post(address).json()
        webhook.is_refusing = True
        bad = as_owner.post(address).json()

    assert good == {"is_taken": True, "text": "JSON took the test. Look whether it has arrived."}
    assert bad["is_taken"] is False
    assert bad["text"].startswith("The test did not get through. ")
    assert len(webhook.received) == 1


def test_message_that_was_given_up_is_shown_and_tried_again(as_owner, channel):
    now = timezone.now()
    row = Notification.objects.create(
        channel=channel,
        kind="report",
        created_at=now,
        not_before=now,
        attempts=24,
        failed_at=now,
        error="Nobody is there.",
        subject="Week 47",
    )

    shown = as_owner.get("/api/v1/notifications/", {"undelivered": True}).json()
    again = as_owner.post(f"/api/v1/notifications/{row.pk}/retry/").json()

    assert [(one["state"], one["error"]) for one in shown] == [("failed", "Nobody is there.")]
    assert again["state"] == "waiting"


def test_browser_gets_what_is_new_once(as_owner, owner):
    browser = make_channel(owner, kind="browser", name="Here")
    now = timezone.now()
    rows = [
        Notification.objects.create(
            channel=browser,
            kind="opened",
            created_at=now,
            not_before=now,
            claim=claim,
            delivered_at=now - timedelta(minutes=age),
            subject=f"S{age}",
            body="B\n\nlinks",
        )
        for claim, age in (("a", 90), ("b", 5), ("b", 5), ("c", 1))
    ]

    first = as_owner.get("/api/v1/notifications/browser/").json()
    then = as_owner.get("/api/v1/notifications/browser/", {"after": first["last"]}).json()

    assert [(one["title"], one["body"]) for one in first["notices"]] == [("S5", "B"), ("S1", "B")]
    assert then == {"last": rows[-1].pk, "notices": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/v1/channels/{channel}/"),
        ("patch", "/api/v1/channels/{channel}/"),
        ("delete", "/api/v1/channels/{channel}/"),
        ("post", "/api/v1/channels/{channel}/test/"),
        ("post", "/api/v1/notifications/{row}/retry/"),
    ],
)
def test_channel_is_its_owners_only(method, path, channel, as_stranger, nobody):
    now = timezone.now()
    row = Notification.objects.create(
        channel=channel, kind="test", created_at=now, not_before=now, failed_at=now
    )
    address = path.format(channel=channel.pk, row=row.pk)

    answers = [getattr(client, method)(address).status_code for client in (as_stranger, nobody)]

    assert answers == [404, 401]
    assert NotificationChannel.objects.count() == 1


def test_lists_are_ones_own(channel, as_stranger, nobody):
    for path in ("/api/v1/channels/", "/api/v1/notifications/"):
        assert as_stranger.get(path).json() == []
        assert nobody.get(path).status_code == 401


def test_list_takes_as_many_queries_for_three_channels_as_for_one(
    as_owner, owner, device, channel, django_assert_max_num_queries
):
    counts = []
    for name in ("", "Second", "Third"):
        if name:
            make_channel(owner, URL, name=name).sites.add(device.site)
        with django_assert_max_num_queries(20) as counted:
            as_owner.get("/api/v1/channels/")
        counts.append(len(counted))

    assert len(set(counts[1:])) == 1
    assert counts[1] <= counts[0] + 1

"""The channels' pages, each way to add one, the test button, and reports."""

from datetime import date

import pytest
from django.urls import reverse

from alerts.receiving import Webhook
from alerts.telling import make_channel
from wattkeep.alerts.notify_channels import address_of, open_address
from wattkeep.monitoring.models import Notification, NotificationChannel

COMMON = {"name": "Mine", "minimum_severity": "20", "daily_cap": "3", "reports": ["week"]}
WAYS = {
    "email": (
        {
            "recipient": "ada@home.example",
            "sender": "w@home.example",
            "server": "smtp.home.example",
            "port": "587",
            "security": "starttls",
            "user": "w@home.example",
            "password": "a/b@c:d?e&f",
        },
        "E-Mail → ada@home.example",
    ),
    "telegram": ({"token": "123456789:abcdefghij_klmnopqrs", "chat": "-10042"}, "Telegram, 1...s"),
    "ntfy": ({"topic": "house", "server": "https://ntfy.example"}, "ntfy, ntfy.example"),
    "webhook": ({"address": "https://home.example/hook?key=1"}, "JSON, home.example"),
    "other": ({"url": "gotify://home.example/AbCdEfGhIjK1234"}, "Gotify, home.example"),
    "browser": ({}, ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_channel_is_added(way, as_owner, owner, device):
    values, shown = WAYS[way]
    assert as_owner.get(f"/alerts/channels/add/{way}/").status_code == 200

    answer = as_owner.post(f"/alerts/channels/add/{way}/", {**COMMON, **values})

    channel = NotificationChannel.objects.get()
    assert answer.url == "/alerts/channels/"
    assert (channel.user, channel.name, channel.url_shown) == (owner, "Mine", shown)
    page = as_owner.get("/alerts/channels/").content.decode()
    assert shown in page
    assert not any(secret in page for secret in ("a/b@c:d", "klmnopqrs", "AbCdEfGhIjK", "key=1"))


def test_mail_is_sent_with_what_was_typed(as_owner, device):
    values = WAYS["email"][0]
    as_owner.post("/alerts/channels/add/email/", {**COMMON, **values})

    service = open_address(address_of(NotificationChannel.objects.get()))

    assert (service.smtp_host, service.port, service.secure, service.secure_mode) == (
        "smtp.home.example", 587, True, "starttls",
    )  # fmt: skip
    assert (service.user, service.password) == ("w@home.example", "a/b@c:d?e&f")
    assert (service.targets, service.from_addr[1]) == (
        [(False, "ada@home.example")],
        "w@home.example",
    )


def test_webhook_keeps_its_address(as_owner, device):
    with Webhook() as webhook:
        address = f"http://127.0.0.1:{webhook.port}/hook?key=1"
        as_owner.post("/alerts/channels/add/webhook/", {**COMMON, "address": address})
        channel = NotificationChannel.objects.get()
        act = reverse("web:channel_act", args=[channel.pk])
        page = as_owner.post(act, {"do": "test"}, follow=True).content.decode()

    assert "Mine: JSON took the test. Look whether it has arrived." in page
    assert [posted["title"] for posted in webhook.received] == ["Wattkeep can reach you here"]


def test_test_that_fails_says_why(as_owner, owner):
    channel = make_channel(owner, "json://127.0.0.1:9/")

    act = reverse("web:channel_act", args=[channel.pk])
    page = as_owner.post(act, {"do": "test"}, follow=True).content.decode()

    assert "The test did not get through." in page
    assert Notification.objects.get().error in page.replace("&#x27;", "'").replace("&quot;", '"')


WRONG = {
    "server with a path": ("email", {"server": "https://smtp.example/"}, "server"),
    "no web address": ("webhook", {"address": "ftp://home.example"}, "address"),
    "local program": ("other", {"url": "syslog://"}, "url"),
    "token of nothing": ("telegram", {"token": "x"}, "token"),
}


@pytest.mark.parametrize(("way", "values", "field"), WRONG.values(), ids=WRONG)
def test_wrong_address_is_refused(way, values, field, as_owner, device):
    body = {**COMMON, **WAYS[way][0], **values}

    answer = as_owner.post(f"/alerts/channels/add/{way}/", body)

    assert list(answer.context["form"].errors) == [field]
    assert not NotificationChannel.objects.exists()


def test_unknown_way_is_no_page(as_owner, device):
    assert as_owner.get("/alerts/channels/add/pigeon/").status_code == 404


def test_channel_is_changed_and_keeps_its_address(as_owner, owner, device):
    channel = make_channel(owner, "json://home.example/secret")
    site = owner.sites.create(name="Cabin")
    address = reverse("web:channel_edit", args=[channel.pk])

    as_owner.post(
        address,
        {"name": "Other", "minimum_severity": "30", "daily_cap": "9", "sites": [site.pk]},
    )

    channel.refresh_from_db()
    assert (channel.name, channel.minimum_severity, channel.daily_cap, channel.is_enabled) == (
        "Other", 30, 9, False,
    )  # fmt: skip
    assert (list(channel.sites.all()), address_of(channel)) == (
        [site],
        "json://home.example/secret",
    )


def test_channel_is_deleted(as_owner, owner):
    channel = make_channel(owner)

    as_owner.post(reverse("web:channel_act", args=[channel.pk]), {"do": "delete"})

    assert not NotificationChannel.objects.exists()


def test_report_is_shown_as_it_is_mailed(as_owner, device):
    page = as_owner.get("/alerts/reports/", {"period": "month", "start": "2026-01-15"})
    mail = as_owner.get(page.context["mail"])

    assert (page.context["span"].title, page.context["span"].start) == (
        "January 2026",
        date(2026, 1, 1),
    )
    assert "January 2026" in mail.content.decode()
    assert "House" in mail.content.decode()
    assert mail["X-Frame-Options"] == "SAMEORIGIN"
    assert "default-src 'none'" in mail["Content-Security-Policy"]
    assert "script-src" not in mail["Content-Security-Policy"]


@pytest.mark.parametrize("start", ["", "x", "2999-01-01", "1066-01-01"])
def test_report_of_no_period_is_the_last_one(start, as_owner, device):
    assert as_owner.get("/alerts/reports/", {"start": start}).status_code == 200


def test_report_is_sent_now(as_owner, as_stranger, owner, device):
    channel = make_channel(owner)
    body = {"channel": channel.pk, "period": "week", "start": "2026-11-02"}

    answers = [client.post("/alerts/reports/send/", body) for client in (as_owner, as_stranger)]

    assert [answer.status_code for answer in answers] == [302, 404]
    assert Notification.objects.get().subject.endswith("Week 45, 2 to 8 November 2026")

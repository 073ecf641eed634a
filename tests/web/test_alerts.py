"""The alert pages: who sees what, what people do there, and links out of messages."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import signing
from django.urls import reverse
from django.utils import timezone

from alerts.telling import make_channel
from wattkeep.alerts.notify_links import VALID_FOR, Link, sign
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Alert, Notification

LISTS = ["web:alerts", "web:rules", "web:channels", "web:report", "web:report_mail", "web:rule_add"]


def make_alert(device, minutes=10, **values):
    at = timezone.now() - timedelta(minutes=minutes)
    rule = device.rules.get(alert_type="HIGH_POWER")
    return Alert.objects.create(
        device=device,
        rule=rule,
        alert_type="HIGH_POWER",
        message="High power: 6,543 W (limit 5,000 W)",
        value=6543,
        peak_value=7120,
        created_at=at,
        noticed_at=at,
        **values,
    )


@pytest.fixture
def alert(device):
    return make_alert(device)


@pytest.fixture
def failed(owner, alert):
    now = timezone.now()
    return Notification.objects.create(
        channel=make_channel(owner),
        alert=alert,
        kind="opened",
        subject="High power · House",
        created_at=now,
        not_before=now,
        failed_at=now,
        attempts=24,
        error="Nobody is there.",
    )


@pytest.mark.parametrize("name", LISTS)
def test_page_is_shown_to_those_who_are_logged_in(name, device, as_owner, nobody):
    assert as_owner.get(reverse(name)).status_code == 200
    assert nobody.get(reverse(name)).status_code == 302


@pytest.mark.parametrize("name", LISTS)
def test_page_shows_ones_own_only(name, alert, failed, as_stranger):
    page = as_stranger.get(reverse(name), follow=True).content.decode()

    assert "House" not in page
    assert "Nobody is there." not in page


def test_pages_of_one_thing_are_their_owners_only(alert, failed, as_owner, as_stranger, nobody):
    addresses = [
        reverse("web:alert", args=[alert.pk]),
        reverse("web:rule_edit", args=[alert.rule_id]),
        reverse("web:channel_edit", args=[failed.channel_id]),
    ]

    answers = [
        [client.get(address).status_code for client in (as_owner, as_stranger, nobody)]
        for address in addresses
    ]

    assert answers == [[200, 404, 302]] * 3


def test_deeds_are_their_owners_only(alert, failed, as_stranger, nobody):
    posts = [
        (reverse("web:alert_act", args=[alert.pk]), "resolve"),
        (reverse("web:undelivered_act", args=[failed.pk]), "dismiss"),
        (reverse("web:rule_switch", args=[alert.rule_id]), "delete"),
        (reverse("web:channel_act", args=[failed.channel_id]), "delete"),
    ]

    answers = [
        [client.post(address, {"do": deed}).status_code for client in (as_stranger, nobody)]
        for address, deed in posts
    ]

    alert.refresh_from_db()
    failed.refresh_from_db()
    assert answers == [[404, 302]] * 4
    assert (alert.is_resolved, alert.rule is None, failed.withheld_at) == (False, False, None)


def test_open_and_past_incidents_are_apart(as_owner, device, alert):
    make_alert(device, 90, is_resolved=True, resolved_at=timezone.now() - timedelta(minutes=70))

    answer = as_owner.get("/alerts/")

    assert [one.lasted for one in answer.context["open"]] == ["10 min"]
    assert [one.lasted for one in answer.context["past"]] == ["20 min"]
    assert "7,120 W" in answer.content.decode()


def test_past_goes_page_by_page(as_owner, device):
    now = timezone.now()
    for number in range(30):
        make_alert(device, 60 + number, is_resolved=True, resolved_at=now)

    first = as_owner.get("/alerts/").context
    second = as_owner.get("/alerts/", {"before": first["older"]}).context

    shown = [one.alert.pk for one in [*first["past"], *second["past"]]]
    assert shown == sorted(shown)
    assert (len(shown), second["older"]) == (30, None)


def test_incidents_of_one_device(as_owner, owner, alert):
    other = make_alert(create_device(owner, "Car")[0])

    shown = as_owner.get("/alerts/", {"device": other.device_id}).context["open"]
    nonsense = as_owner.get("/alerts/", {"device": "x", "before": "9" * 30})

    assert [one.alert.pk for one in shown] == [other.pk]
    assert nonsense.status_code == 200


DEEDS = {
    "acknowledge": ("acknowledge", lambda alert: alert.acknowledged_by),
    "snooze": ("snooze-24", lambda alert: alert.snoozed_by),
    "resolve": ("resolve", lambda alert: alert.resolved_by),
}


@pytest.mark.parametrize(("deed", "who"), DEEDS.values(), ids=DEEDS)
def test_deed_is_done_with_its_author(deed, who, as_owner, owner, alert):
    address = reverse("web:alert", args=[alert.pk])

    answer = as_owner.post(f"{address}act/", {"do": deed, "next": address})

    alert.refresh_from_db()
    assert (answer.url, who(alert)) == (address, owner)


def test_snooze_lasts_as_long_as_its_button_says(as_owner, alert):
    as_owner.post(reverse("web:alert_act", args=[alert.pk]), {"do": "snooze-24"})

    alert.refresh_from_db()
    hours = (alert.snoozed_until - timezone.now()) / timedelta(hours=1)
    assert 23.9 < hours <= 24


@pytest.mark.parametrize("away", ["https://elsewhere.example/", "//elsewhere.example", "/login/"])
def test_deed_leads_back_to_these_pages_only(away, as_owner, alert):
    address = reverse("web:alert_act", args=[alert.pk])

    assert as_owner.post(address, {"do": "acknowledge", "next": away}).url == "/alerts/"


def test_unknown_deed_is_no_page(as_owner, alert):
    assert (
        as_owner.post(reverse("web:alert_act", args=[alert.pk]), {"do": "eat"}).status_code == 404
    )


def test_incident_says_who_was_told(as_owner, alert, failed):
    page = as_owner.get(reverse("web:alert", args=[alert.pk])).content.decode()

    assert "Nobody is there." in page
    assert "Given up" in page


def test_what_did_not_get_through_is_tried_again_or_put_away(as_owner, failed):
    assert "Given up after 24 tries" in as_owner.get("/alerts/").content.decode()

    address = reverse("web:undelivered_act", args=[failed.pk])
    as_owner.post(address, {"do": "retry"})
    failed.refresh_from_db()
    assert (failed.failed_at, failed.not_before <= timezone.now()) == (None, True)
    as_owner.post(address, {"do": "dismiss"})

    assert "Nobody is there." not in as_owner.get("/alerts/").content.decode()


@pytest.mark.parametrize("name", ["web:alerts", "web:rules", "web:channels"])
def test_lists_take_as_many_queries_for_three_as_for_one(
    name, as_owner, failed, django_assert_max_num_queries
):
    owner, device = failed.channel.user, failed.alert.device

    def count():
        with django_assert_max_num_queries(25) as counted:
            as_owner.get(reverse(name))
        return len(counted)

    make_alert(device, 90, is_resolved=True, resolved_at=timezone.now())
    failed.channel.sites.add(device.site)
    count()
    one = count()
    for number in range(2):
        other = create_device(owner, f"Other {number}")[0]
        make_alert(other)
        make_alert(other, 90, is_resolved=True, resolved_at=timezone.now())
        make_channel(owner, name=f"Other {number}").sites.add(device.site)

    assert count() == one


@pytest.fixture
def link(owner, alert):
    """Return a function that makes the address of a deed."""
    return lambda deed="acknowledge": f"/l/{sign(Link(deed, owner.pk, (alert.pk,)))}/"


def test_opening_a_link_changes_nothing(link, nobody, alert):
    answers = [nobody.get(link()), nobody.head(link())]

    alert.refresh_from_db()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert alert.acknowledged_at is None
    assert "High power: 6,543 W" in answers[0].content.decode()
    assert "no-store" in answers[0]["Cache-Control"]
    assert answers[0]["Referrer-Policy"] == "no-referrer"


def test_confirming_a_link_does_it_for_whom_it_was_made(link, nobody, alert, owner):
    answer = nobody.post(link("snooze"), {"hours": "4"})

    alert.refresh_from_db()
    assert (answer.status_code, alert.snoozed_by) == (200, owner)
    assert alert.snoozed_until > timezone.now() + timedelta(hours=3.9)


def test_link_needs_the_token_of_its_form(link, alert):
    from django.test import Client

    assert Client(enforce_csrf_checks=True).post(link()).status_code == 403


def test_link_expires(link, nobody, alert, monkeypatch):
    address = link()
    later = datetime.now(UTC).timestamp() + VALID_FOR.total_seconds() + 60
    monkeypatch.setattr(signing.time, "time", lambda: later)

    answers = [nobody.get(address), nobody.post(address)]

    alert.refresh_from_db()
    assert [answer.status_code for answer in answers] == [410, 410]
    assert alert.acknowledged_at is None


@pytest.mark.parametrize("change", ["x", "x/y", "", "é"])
def test_changed_link_is_no_link(change, link, nobody, alert):
    address = f"{link()[:-3]}{change}/"

    assert nobody.post(address).status_code == 404


def test_link_of_somebody_who_may_not_log_in_any_more_is_dead(link, nobody, owner, alert):
    address = link()
    owner.is_active = False
    owner.save()

    assert nobody.post(address).status_code == 404


def test_link_does_nothing_to_a_strangers_incident(nobody, stranger, alert):
    nobody.post(f"/l/{sign(Link('acknowledge', stranger.pk, (alert.pk,)))}/")

    alert.refresh_from_db()
    assert alert.acknowledged_at is None

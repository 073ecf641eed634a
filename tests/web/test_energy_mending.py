"""Correcting what was chosen among the bars, and taking that back."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.urls import reverse

from wattkeep.ledger.corrections import Wish, set_correction
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Correction, Role, SiteMember
from web.energy_pages import HOUR, MIDNIGHT, QUARTER, day, page, store_hours, table, why

pytestmark = pytest.mark.django_db


def correct(client, device, span=(MIDNIGHT, MIDNIGHT + HOUR), **body):
    address = reverse("web:energy_correct")
    first, last = (f"{one:%Y-%m-%dT%H:%MZ}" for one in span)
    query = f"?device={device.pk}&start={first}&end={last}"
    form = client.get(address + query).context["form"]
    fields = {name: form[name].value() for name in form.fields}
    fields = {name: value for name, value in fields.items() if value is not None}
    return client.post(address + query, {**fields, **body}, follow=True)


def test_span_is_corrected_marked_and_undone(as_owner, owner, device):
    store_hours(device, 3)
    before = table(page(as_owner, **day()))
    back = "/energy/?span=day&date=2026-01-05"

    answer = correct(as_owner, device, consumption="0.25", reason="Guests", next=back)

    text = unescape(answer.content.decode())
    assert answer.redirect_chain == [(back, 302)]
    assert (Correction.objects.get().energy_wh, Correction.objects.get().author) == (250, owner)
    assert "House is corrected: “Guests”." in text
    assert "Set to 0.250 kWh: Guests" in text
    assert table(re.sub(r"\s+", " ", text))[1][:2] == ["00:00 – 01:00", "0.250"]

    undo = reverse("web:energy_undo", args=[Correction.objects.get().pk])
    answer = as_owner.post(undo, {"next": back}, follow=True)

    assert answer.redirect_chain == [(back, 302)]
    assert table(page(as_owner, **day())) == before
    assert Correction.objects.get().undone_by == owner


def test_span_is_left_out(as_owner, device):
    store_hours(device, 3)

    correct(as_owner, device, what="out", reason="Welding")

    assert Correction.objects.get().energy_wh is None
    assert table(page(as_owner, **day()))[-1][1] == "1.200"


def test_hour_that_comes_twice_can_be_corrected(as_owner, device):
    second = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 02:00 in Paris, for the second time
    store_hours(device, 6, start=second - 3 * HOUR)

    correct(as_owner, device, (second, second + HOUR), consumption="1", reason="Test")

    assert (Correction.objects.get().start, Correction.objects.get().end) == (second, second + HOUR)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"reason": "x"}, "Write how much, or choose to leave it out."),
        ({"consumption": "1"}, "This field is required."),
        ({"consumption": "-1", "reason": "x"}, "greater than or equal to 0"),
        ({"consumption": "1", "reason": "x", "start": "2026-01-05T00:07"}, "full quarter"),
        ({"consumption": "1", "reason": "x", "end": "2026-01-05T00:00"}, "must be later"),
        ({"consumption": "1", "reason": "x", "start": "2026-03-29T02:30"}, "did not exist"),
        ({"consumption": "1", "reason": "x", "start": "2026-10-25T02:30"}, "came twice"),
        ({"consumption": "1", "reason": "x", "start": "soon"}, "Write a date and a time."),
    ],
)
def test_correction_that_makes_no_sense_says_why(as_owner, device, body, words):
    store_hours(device, 3)

    text = unescape(correct(as_owner, device, **body).content.decode())

    assert words in text
    assert not Correction.objects.exists()


def test_running_hour_is_corrected_up_to_now(as_owner, device):
    now = datetime.now(UTC)
    start = now.replace(minute=0, second=0, microsecond=0) - HOUR
    store_hours(device, 1, start=start)

    correct(as_owner, device, (start, start + 5 * HOUR), consumption="1", reason="Test")

    assert now - QUARTER <= Correction.objects.get().end <= datetime.now(UTC)


def test_nobody_is_led_to_another_site(as_owner, device):
    store_hours(device, 3)

    answer = correct(
        as_owner, device, consumption="1", reason="x", next="https://example.org/energy/"
    )

    assert answer.redirect_chain == [("/energy/", 302)]


def test_who_may_only_look_is_offered_nothing_they_may_not_do(
    as_owner, as_stranger, stranger, owner, device
):
    store_hours(device, 3)
    set_correction(device, Wish(MIDNIGHT, MIDNIGHT + HOUR, 5.0, "Mine"), owner, datetime.now(UTC))
    SiteMember.objects.create(site=device.site, user=stranger, role=Role.VIEWER)
    span = (MIDNIGHT, MIDNIGHT + HOUR)
    offers = (reverse("web:energy_correct"), "/undo/", "data-correct", "correct them")

    for address in (page, why):
        query = (device, *span) if address is why else ()
        more = {} if address is why else day(device=device.pk)
        shown = {who: address(who, *query, **more) for who in (as_owner, as_stranger)}
        assert "Mine" in shown[as_stranger]
        assert [one for one in offers if f'href="{one}' in shown[as_stranger]] == []
        assert [one for one in offers[1:] if one in shown[as_stranger]] == []
        assert "/undo/" in shown[as_owner]


def test_strangers_see_and_change_nothing(as_stranger, stranger, owner, device):
    store_hours(device, 3)
    create_device(stranger, "Flat")
    wish = Wish(MIDNIGHT, MIDNIGHT + HOUR, 5.0, "Mine")
    correction = set_correction(device, wish, owner, datetime.now(UTC))

    text = page(as_stranger, **day(device=device.pk, site=device.site_id))
    undone = as_stranger.post(reverse("web:energy_undo", args=[correction.pk]))

    assert ("House" in text, "Mine" in text, "Flat" in text) == (False, False, True)
    assert undone.status_code == 404
    assert "House" not in why(as_stranger, device, MIDNIGHT, MIDNIGHT + HOUR)
    correction.refresh_from_db()
    assert correction.undone_at is None

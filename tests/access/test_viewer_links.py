"""Links that show a device or a site to whoever has them, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from stored import store
from wattkeep.api.live import _may_watch
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import AuditEntry, ViewerLink
from wattkeep.monitoring.sharing import MOST_OPEN, TooManyError, find_link, forget_over, make_link


@pytest.fixture
def oven(owner, device):
    return create_device(owner, "Oven")[0]


@pytest.fixture
def link_to(owner):
    """Return a function that makes a link and returns its page's address."""

    def make(site, device=None, days=1):
        return reverse("web:shared", args=[make_link(site, device, owner, days=days)[1]])

    return make


def socket(address, *devices):
    """Tell whether the live connection of a link's page shows these devices."""
    token = address.split("/")[2]
    wanted = "&".join(f"device={device.pk}" for device in devices)
    scope = {"headers": [], "query_string": f"link={token}&{wanted}".encode()}
    return _may_watch(scope, [device.pk for device in devices])


def test_link_shows_one_device_to_anybody(device, oven, link_to, nobody):
    store(device, datetime.now(UTC) - timedelta(seconds=1))
    address = link_to(device.site, device)

    page = nobody.get(address)
    now = nobody.get(f"{address}devices/{device.pk}/realtime/")
    others = nobody.get(f"{address}devices/{oven.pk}/realtime/")
    site = nobody.get(f"{address}sites/{device.site_id}/overview/")

    text = page.content.decode()
    assert page.status_code == 200
    assert "House" in text
    assert "Oven" not in text
    assert device.key_prefix not in text
    assert "/edit/" not in text
    assert (now.status_code, now.json()["power"]) == (200, 540.67)
    assert (others.status_code, site.status_code) == (404, 404)
    assert (socket(address, device), socket(address, oven)) == (True, False)


def test_link_shows_a_site(device, oven, link_to, nobody):
    address = link_to(device.site)

    text = nobody.get(address).content.decode()
    rows = nobody.get(f"{address}devices/").json()

    assert "House" in text
    assert "Oven" in text
    assert [(row["name"], row["key_prefix"]) for row in rows] == [("House", ""), ("Oven", "")]
    assert socket(address, device, oven)


def test_link_stays_out_of_indexes_and_of_other_sites_logs(device, link_to, nobody):
    address = link_to(device.site, device)

    for path in (address, f"{address}devices/", "/v/no-such-link/"):
        headers = nobody.get(path).headers
        assert headers["X-Robots-Tag"] == "noindex"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in headers["Cache-Control"]


def test_link_changes_nothing(device, link_to, nobody):
    address = link_to(device.site, device)

    answers = {
        nobody.post(path).status_code
        for path in (address, f"{address}devices/", f"{address}devices/{device.pk}/realtime/")
    }

    assert answers == {405}


def over(link):
    ViewerLink.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))


@pytest.mark.parametrize("end", [over, lambda link: link.delete()], ids=["expired", "revoked"])
def test_link_that_is_over_looks_like_one_that_never_was(end, device, link_to, nobody):
    address = link_to(device.site, device)
    end(ViewerLink.objects.get())

    page, never = nobody.get(address), nobody.get("/v/no-such-link/")
    row = nobody.get(f"{address}devices/{device.pk}/realtime/")

    assert (page.status_code, never.status_code, row.status_code) == (404, 404, 401)
    assert "This link opens nothing" in page.content.decode()
    assert not socket(address, device)


def test_link_ends_when_its_device_moves_to_another_site(device, link_to, nobody, owner):
    address = link_to(device.site, device)
    device.site = owner.sites.create(name="Cottage")
    device.save()

    assert nobody.get(address).status_code == 404
    assert not socket(address, device)


def test_guessing_links_is_throttled(db, nobody):
    answers = [nobody.get(f"/v/guess-{number}/").status_code for number in range(40)]

    assert answers[0] == 404
    assert answers[-1] == 429


def test_link_is_stored_hashed_and_its_use_noted_once_a_minute(device, owner):
    _, token = make_link(device.site, None, owner, days=1)
    stored = bytes(ViewerLink.objects.get().token_hash)

    find_link(token)
    first = ViewerLink.objects.get().last_used_at
    find_link(token)

    assert len(stored) == 32
    assert token.encode() not in stored
    assert first is not None
    assert ViewerLink.objects.get().last_used_at == first


def test_owner_makes_and_revokes_a_link(device, as_owner, nobody):
    page = as_owner.post(
        reverse("web:site_links", args=[device.site_id]),
        {"name": "Aunt", "device": device.pk, "days": "7"},
        follow=True,
    )
    address = page.context["new_link"].removeprefix("http://testserver")
    before = nobody.get(address).status_code
    link = ViewerLink.objects.get()
    as_owner.post(reverse("web:link_revoke", args=[device.site_id, link.pk]))

    assert (before, nobody.get(address).status_code) == (200, 404)
    assert [(one.thing, one.deed) for one in AuditEntry.objects.order_by("pk")] == [
        ("Aunt (House)", "made"),
        ("Aunt (House)", "revoked"),
    ]


def test_api_makes_a_link_to_a_device_of_the_site_only(device, as_owner, owner):
    address = f"/api/v1/sites/{device.site_id}/links/"
    other = create_device(owner, "Pump", site=owner.sites.create(name="Cottage"))[0]

    made = as_owner.post(address, {"device": device.pk, "days": 30}, "application/json")
    refused = as_owner.post(address, {"device": other.pk, "days": 30}, "application/json")

    assert made.status_code == 201
    assert made.json()["url"].startswith("http://testserver/v/")
    assert refused.json() == {"device": ["This device is at another site."]}


def test_links_are_not_without_number(device, owner):
    for _ in range(MOST_OPEN):
        make_link(device.site, None, owner, days=1)

    with pytest.raises(TooManyError):
        make_link(device.site, None, owner, days=1)


def test_links_long_over_are_swept_away(device, owner):
    make_link(device.site, None, owner, days=1)
    now = datetime.now(UTC)

    forget_over(now + timedelta(days=20))
    assert ViewerLink.objects.exists()
    forget_over(now + timedelta(days=40))

    assert not ViewerLink.objects.exists()

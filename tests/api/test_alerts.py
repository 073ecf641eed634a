"""Incidents over the API: who sees them, how they are asked for, what people do with them."""

from datetime import UTC, datetime, timedelta

import pytest

from wattkeep.api.alert_views import incident_row
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Alert

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def make(device=None, minute=0, **fields):
    """Make an incident that began so many minutes after AT."""
    values = {
        "alert_type": "HIGH_POWER",
        "message": "High power: 6,543 W (limit 5,000 W)",
        "value": 6543.0,
        "peak_value": 7000.0,
        "last_value": 6100.0,
        "created_at": AT + timedelta(minutes=minute),
        "noticed_at": AT + timedelta(minutes=minute + 1),
        **fields,
    }
    return Alert.objects.create(device=device, **values)


@pytest.fixture
def alert(device):
    return make(device, rule=device.rules.get(alert_type="HIGH_POWER"))


def ids(answer):
    return [row["id"] for row in answer.json()["results"]]


def test_incident_tells_its_course(as_owner, alert, device):
    alert.is_resolved, alert.resolved_at = True, AT + timedelta(minutes=12)
    alert.save()

    assert as_owner.get(f"/api/v1/alerts/{alert.pk}/").json() == {
        "id": alert.pk,
        "alert_type": "HIGH_POWER",
        "message": "High power: 6,543 W (limit 5,000 W)",
        "value": 6543.0,
        "is_resolved": True,
        "created_at": "2026-11-23T10:00:00.000Z",
        "resolved_at": "2026-11-23T10:12:00.000Z",
        "device": device.pk,
        "site": device.site_id,
        "rule": alert.rule_id,
        "severity": 20,
        "peak_value": 7000.0,
        "last_value": 6100.0,
        "last_at": None,
        "noticed_at": "2026-11-23T10:01:00.000Z",
        "duration_s": 720.0,
        "is_flapping": False,
        "relapses": 0,
        "cause": "",
        "muted_by": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "snoozed_until": None,
        "snoozed_by": None,
        "resolved_by": None,
    }


def test_incident_of_a_site_is_its_owners(as_owner, as_stranger, device):
    alert = make(site=device.site, alert_type="SITE_OFFLINE")

    assert as_owner.get(f"/api/v1/alerts/{alert.pk}/").json()["site"] == device.site_id
    assert as_stranger.get(f"/api/v1/alerts/{alert.pk}/").status_code == 404


ADDRESSES = [
    ("get", "/api/v1/alerts/{id}/"),
    ("post", "/api/v1/alerts/{id}/acknowledge/"),
    ("post", "/api/v1/alerts/{id}/snooze/"),
    ("post", "/api/v1/alerts/{id}/resolve/"),
]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_stranger_and_nobody_get_nowhere(as_stranger, nobody, alert, method, address):
    path = address.format(id=alert.pk)

    assert getattr(as_stranger, method)(path).status_code == 404
    assert getattr(nobody, method)(path).status_code == 401
    before = incident_row(alert, AT)
    alert.refresh_from_db()
    assert incident_row(alert, AT) == before


def test_list_holds_ones_own(as_owner, as_stranger, nobody, alert):
    assert ids(as_owner.get("/api/v1/alerts/")) == [alert.pk]
    assert ids(as_stranger.get("/api/v1/alerts/")) == []
    assert nobody.get("/api/v1/alerts/").status_code == 401


def test_list_asks_the_same_whatever_its_length(as_owner, device, django_assert_num_queries):
    make(device)
    with django_assert_num_queries(3):
        as_owner.get("/api/v1/alerts/")
    other, _ = create_device(device.user, "Shed")
    make(other, 1)
    make(site=device.site, minute=2)
    with django_assert_num_queries(3):
        as_owner.get("/api/v1/alerts/")


def test_list_is_filtered(as_owner, device, owner):
    other, _ = create_device(owner, "Shed")
    high = make(device, 0)
    low = make(other, 1, alert_type="LOW_PF", severity=10)
    over = make(device, 2, is_resolved=True, resolved_at=AT + timedelta(minutes=5))
    site = make(site=device.site, minute=3, alert_type="SITE_OFFLINE", severity=30)

    def found(query):
        return ids(as_owner.get(f"/api/v1/alerts/?{query}"))

    assert found("") == [site.pk, over.pk, low.pk, high.pk]
    assert found("open=true") == [site.pk, low.pk, high.pk]
    assert found("open=false") == [over.pk]
    assert found(f"device={device.pk}") == [over.pk, high.pk]
    assert found(f"site={device.site_id}") == [site.pk, over.pk, low.pk, high.pk]
    assert found("alert_type=LOW_PF") == [low.pk]
    assert found("severity=20") == [site.pk, over.pk, high.pk]
    assert found("since=2026-11-23T10:06:00Z") == [site.pk, low.pk, high.pk]


def test_list_comes_in_pages(as_owner, device):
    made = [make(device, minute // 2).pk for minute in range(5)]

    first = as_owner.get("/api/v1/alerts/?limit=2").json()
    second = as_owner.get(f"/api/v1/alerts/?limit=2&before={first['next_before']}").json()
    third = as_owner.get(f"/api/v1/alerts/?limit=2&before={second['next_before']}").json()

    pages = [[row["id"] for row in page["results"]] for page in (first, second, third)]
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    assert third["next_before"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=1000", "device=x", "since=yesterday"])
def test_wrong_question_is_refused(as_owner, alert, query):
    assert as_owner.get(f"/api/v1/alerts/?{query}").status_code == 400


def test_acknowledging_notes_who(as_owner, alert, owner):
    row = as_owner.post(f"/api/v1/alerts/{alert.pk}/acknowledge/").json()

    assert (row["acknowledged_by"], row["is_resolved"]) == ("owner", False)
    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.acknowledged_at is not None) == (owner, True)


def test_snoozing_notes_until_when(as_owner, alert, owner):
    answer = as_owner.post(
        f"/api/v1/alerts/{alert.pk}/snooze/", {"hours": 2}, content_type="application/json"
    )

    alert.refresh_from_db()
    assert (answer.status_code, answer.json()["snoozed_by"], alert.snoozed_by) == (
        200,
        "owner",
        owner,
    )
    assert alert.snoozed_until > datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize("hours", [None, 0, -1, 10_000, "long"])
def test_snoozing_needs_a_time(as_owner, alert, hours):
    body = {} if hours is None else {"hours": hours}

    answer = as_owner.post(
        f"/api/v1/alerts/{alert.pk}/snooze/", body, content_type="application/json"
    )

    assert (answer.status_code, list(answer.json())) == (400, ["hours"])


def test_resolving_closes_it_once(as_owner, alert):
    first = as_owner.post(f"/api/v1/alerts/{alert.pk}/resolve/").json()
    second = as_owner.post(f"/api/v1/alerts/{alert.pk}/resolve/").json()

    assert (first["is_resolved"], first["resolved_by"]) == (True, "owner")
    assert second["resolved_at"] == first["resolved_at"]

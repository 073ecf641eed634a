"""Rules over the API: made, changed, refused in words, tried on the device's own past."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from stored import VALUES
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Alert, AlertRule, EnergyReading, RuleChange

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def send(client, method, path, **body):
    return getattr(client, method)(path, json.dumps(body), content_type="application/json")


@pytest.fixture
def rule(device):
    return device.rules.get(alert_type="HIGH_POWER")


def wanted(of, /, **changes):
    return {
        "device": of.pk,
        "name": "Sauna",
        "metric": "power",
        "comparison": "above",
        "threshold": 3000,
        "hold_s": 60,
        "recovery_threshold": 2500,
        "recovery_hold_s": 300,
        "severity": 10,
        **changes,
    }


def test_device_comes_with_its_rules(as_owner, device):
    rows = as_owner.get(f"/api/v1/rules/?device={device.pk}").json()

    assert [row["alert_type"] for row in rows] == [
        "HIGH_POWER",
        "HIGH_VOLTAGE",
        "LOW_VOLTAGE",
        "HIGH_CURRENT",
        "LOW_PF",
        "FREQUENCY",
        "LONG_LOAD",
        "ENERGY_DAY",
        "ENERGY_MONTH",
        "METER_SILENT",
        "DEVICE_OFFLINE",
        "COUNTER_RESET",
        "SITE_OFFLINE",
    ]
    assert {row["device"] or row["site"] for row in rows} == {device.pk, device.site_id}
    assert all(row["is_default"] and row["is_enabled"] for row in rows)
    assert (rows[0]["threshold"], rows[0]["recovery_threshold"], rows[0]["hold_s"]) == (
        5000,
        4500,
        30,
    )


def test_rule_is_made_and_read_back(as_owner, device):
    answer = send(
        as_owner,
        "post",
        "/api/v1/rules/",
        **wanted(device, quiet_from="22:00", quiet_until="06:30"),
    )

    assert answer.status_code == 201
    row = answer.json()
    assert row == as_owner.get(f"/api/v1/rules/{row['id']}/").json()
    assert (row["alert_type"], row["is_default"], row["quiet_until"]) == (
        "HIGH_POWER",
        False,
        "06:30:00",
    )
    assert AlertRule.objects.get(pk=row["id"]).device == device


def test_rule_may_be_of_a_site(as_owner, device):
    body = wanted(
        device, device=None, site=device.site_id, comparison="below", recovery_threshold=None
    )

    row = send(as_owner, "post", "/api/v1/rules/", **body).json()

    assert (row["site"], row["device"], row["alert_type"]) == (device.site_id, None, "CUSTOM")


def test_change_is_noted_for_every_process(as_owner, rule):
    before = RuleChange.objects.get().number

    answer = send(as_owner, "patch", f"/api/v1/rules/{rule.pk}/", threshold=6000)

    rule.refresh_from_db()
    assert (answer.status_code, rule.threshold, rule.is_default) == (200, 6000, False)
    assert RuleChange.objects.get().number == before + 1


def test_switching_off_closes_what_is_open_and_is_no_change_of_the_rule(as_owner, rule, device):
    alert = Alert.objects.create(
        device=device, rule=rule, alert_type="HIGH_POWER", value=1, created_at=datetime.now(UTC)
    )

    send(as_owner, "patch", f"/api/v1/rules/{rule.pk}/", is_enabled=False)

    alert.refresh_from_db()
    rule.refresh_from_db()
    assert (alert.is_resolved, rule.is_enabled, rule.is_default) == (True, False, True)


def test_deleted_rules_incidents_stay_closed(as_owner, rule, device):
    alert = Alert.objects.create(
        device=device, rule=rule, alert_type="HIGH_POWER", value=1, created_at=datetime.now(UTC)
    )

    assert as_owner.delete(f"/api/v1/rules/{rule.pk}/").status_code == 204

    alert.refresh_from_db()
    assert (alert.is_resolved, alert.rule) == (True, None)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_stranger_and_nobody_get_nowhere(as_stranger, nobody, rule, method):
    path, body = f"/api/v1/rules/{rule.pk}/", json.dumps({"threshold": 1})

    refused = [
        client.generic(method, path, body, content_type="application/json").status_code
        for client in (as_stranger, nobody)
    ]

    assert refused == [404, 401]
    assert AlertRule.objects.get(pk=rule.pk).threshold == 5000


def test_stranger_makes_no_rule_for_anothers_device_or_site(as_stranger, nobody, device):
    for_device = send(as_stranger, "post", "/api/v1/rules/", **wanted(device))
    for_site = send(
        as_stranger, "post", "/api/v1/rules/", **wanted(device, device=None, site=device.site_id)
    )

    assert (for_device.status_code, list(for_device.json())) == (400, ["device"])
    assert (for_site.status_code, list(for_site.json())) == (400, ["site"])
    assert send(nobody, "post", "/api/v1/rules/", **wanted(device)).status_code == 401


def test_stranger_previews_and_proposes_nothing_of_anothers(as_stranger, nobody, device):
    preview, propose = "/api/v1/rules/preview/", "/api/v1/rules/propose/"
    query = f"?device={device.pk}&metric=power"

    assert send(as_stranger, "post", preview, **wanted(device)).status_code == 400
    assert as_stranger.get(propose + query).status_code == 404
    assert as_stranger.get(f"/api/v1/rules/?device={device.pk}").status_code == 404
    assert send(nobody, "post", preview, **wanted(device)).status_code == 401
    assert nobody.get(propose + query).status_code == 401


def test_list_asks_the_same_whatever_its_length(as_owner, device, owner, django_assert_num_queries):
    with django_assert_num_queries(3):
        as_owner.get("/api/v1/rules/")
    for index in range(3):
        create_device(owner, f"Other {index}")
    with django_assert_num_queries(3):
        as_owner.get("/api/v1/rules/")


REFUSALS = {
    "no name": ({"name": " "}, "name", "This field may not be blank."),
    "no place": (
        {"device": None},
        "device",
        "Choose one device or one site, not both and not neither.",
    ),
    "no limit": (
        {"threshold": None, "recovery_threshold": None},
        "threshold",
        "Write the limit as a number.",
    ),
    "limit of nonsense": (
        {"metric": "voltage", "threshold": 3, "recovery_threshold": None},
        "threshold",
        "Write a limit from 50 to 500 V.",
    ),
    "power factor over 1": (
        {"metric": "power_factor", "threshold": 5, "recovery_threshold": None},
        "threshold",
        "Write a limit from 0.01 to 1.",
    ),
    "over the meter's range": (
        {"threshold": 23_000},
        "threshold",
        "This meter measures up to 23,000 W: the rule would never fire.",
    ),
    "recovery on the wrong side": (
        {"recovery_threshold": 3500},
        "recovery_threshold",
        "It is over when the value is back at this: not above the limit.",
    ),
    "recovery of a low value on the wrong side": (
        {"comparison": "below"},
        "recovery_threshold",
        "It is over when the value is back at this: not below the limit.",
    ),
    "hold of weeks": (
        {"hold_s": 1_000_000},
        "hold_s",
        "Write a number of seconds from 0 to 86400, which is a day.",
    ),
    "half a night": (
        {"quiet_from": "22:00"},
        "quiet_until",
        "Quiet hours need a beginning and an end.",
    ),
    "night without length": (
        {"quiet_from": "22:00", "quiet_until": "22:00"},
        "quiet_until",
        "Quiet hours that end as they begin are none: leave both empty.",
    ),
    "silence with a limit": (
        {"metric": "offline", "recovery_threshold": None},
        "threshold",
        "Silence has no limit of its own: say how long it may last.",
    ),
    "too little energy": (
        {"metric": "energy_day", "comparison": "below", "recovery_threshold": None},
        "comparison",
        "This can only be too much or too long: choose above.",
    ),
    "budget under load": (
        {"metric": "energy_day", "only_above_w": 5},
        "only_above_w",
        "A smallest load fits only rules on what is measured.",
    ),
    "negative load": ({"only_above_w": -1}, "only_above_w", "Write a load in watts, 0 or more."),
}


@pytest.mark.parametrize(("changes", "field", "words"), REFUSALS.values(), ids=REFUSALS)
def test_nonsense_is_refused_in_words(as_owner, device, changes, field, words):
    answer = send(as_owner, "post", "/api/v1/rules/", **wanted(device, **changes))

    assert (answer.status_code, answer.json()) == (400, {field: [words]})


# -- tried on the past ------------------------------------------------------------------------


def keep(device, days, evening_w):
    """Store a reading every ten minutes: 500 W, and in the evenings an hour of more."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    rows = []
    for step in range(days * 144, 0, -1):
        at = now - 10 * step * MINUTE
        power_w = evening_w(at) if at.hour == 19 else 500.0
        rows.append(EnergyReading(device=device, timestamp=at, **{**VALUES, "power": power_w}))
    EnergyReading.objects.bulk_create(rows)


@pytest.fixture
def lived(owner):
    """Return a device with 28 evenings of 4,000 W, Sundays 7,000 W."""
    device, _ = create_device(owner, "House", interval_s=600)
    keep(device, 28, lambda at: 7000.0 if at.weekday() == 6 else 4000.0)
    return device


def test_preview_tells_how_often_a_rule_would_have_fired(as_owner, lived):
    often = send(as_owner, "post", "/api/v1/rules/preview/", **wanted(lived)).json()
    rare = send(as_owner, "post", "/api/v1/rules/preview/", **wanted(lived, threshold=5000)).json()

    assert often["incidents"] in {27, 28, 29}
    assert (rare["incidents"], rare["longest_s"]) == (4, 3600)
    # How many days have readings depends on the hour of the day.
    assert re.match(r"It would have fired 4 times (in the|on the 2[89] days)", rare["text"])
    assert {one["peak"] for one in rare["episodes"]} == {7000.0}
    assert AlertRule.objects.filter(name="Sauna").count() == 0


def test_preview_without_readings_says_so(as_owner, device):
    found = send(as_owner, "post", "/api/v1/rules/preview/", **wanted(device)).json()

    assert found == {
        "incidents": 0,
        "days": 0,
        "longest_s": 0,
        "text": "There are no readings of the last 30 days to try it on.",
        "episodes": [],
    }


def test_preview_of_silence_counts_the_gaps(as_owner, lived):
    EnergyReading.objects.filter(
        timestamp__gte=datetime.now(UTC) - timedelta(days=3),
        timestamp__lt=datetime.now(UTC) - timedelta(days=2),
    ).delete()
    body = wanted(lived, metric="offline", threshold=None, recovery_threshold=None, hold_s=3600)

    found = send(as_owner, "post", "/api/v1/rules/preview/", **body).json()

    assert found["incidents"] == 1
    assert 86_400 <= found["longest_s"] <= 88_000


def test_proposal_would_have_fired_about_once_a_week(as_owner, lived):
    answer = as_owner.get(f"/api/v1/rules/propose/?device={lived.pk}&metric=power")

    found = answer.json()
    assert (found["threshold"], found["recovery_threshold"]) == (4000.0, 3600.0)
    body = wanted(lived, **found)
    assert send(as_owner, "post", "/api/v1/rules/preview/", **body).json()["incidents"] == 4


def test_proposal_needs_a_week(as_owner, device):
    keep(device, 3, lambda _: 4000.0)

    answer = as_owner.get(f"/api/v1/rules/propose/?device={device.pk}&metric=power")

    assert answer.json() == {"threshold": None, "recovery_threshold": None}

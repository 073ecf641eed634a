"""The rules' pages: changed, made, switched, and tried on what was measured."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from wattkeep.monitoring.models import Alert, AlertRule, EnergyReading
from wattkeep.web.rule_forms import DurationField


@pytest.fixture
def rule(device):
    return device.rules.get(alert_type="HIGH_POWER")


@pytest.fixture
def body(device):
    return {
        "place": f"device-{device.pk}",
        "name": "Kettle",
        "metric": "power",
        "comparison": "above",
        "threshold": "1800",
        "hold_s": "10 min",
        "recovery_threshold": "",
        "recovery_hold_s": "1 h 30 min",
        "only_above_w": "",
        "severity": "10",
        "quiet_from": "22:00",
        "quiet_until": "06:30",
        "is_enabled": "on",
    }


def measure(device, days=8, peak_w=3000.0):
    """Store a reading every five minutes, with an hour over 2,500 W each day."""
    device.interval_s = 300
    device.save()
    now = timezone.now().replace(second=0, microsecond=0)
    rows = []
    for minute in range(0, days * 1440, 5):
        at = now - timedelta(minutes=minute)
        power = peak_w if minute % 1440 < 60 else 300.0
        rows.append(
            EnergyReading(
                device=device, timestamp=at, voltage=230, current=1, power=power, energy=1,
                frequency=50, power_factor=1,
            )
        )  # fmt: skip
    EnergyReading.objects.bulk_create(rows, batch_size=5000)


def test_rule_is_made(as_owner, body, device):
    answer = as_owner.post("/alerts/rules/add/", body)

    rule = AlertRule.objects.get(name="Kettle")
    assert answer.url == f"/alerts/rules/?place=device-{device.pk}#device-{device.pk}"
    shown = as_owner.get(answer.url).content.decode()
    assert re.search(rf'id="device-{device.pk}" open>', shown)
    assert (rule.device, rule.site, rule.threshold, rule.hold_s, rule.recovery_hold_s) == (
        device, None, 1800.0, 600, 5400,
    )  # fmt: skip
    assert (rule.alert_type, rule.severity, str(rule.quiet_until)) == ("HIGH_POWER", 10, "06:30:00")
    assert "Power above 1,800 W for 10 min" in as_owner.get("/alerts/rules/").content.decode()


def test_rule_may_be_of_a_whole_site(as_owner, body, device):
    as_owner.post("/alerts/rules/add/", {**body, "place": f"site-{device.site_id}"})

    rule = AlertRule.objects.get(name="Kettle")
    assert (rule.device, rule.site) == (None, device.site)


WRONG = {
    "no limit": ({"threshold": ""}, "threshold", "Write the limit as a number."),
    "beyond the meter": (
        {"threshold": "25000"},
        "threshold",
        "This meter measures up to 23,000 W: the rule would never fire.",
    ),
    "no time": ({"hold_s": "soon"}, "hold_s", "Write a time such as 30 s, 10 min or 3 h."),
    "half of the quiet hours": (
        {"quiet_until": ""},
        "quiet_until",
        "Quiet hours need a beginning and an end.",
    ),
    "no name": ({"name": ""}, "name", "This field is required."),
}


@pytest.mark.parametrize(("change", "field", "words"), WRONG.values(), ids=WRONG)
def test_nonsense_is_refused_in_words(change, field, words, as_owner, body):
    answer = as_owner.post("/alerts/rules/add/", {**body, **change})

    assert answer.context["form"].errors[field] == [words]
    assert words in answer.content.decode().replace("&#x27;", "'")
    assert not AlertRule.objects.filter(name="Kettle").exists()


def test_strangers_device_cannot_be_chosen(as_stranger, stranger, body):
    from wattkeep.monitoring.devices import create_device

    create_device(stranger, "Mine")

    answer = as_stranger.post("/alerts/rules/add/", body)

    assert "place" in answer.context["form"].errors


def test_form_shows_what_is_stored_and_saves_it_unchanged(as_owner, rule):
    rule.hold_s = 3 * 3600 + 20
    rule.save()
    address = reverse("web:rule_edit", args=[rule.pk])
    form = as_owner.get(address).context["form"]
    shown = {field.name: form.fields[field.name].prepare_value(field.value()) for field in form}
    unchanged = {name: "" if value is None else value for name, value in shown.items()}
    before = AlertRule.objects.filter(pk=rule.pk).values().get()

    as_owner.post(address, unchanged)

    assert AlertRule.objects.filter(pk=rule.pk).values().get() == before
    assert (shown["threshold"], shown["hold_s"]) == ("5000", "3 h 20 s")


def test_changed_rule_is_ones_own(as_owner, rule, body):
    as_owner.post(reverse("web:rule_edit", args=[rule.pk]), body)

    rule.refresh_from_db()
    assert (rule.name, rule.is_default) == ("Kettle", False)


def test_switching_off_closes_what_is_open(as_owner, rule, device):
    now = timezone.now()
    alert = Alert.objects.create(
        device=device, rule=rule, alert_type="HIGH_POWER", message="High", value=1, created_at=now
    )

    as_owner.post(reverse("web:rule_switch", args=[rule.pk]), {"do": "off"})

    rule.refresh_from_db()
    alert.refresh_from_db()
    assert (rule.is_enabled, alert.is_resolved) == (False, True)


def test_deleting_leaves_the_incidents(as_owner, rule, device):
    now = timezone.now()
    Alert.objects.create(
        device=device, rule=rule, alert_type="HIGH_POWER", message="High", value=1, created_at=now
    )

    as_owner.post(reverse("web:rule_switch", args=[rule.pk]), {"do": "delete"})

    assert not AlertRule.objects.filter(pk=rule.pk).exists()
    assert Alert.objects.get().is_resolved


def test_trying_tells_how_often_and_saves_nothing(as_owner, body, device):
    measure(device)

    answer = as_owner.post("/alerts/rules/add/", {**body, "threshold": "2500", "do": "try"})

    tried = answer.context["tried"]
    assert tried["text"].startswith("It would have fired 8 times")
    assert len(tried["lines"]) == 5
    assert "at worst 3,000 W" in tried["lines"][0]
    assert not AlertRule.objects.filter(name="Kettle").exists()


def test_suggestion_fills_the_limit_in(as_owner, body, device):
    measure(device)

    answer = as_owner.post("/alerts/rules/add/", {**body, "do": "propose"})

    limit = float(answer.context["form"]["threshold"].value())
    assert limit > 2500
    assert answer.context["tried"]["count"] <= 4


def test_suggestion_needs_a_week(as_owner, body):
    answer = as_owner.post("/alerts/rules/add/", {**body, "do": "propose"})

    assert "that takes a week of readings" in answer.content.decode()
    assert answer.context["form"]["threshold"].value() == "1800"


TIMES = {
    "30": 30,
    "30 s": 30,
    "10 min": 600,
    "1.5h": 5400,
    "1,5 h": 5400,
    "1 h, 30 min": 5400,
    "1 day 2 h": 93_600,
    "2 Tage 3 Std": 183_600,
    "": 0,
}


@pytest.mark.parametrize(("text", "seconds"), TIMES.items(), ids=list(TIMES))
def test_time_is_read_as_people_write_it(text, seconds):
    assert DurationField(required=False).clean(text) == seconds

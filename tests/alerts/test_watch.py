"""Readings judged as they are committed: what opens, what closes, what costs nothing."""

import pytest

from alerts.conftest import CALM, HIGH, at, every, incidents, reading
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Alert, AlertRule, Notification, RuleChange

pytestmark = pytest.mark.django_db


def test_incident_opens_after_the_hold_and_says_what_was_measured(watch, feed, device):
    for second, power_w in [(0, 300.0), (10, 6543.21), (20, 7000.4), (30, 6100.0)]:
        feed(watch, (second, power_w))
    assert incidents(device) == []

    feed(watch, (40, 6200.0))

    alert = Alert.objects.get()
    assert (alert.created_at, alert.noticed_at, alert.resolved_at) == (at(10), at(40), None)
    assert (alert.value, alert.peak_value, alert.last_value) == (6200.0, 7000.4, 6200.0)
    assert alert.message == "High power: 6,200 W (limit 5,000 W)"
    assert (alert.alert_type, alert.severity) == ("HIGH_POWER", 20)
    assert alert.rule == device.rules.get(alert_type="HIGH_POWER")


def test_incident_closes_when_it_has_been_over_for_a_while(watch, feed, device):
    feed(watch, *every(10, 0, 60, HIGH))
    feed(watch, *every(10, 70, 660, CALM))
    assert incidents(device) == [(0, None)]

    feed(watch, (670, CALM))

    assert incidents(device) == [(0, 70)]
    assert Alert.objects.get().last_value == CALM


def test_incident_follows_its_course_while_it_is_open(watch, feed, device, clock):
    feed(watch, *every(10, 0, 40, HIGH))
    clock.now_s += 60
    feed(watch, (100, 8000.0))

    alert = Alert.objects.get()
    assert (alert.value, alert.peak_value, alert.last_value) == (HIGH, 8000.0, 8000.0)
    assert alert.last_at == at(100)


def test_plain_rule_opens_and_closes_with_each_reading(watch, feed, device, plain):
    feed(watch, (0, HIGH))
    feed(watch, (10, 5000.0))
    feed(watch, (20, CALM))
    feed(watch, (30, 7000.0))

    assert incidents(device) == [(0, 10), (30, None)]


def test_readings_of_a_commit_are_judged_in_the_order_of_their_time(watch, feed, device, plain):
    feed(watch, (20, CALM), (0, CALM), (10, HIGH))

    assert incidents(device) == [(10, 20)]


def test_same_readings_again_change_nothing(watch, feed, device, plain):
    for _ in range(3):
        feed(watch, (0, HIGH), (10, CALM))

    assert incidents(device) == [(0, 10)]


def test_devices_have_incidents_of_their_own(watch, feed, device, owner):
    other, _ = create_device(owner, "Shed")
    feed(watch, *every(10, 0, 40, HIGH))
    feed(watch, *every(10, 5, 45, HIGH), of=other)
    feed(watch, *every(10, 50, 700, CALM))

    assert (incidents(device), incidents(other)) == ([(0, 50)], [(5, None)])


def test_calm_readings_ask_the_database_nothing(watch, feed, device, django_assert_num_queries):
    feed(watch, *every(10, 0, 100, CALM))
    rows = [reading(device, 100 + second / 100, 1400.0) for second in range(1, 400)]

    with django_assert_num_queries(0):
        for row in rows:
            watch.judge_now([row])


def test_rise_that_waits_for_its_hold_asks_the_database_nothing(
    watch, feed, device, django_assert_num_queries
):
    feed(watch, *every(10, 0, 100, CALM))
    feed(watch, (101, 2000.0))
    rows = [reading(device, 101 + second / 100, 2000.0) for second in range(1, 300)]

    with django_assert_num_queries(0):
        for row in rows:
            watch.judge_now([row])


LEVELS = {
    "high voltage": ("HIGH_VOLTAGE", {"voltage": 254.0}, {"voltage": 240.0}),
    "low voltage": ("LOW_VOLTAGE", {"voltage": 200.0}, {"voltage": 212.0}),
    "high current": ("HIGH_CURRENT", {"current": 95.0}, {"current": 20.0}),
    "frequency over": ("FREQUENCY", {"frequency": 50.6}, {"frequency": 50.1}),
    "frequency under": ("FREQUENCY", {"frequency": 49.2}, {"frequency": 49.9}),
    "power factor": ("LOW_PF", {"power_factor": 0.2}, {"power_factor": 0.9}),
}


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS)
def test_default_rule_fires_and_recovers(feed, device, make_watch, level):
    watch, (alert_type, bad, good) = make_watch(), level
    feed(watch, *every(10, 0, 100, CALM))
    feed(watch, *every(10, 110, 1000, CALM), **bad)
    feed(watch, *every(10, 1010, 3000, CALM), **good)

    assert incidents(device, alert_type) == [(110, 1010)]
    assert Alert.objects.count() == 1


def test_idle_meter_has_no_bad_power_factor(watch, feed, device):
    feed(watch, *every(10, 0, 2000, 0.0), power_factor=0.0)

    assert Alert.objects.count() == 0


def test_long_load_is_told_after_three_hours(watch, feed, device):
    feed(watch, *every(60, 0, 3 * 3600 - 60, 2000.0))
    assert Alert.objects.count() == 0

    feed(watch, (3 * 3600, 2000.0))

    assert incidents(device, "LONG_LOAD") == [(0, None)]
    assert Alert.objects.get().message == "Long-running load: 2,000 W for 3 h (limit 1,500 W)"


def test_long_load_with_a_short_break_is_told_three_hours_after_the_break(watch, feed, device):
    for second in range(0, 3600, 60):
        feed(watch, (second, 2000.0))
    feed(watch, (3600, CALM))
    for second in range(3660, 3660 + 3 * 3600, 60):
        feed(watch, (second, 2000.0))
    assert Alert.objects.count() == 0

    feed(watch, (3660 + 3 * 3600, 2000.0))

    assert incidents(device, "LONG_LOAD") == [(3660, None)]


def test_voltage_limits_fit_the_mains(watch, feed, device):
    feed(watch, *every(10, 0, 100, CALM), voltage=119.0)

    rules = device.rules.filter(metric="voltage").order_by("threshold")
    assert list(rules.values_list("threshold", "recovery_threshold")) == [
        (108.0, 109.2),
        (132.0, 130.8),
    ]


def test_counter_reset_is_told_once(watch, feed, device):
    feed(watch, *every(10, 0, 100, CALM), energy=500.0)
    feed(watch, *every(10, 110, 200, CALM), energy=0.1)

    assert incidents(device, "COUNTER_RESET") == [(110, None)]
    alert = Alert.objects.get()
    assert alert.message == "Counter reset: the meter's counter fell by 499.90 kWh"


def test_counter_glitch_is_no_reset(watch, feed, device):
    feed(watch, *every(10, 0, 100, CALM), energy=500.0)
    feed(watch, (110, CALM), energy=0.1)
    feed(watch, *every(10, 120, 200, CALM), energy=500.0)

    assert Alert.objects.count() == 0


def test_changed_rule_counts_within_seconds(watch, feed, device, clock):
    feed(watch, *every(10, 0, 100, 4000.0))
    rule = device.rules.get(alert_type="HIGH_POWER")
    rule.threshold, rule.recovery_threshold = 3000.0, 2900.0
    rule.save()

    clock.now_s += 5
    feed(watch, (110, 4000.0))
    feed(watch, *every(10, 120, 150, 4000.0))

    assert incidents(device) == [(120, None)]


def test_rule_of_a_site_holds_for_each_of_its_devices(watch, feed, device, owner):
    other, _ = create_device(owner, "Shed")
    AlertRule.objects.create(
        site=device.site, name="Quiet hours", metric="power", threshold=100.0, hold_s=0
    )
    RuleChange.note()
    feed(watch, (0, CALM))
    feed(watch, (0, 50.0), of=other)
    feed(watch, (10, CALM), of=other)

    assert incidents(device, "CUSTOM") == [(0, None)]
    assert incidents(other, "CUSTOM") == [(10, None)]


def test_switched_off_rule_opens_nothing(watch, feed, device):
    device.rules.update(is_enabled=False)

    feed(watch, *every(10, 0, 100, 20_000.0))

    assert Alert.objects.count() == 0


FLAPS = {
    "each second, short of the hold": (1, 1, 5200.0, 4800.0),
    "each second, far": (1, 1, 7000.0, 100.0),
    "each 40 s": (40, 40, 5200.0, 4800.0),
    "each 40 s, far": (40, 40, 7000.0, 100.0),
    "40 s over, 5 s under": (40, 5, 7000.0, 100.0),
    "a minute over, nine under": (60, 540, 7000.0, 100.0),
}


@pytest.mark.parametrize("flap", FLAPS.values(), ids=FLAPS)
@pytest.mark.usefixtures("channel")
def test_flapping_for_an_hour_makes_at_most_two_notifications(watch, feed, flap):
    over_s, under_s, high_w, low_w = flap
    period = over_s + under_s
    trace = [(second, high_w if second % period < over_s else low_w) for second in range(3600)]
    for first in range(0, 3600, 60):
        feed(watch, *trace[first : first + 60])
    feed(watch, *every(10, 3600, 20_000, 100.0))

    assert Notification.objects.count() <= 2
    assert Alert.objects.count() <= 1
    for alert in Alert.objects.all():
        assert alert.is_resolved
        assert alert.is_flapping is (alert.relapses >= 3)


def test_flapping_is_said_while_it_is_open(watch, feed, device):
    for first in range(0, 600, 80):
        feed(watch, *every(10, first, first + 30, 7000.0), *every(10, first + 40, first + 70, CALM))

    alert = Alert.objects.get()
    assert (alert.is_resolved, alert.is_flapping) == (False, True)
    assert alert.recovery_hold_s >= 600 * 8

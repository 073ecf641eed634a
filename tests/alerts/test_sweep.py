"""What only time tells: silence of devices, meters and sites, and what elapses without readings."""

from datetime import timedelta

import pytest

from alerts.conftest import START_MS, at, incidents, reading
from alerts.conftest import commit as store_readings
from stored import hear
from wattkeep.alerts.incidents import resolve
from wattkeep.alerts.sweep import sweep
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Alert, DeviceBoot, MeterEvent, Notification, SweepMark

pytestmark = pytest.mark.django_db

INTERVAL_S = 10


def sweep_through(first, last):
    """Sweep every five seconds from `first` to `last`."""
    for second in range(first, last + 1, 5):
        sweep(at(second))


def report(devices, first, last, sweeping=True):
    """Let devices report every ten seconds, a little apart, while sweeps go on."""
    for second in range(first, last + 1, 5):
        for index, device in enumerate(devices):
            if (second - first) % INTERVAL_S == 5 * (index % 2):
                store_readings(reading(device, second))
                hear(device, at(second))
        if sweeping:
            sweep(at(second))


def told():
    return [
        (one.kind, one.alert.alert_type)
        for one in Notification.objects.order_by("created_at", "id")
    ]


@pytest.fixture
def twelve(owner, channel):
    return [create_device(owner, f"Meter {index}")[0] for index in range(12)]


def test_device_that_falls_silent_is_told_and_told_again_when_it_is_back(device, channel):
    report([device], 0, 100)
    sweep_through(105, 185)
    assert incidents(device, "DEVICE_OFFLINE") == []

    sweep_through(190, 400)
    assert incidents(device, "DEVICE_OFFLINE") == [(100, None)]
    assert Alert.objects.get().message == "Device offline: House, for 2 min"
    report([device], 400, 500)

    assert incidents(device, "DEVICE_OFFLINE") == [(100, 400)]
    assert told() == [("opened", "DEVICE_OFFLINE"), ("recovered", "DEVICE_OFFLINE")]


def test_device_never_heard_is_not_offline(device, channel):
    sweep_through(0, 1000)

    assert Alert.objects.count() == 0


def test_device_that_comes_and_goes_is_one_incident_that_says_so(device, channel):
    report([device], 0, 100)
    for first in range(100, 1300, 200):
        sweep_through(first + 5, first + 150)
        report([device], first + 155, first + 200)

    alert = Alert.objects.get()
    assert (alert.is_resolved, alert.is_flapping) == (False, True)
    assert alert.relapses >= 3
    assert told() == [("opened", "DEVICE_OFFLINE")]


def test_silence_closed_by_hand_stays_closed_until_something_is_heard(device, owner):
    report([device], 0, 100)
    sweep_through(105, 300)
    assert resolve(Alert.objects.get(), owner, at(301))

    sweep_through(305, 900)
    assert incidents(device, "DEVICE_OFFLINE") == [(100, 301)]

    report([device], 905, 1100)
    sweep_through(1105, 1400)
    assert incidents(device, "DEVICE_OFFLINE") == [(100, 301), (1095, None)]


def test_inactive_device_is_not_missed(device, channel):
    report([device], 0, 100)
    device.is_active = False
    device.save()

    sweep_through(105, 1000)

    assert Alert.objects.count() == 0


def test_meter_that_does_not_answer_is_not_an_offline_device(device, channel):
    report([device], 0, 100)
    for second in range(105, 600, 5):
        hear(device, at(second))
        sweep(at(second))

    assert incidents(device, "METER_SILENT") == [(100, None)]
    assert incidents(device, "DEVICE_OFFLINE") == []

    report([device], 600, 700)
    assert incidents(device, "METER_SILENT") == [(100, 600)]


def test_server_that_was_down_reports_nobody_who_comes_back(device, twelve):
    report([device, *twelve], 0, 100)

    # Down for an hour; everybody reports again within half a minute.
    sweep_through(3700, 3715)
    report([device, *twelve], 3720, 3900)

    assert Alert.objects.count() == 0
    assert SweepMark.objects.get().listening_since == at(3700)


def test_server_that_was_down_reports_who_does_not_come_back_as_of_then(device, channel):
    report([device], 0, 100)

    sweep_through(3700, 4000)

    assert incidents(device, "DEVICE_OFFLINE") == [(3700, None)]


def test_site_unplugged_at_once_is_one_notification_and_one_when_it_is_back(twelve):
    report(twelve, 0, 100)
    unplugged = 101

    sweep_through(105, unplugged + 3 * INTERVAL_S)
    assert told() == [("opened", "SITE_OFFLINE")]
    sweep_through(135, 600)
    [site_alert] = Alert.objects.filter(alert_type="SITE_OFFLINE")
    assert site_alert.message == "Home: none of 12 devices is heard"
    assert site_alert.cause.startswith("They were last heard within 5 s of each other.")
    muted = Alert.objects.filter(alert_type="DEVICE_OFFLINE")
    assert {one.muted_by for one in muted} == {site_alert}
    assert (muted.count(), told()) == (12, [("opened", "SITE_OFFLINE")])

    report(twelve, 605, 800)
    assert Alert.objects.filter(is_resolved=False).count() == 0
    assert told() == [("opened", "SITE_OFFLINE"), ("recovered", "SITE_OFFLINE")]
    site_alert.refresh_from_db()
    assert (site_alert.created_at, site_alert.resolved_at) == (at(100), at(605))
    assert site_alert.cause == "Power cut or network: the boards do not tell which."


def test_device_that_does_not_come_back_with_its_site_is_told(twelve):
    report(twelve, 0, 100)
    sweep_through(105, 400)
    report(twelve[1:], 405, 600)

    assert told() == [
        ("opened", "SITE_OFFLINE"),
        ("recovered", "SITE_OFFLINE"),
        ("opened", "DEVICE_OFFLINE"),
    ]
    assert Alert.objects.get(is_resolved=False).device == twelve[0]


def test_part_of_a_site_is_not_the_site(twelve):
    report(twelve, 0, 100)
    report(twelve[:3], 105, 400)

    assert set(told()) == {("opened", "DEVICE_OFFLINE")}
    assert Alert.objects.filter(is_resolved=False).count() == 9


def boot(device, name, first, last):
    DeviceBoot.objects.create(device=device, boot=name, first_seen=at(first), last_seen=at(last))


def come_back(devices, boots):
    """Let a site be gone and come back; return what is said about why."""
    report(devices, 0, 100)
    for device in devices:
        boot(device, "first", 0, 100)
    sweep_through(105, 400)
    for device in devices:
        if boots == "anew":
            boot(device, "second", 405, 405)
        else:
            store_readings(*(reading(device, second) for second in range(110, 400, 10)))
    report(devices, 405, 600)
    return Alert.objects.get(alert_type="SITE_OFFLINE").cause


def test_boards_that_started_anew_had_no_mains(twelve):
    assert come_back(twelve, "anew") == "Mains: 12 of 12 boards started anew."


def test_boards_that_kept_measuring_had_no_network(twelve):
    assert come_back(twelve, "kept") == (
        "Network: 12 of 12 boards kept measuring and sent it afterwards."
    )


def test_every_site_gone_is_this_servers_own_network(twelve, stranger):
    others = [create_device(stranger, f"Other {index}")[0] for index in range(3)]
    report([*twelve, *others], 0, 100)

    sweep_through(105, 200)

    causes = Alert.objects.filter(alert_type="SITE_OFFLINE").values_list("cause", flat=True)
    assert any("this server's own network" in cause for cause in causes)


def test_two_processes_sweep_as_one(twelve):
    report(twelve, 0, 100)
    for second in range(105, 600, 5):
        sweep(at(second))
        sweep(at(second) + timedelta(seconds=2))

    assert told() == [("opened", "SITE_OFFLINE")]


def test_sweep_asks_the_same_whatever_the_number_of_devices(
    twelve, owner, django_assert_num_queries
):
    report(twelve[:2], 0, 100)
    sweep(at(101))
    with django_assert_num_queries(SWEEP_QUERIES + QUIET_QUERIES):
        sweep(at(102))

    report(twelve, 120, 150)
    sweep(at(151))
    with django_assert_num_queries(SWEEP_QUERIES):
        sweep(at(152))


# Of them five look at devices, readings, boots, rules and incidents; the others keep the mark.
SWEEP_QUERIES = 7
# Of whoever has been quiet the newest row is looked for, and what the ledger knows.
QUIET_QUERIES = 2


def test_recovery_elapses_when_the_readings_stop(watch, feed, device, channel):
    feed(watch, *((second, 6000.0) for second in range(0, 100, 10)))
    feed(watch, (100, 300.0), (110, 300.0))
    hear(device, at(110))
    device.rules.filter(metric="offline").update(is_enabled=False)

    sweep_through(200, 640)
    assert incidents(device) == [(0, None)]
    sweep_through(645, 800)

    assert incidents(device) == [(0, 100)]
    assert told() == [("opened", "HIGH_POWER"), ("recovered", "HIGH_POWER")]


def test_readings_that_stop_while_it_is_high_leave_it_open(watch, feed, device, channel):
    feed(watch, *((second, 6000.0) for second in range(0, 100, 10)))

    sweep_through(200, 2000)

    assert incidents(device) == [(0, None)]


def test_counter_reset_closes_by_itself_and_nobody_is_told_again(watch, feed, device, channel):
    feed(watch, *((second, 300.0) for second in range(0, 100, 10)), energy=500.0)
    feed(watch, *((second, 300.0) for second in range(100, 200, 10)), energy=0.1)
    sweep(at(3000))
    assert incidents(device, "COUNTER_RESET") == [(100, None)]

    sweep(at(3780))

    assert incidents(device, "COUNTER_RESET") == [(100, 100)]
    assert told()[:1] == [("opened", "COUNTER_RESET")]
    assert ("recovered", "COUNTER_RESET") not in told()


def test_incident_of_a_rule_that_is_gone_is_closed(watch, feed, device):
    feed(watch, *((second, 6000.0) for second in range(0, 100, 10)))
    device.rules.get(alert_type="HIGH_POWER").delete()

    sweep(at(100))

    assert incidents(device) == [(0, 100)]
    assert MeterEvent.objects.count() == 0


HOUR = 3600
# A quarter past midnight in Paris, where the device is.
MIDNIGHT_MS = START_MS // 86_400_000 * 86_400_000 + 23 * HOUR * 1000


def use(device, hours, kwh_an_hour, first_ms=MIDNIGHT_MS):
    """Store an hourly counter from a local midnight on."""
    start = (first_ms - START_MS) / 1000
    base = 100.0
    store_readings(
        *(
            reading(device, start + hour * HOUR, energy=base + hour * kwh_an_hour)
            for hour in range(hours + 1)
        )
    )
    leave_mark(device.pk, first_ms)
    update_device(device.pk, from_ms(first_ms) + timedelta(hours=hours))
    return from_ms(first_ms) + timedelta(hours=hours)


def test_budget_of_the_day_opens_once_and_closes_with_the_day(device, channel):
    device.rules.filter(metric="energy_day").update(threshold=20.0, severity=20)

    now = use(device, 12, 1.5)
    sweep(now)
    assert incidents(device, "ENERGY_DAY") == []
    now = use(device, 15, 1.5)
    for minute in range(0, 30, 5):
        sweep(now + timedelta(minutes=minute))
    alert = Alert.objects.get(alert_type="ENERGY_DAY")
    assert alert.message == "Energy of the day: 22.5 kWh (limit 20.0 kWh)"
    assert not alert.is_resolved

    resolve(alert, device.user, now)
    sweep(now + timedelta(minutes=30))
    Alert.objects.filter(pk=alert.pk).update(is_resolved=False, resolved_at=None, resolved_by=None)
    assert device.alerts.filter(alert_type="ENERGY_DAY").count() == 1
    sweep(now + timedelta(hours=12))

    alert.refresh_from_db()
    assert alert.resolved_at == from_ms(MIDNIGHT_MS) + timedelta(days=1)
    assert [one for one in told() if one[1] == "ENERGY_DAY"] == [("opened", "ENERGY_DAY")]


def test_budgets_are_set_after_a_fortnight(device):
    now = use(device, 24 * 15, 0.5)

    sweep(now)

    budgets = device.rules.filter(metric__startswith="energy").order_by("threshold")
    assert [(one.metric, one.threshold) for one in budgets] == [
        ("energy_day", 24.0),
        ("energy_month", 548.0),
    ]


def test_budget_of_a_site_is_of_its_meters_that_sit_behind_no_other(device, owner):
    other, _ = create_device(owner, "Shed")
    behind, _ = create_device(owner, "Boiler", parent=device)
    rule = device.site.rules.create(
        name="All", metric="energy_day", alert_type="ENERGY_DAY", threshold=20.0
    )
    for one in (device, other, behind):
        now = use(one, 10, 0.9)
    sweep(now)
    assert not rule.alerts.exists()

    for one in (device, other, behind):
        now = use(one, 12, 0.9)
    sweep(now)

    alert = rule.alerts.get()
    assert (alert.device, alert.site, round(alert.value, 1)) == (None, device.site, 21.6)

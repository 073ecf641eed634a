"""Which messages go out, when, and which do not; the network is a list."""

import threading
from datetime import time, timedelta

import pytest
from django.db import connection

from alerts.telling import DAY, HOUR, MINUTE, NOON, SECOND, Network, make_channel, open_incident
from wattkeep.alerts import incidents
from wattkeep.alerts.notify import queue, quiet_end
from wattkeep.alerts.notify_links import Link, read
from wattkeep.alerts.outbox import MOST_ATTEMPTS, deliver_due, pause_after
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Alert, AlertRule, Notification, NotificationChannel, Severity

pytestmark = pytest.mark.django_db

SOON = 11 * SECOND


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def channel(owner):
    return make_channel(owner)


def states(**where):
    """Return (kind, what became of it) of each row, oldest first."""
    rows = Notification.objects.filter(**where).order_by("pk")
    return [(row.kind, state(row)) for row in rows]


def state(row):
    if row.delivered_at:
        return "delivered"
    if row.failed_at:
        return "failed"
    return "withheld" if row.withheld_at else "waiting"


def test_incident_is_told_once_and_its_end_once(channel, device, network):
    alert = open_incident(device, NOON)
    for after in (0, 11, 12, 600):
        deliver_due(NOON + after * SECOND, network.send)

    incidents.close(alert.pk, NOON + 12 * MINUTE, NOON + 22 * MINUTE)
    queue(Alert.objects.get(pk=alert.pk), "recovered", NOON + 22 * MINUTE)
    for after in (23, 24, 60):
        deliver_due(NOON + after * MINUTE, network.send)

    assert network.subjects == [
        "High power: 6,543 W (limit 5,000 W) · House",
        "Over: High power · House",
    ]
    assert states() == [("opened", "delivered"), ("recovered", "delivered")]


def test_message_says_since_when_and_for_how_long(channel, device, network):
    alert = open_incident(device, NOON)
    deliver_due(NOON + SOON, network.send)
    incidents.close(alert.pk, NOON + 12 * MINUTE, NOON + 22 * MINUTE)
    deliver_due(NOON + 23 * MINUTE, network.send)

    began, over = (message.body for message in network.sent)
    assert began == "House: High power: 6,543 W (limit 5,000 W).\nSince 11:59 on Mon 23 Nov."
    assert over == (
        "House: High power is over after 12 min, from 11:59 to 12:12 on Mon 23 Nov,"
        " at worst 7,120 W."
    )


def test_what_was_learned_late_says_when_it_happened(channel, device, network):
    alert = open_incident(device, NOON)
    Alert.objects.filter(pk=alert.pk).update(created_at=NOON - 2 * HOUR)

    deliver_due(NOON + SOON, network.send)

    assert "This happened at 10:00 on Mon 23 Nov; it was known here at 12:00." in (
        network.sent[0].body
    )


def test_incidents_of_a_site_within_seconds_are_one_message(channel, owner, device, network):
    for name in ("Heat pump", "Car"):
        open_incident(create_device(owner, name)[0], NOON)
    open_incident(device, NOON + 5 * SECOND)

    deliver_due(NOON + 9 * SECOND, network.send)
    assert network.sent == []
    deliver_due(NOON + 16 * SECOND, network.send)

    assert [message.subject.partition(": ")[2] for message in network.sent] == ["3 new"]
    assert [line.partition(":")[0] for line in network.sent[0].body.splitlines()] == [
        "- Heat pump",
        "- Car",
        "- House",
    ]


def test_message_has_signed_links_where_the_address_is_known(
    channel, device, owner, network, settings
):
    settings.PUBLIC_URL = "https://energy.example.org"
    alert = open_incident(device, NOON)

    deliver_due(NOON + SOON, network.send)

    lines = network.sent[0].body.splitlines()[-3:]
    tokens = [line.split("/l/")[1].rstrip("/") for line in lines[1:]]
    assert lines[0] == f"See it: https://energy.example.org/alerts/{alert.pk}/"
    assert [read(token) for token in tokens] == [
        Link("acknowledge", owner.pk, (alert.pk,)),
        Link("snooze", owner.pk, (alert.pk,)),
    ]


def test_what_is_over_before_it_was_told_is_not_told(channel, device, network):
    alert = open_incident(device, NOON)
    incidents.close(alert.pk, NOON + 2 * SECOND, NOON + 3 * SECOND)

    deliver_due(NOON + HOUR, network.send)

    assert (network.sent, states()) == ([], [("opened", "withheld"), ("recovered", "withheld")])


def test_what_ended_while_the_channel_was_dead_is_told_once_with_its_end(channel, device, network):
    network.error = "dead"
    alert = open_incident(device, NOON)
    deliver_due(NOON + SOON, network.send)
    incidents.close(alert.pk, NOON + MINUTE, NOON + 2 * MINUTE)
    deliver_due(NOON + 3 * MINUTE, network.send)
    network.error = ""

    for after in (1, 2, 3):
        deliver_due(NOON + after * HOUR, network.send)

    assert network.subjects == ["Over: High power · House"]
    assert states() == [("opened", "delivered"), ("recovered", "delivered")]


@pytest.mark.parametrize("deed", ["acknowledge", "snooze"])
def test_what_somebody_took_care_of_is_quiet(deed, channel, device, owner, network):
    alert = open_incident(device, NOON)
    if deed == "acknowledge":
        incidents.acknowledge(alert, owner, NOON)
    else:
        incidents.snooze(alert, owner, NOON + HOUR, NOON)

    deliver_due(NOON + SOON, network.send)

    assert network.sent == []


def test_what_was_snoozed_is_told_again_when_it_is_still_so(channel, device, owner, network):
    alert = open_incident(device, NOON)
    deliver_due(NOON + SOON, network.send)
    for start in (0, 2):
        incidents.snooze(alert, owner, NOON + (start + 1) * HOUR, NOON + start * HOUR)
        for minute in (30, 61, 62, 90):
            deliver_due(NOON + start * HOUR + minute * MINUTE, network.send)

    assert network.subjects[1:] == ["Still so: High power · House"] * 2


def test_end_of_what_is_snoozed_is_not_told(channel, device, owner, network):
    alert = open_incident(device, NOON)
    deliver_due(NOON + SOON, network.send)
    incidents.snooze(alert, owner, NOON + HOUR, NOON)

    incidents.close(alert.pk, NOON + MINUTE, NOON + 2 * MINUTE)
    deliver_due(NOON + 2 * HOUR - MINUTE, network.send)

    assert len(network.sent) in {1, 2}
    assert "Still so: High power · House" not in network.subjects


def test_quiet_hours_hold_back_until_they_end(channel, device, network):
    device.rules.update(quiet_from=time(11, 0), quiet_until=time(14, 30))
    open_incident(device, NOON)

    deliver_due(NOON + 2 * HOUR, network.send)
    assert network.sent == []
    deliver_due(NOON + 2 * HOUR + 31 * MINUTE, network.send)

    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("quiet", "local_hour", "end_hour"),
    [
        ((22, 6), 23, 30),
        ((22, 6), 5, 6),
        ((22, 6), 6, None),
        ((22, 6), 21, None),
        ((9, 17), 12, 17),
        ((9, 17), 17, None),
    ],
)
def test_quiet_hours_may_go_over_midnight(quiet, local_hour, end_hour, device):
    zone = device.site.zone
    midnight = (NOON - 12 * HOUR).astimezone(zone)
    rule = AlertRule(quiet_from=time(quiet[0]), quiet_until=time(quiet[1]))

    end = quiet_end(rule, zone, midnight + local_hour * HOUR)

    assert end == (None if end_hour is None else midnight + end_hour * HOUR)


def test_cap_holds_back_what_is_more_and_says_so(channel, owner, network):
    devices = [create_device(owner, f"Meter {number}")[0] for number in range(6)]
    for number, device in enumerate(devices):
        open_incident(device, NOON + number * MINUTE)
        deliver_due(NOON + number * MINUTE + SOON, network.send)

    bodies = [message.body for message in network.sent]
    assert len(bodies) == 3
    assert ["More is held back" in body for body in bodies] == [False, False, True]
    assert states(alert__device=devices[5]) == [("opened", "waiting")]


def test_what_was_held_back_is_one_message_in_the_morning(channel, owner, network):
    devices = [create_device(owner, f"Meter {number}")[0] for number in range(6)]
    alerts = []
    for number, device in enumerate(devices):
        alerts.append(open_incident(device, NOON + number * MINUTE))
        deliver_due(NOON + number * MINUTE + SOON, network.send)
    incidents.close(alerts[5].pk, NOON + HOUR, NOON + HOUR)

    deliver_due(NOON + 19 * HOUR, network.send)
    assert len(network.sent) == 3
    deliver_due(NOON + 20 * HOUR, network.send)

    assert [subject.partition(": ")[2] for subject in network.subjects[3:]] == ["2 new"]


def test_urgent_ones_are_above_the_cap(channel, owner, network):
    channel.daily_cap = 1
    channel.save()
    for number in range(3):
        device = create_device(owner, f"Meter {number}")[0]
        device.rules.update(severity=Severity.CRITICAL)
        open_incident(device, NOON + number * MINUTE)
        deliver_due(NOON + number * MINUTE + SOON, network.send)

    assert len(network.sent) == 3


def test_only_channels_that_fit_are_told(device, owner, stranger, network):
    other_site = owner.sites.create(name="Cabin")
    make_channel(owner, name="urgent only", minimum_severity=Severity.CRITICAL)
    make_channel(owner, name="off", is_enabled=False)
    make_channel(owner, name="elsewhere").sites.add(other_site)
    make_channel(owner, name="here").sites.add(device.site, other_site)
    make_channel(stranger, name="somebody else's")
    open_incident(device, NOON)

    deliver_due(NOON + SOON, network.send)

    names = Notification.objects.values_list("channel__name", flat=True)
    assert list(names) == ["here"]


def test_channel_switched_off_meanwhile_is_told_nothing(channel, device, network):
    open_incident(device, NOON)
    NotificationChannel.objects.update(is_enabled=False)

    deliver_due(NOON + SOON, network.send)

    assert (network.sent, states()) == ([], [("opened", "withheld")])


def test_dead_channel_is_tried_for_most_of_a_day_then_given_up(channel, device, network):
    network.error = "Nobody is there."
    open_incident(device, NOON)

    now = NOON + SOON
    while now < NOON + 2 * DAY:
        deliver_due(now, network.send)
        now += 15 * MINUTE

    channel.refresh_from_db()
    assert (network.tried, states()) == (MOST_ATTEMPTS, [("opened", "failed")])
    assert (channel.last_error, Notification.objects.get().error) == ("Nobody is there.",) * 2


def test_pauses_grow_to_an_hour():
    pauses = [pause_after(attempts) for attempts in range(1, MOST_ATTEMPTS)]

    assert pauses[:3] == [30 * SECOND, 60 * SECOND, 120 * SECOND]
    assert max(pauses) == HOUR
    assert 12 * HOUR < sum(pauses, timedelta()) < DAY


def test_channel_that_fails_does_not_stop_another(device, owner, network):
    dead = make_channel(owner, name="dead")
    make_channel(owner, name="alive")
    open_incident(device, NOON)

    def send(message):
        if message.channel_id == dead.pk:
            raise OSError("no route")
        return network.send(message)

    deliver_due(NOON + SOON, send)

    assert len(network.sent) == 1
    assert sorted(states()) == [("opened", "delivered"), ("opened", "waiting")]


def test_what_another_process_has_is_left_to_it_until_it_is_given_up_for_dead(
    channel, device, network
):
    open_incident(device, NOON)
    Notification.objects.update(claimed_until=NOON + 3 * MINUTE, claim="other", attempts=1)

    deliver_due(NOON + 2 * MINUTE, network.send)
    assert network.sent == []
    deliver_due(NOON + 4 * MINUTE, network.send)

    assert len(network.sent) == 1


def test_muted_incident_is_not_told(channel, device, network):
    alert = open_incident(device, NOON)
    site_rule = device.site.rules.get()
    course = incidents.Course(NOON, value=1, peak=1, last=1, last_at=NOON)
    site_alert = incidents.record(site_rule, course, NOON, message="Home: nothing is heard")
    Alert.objects.filter(pk=alert.pk).update(muted_by=site_alert)

    deliver_due(NOON + SOON, network.send)

    assert network.subjects == ["Home: nothing is heard · Home"]


@pytest.mark.django_db(transaction=True)
def test_processes_that_deliver_at_once_tell_it_once(owner, network):
    make_channel(owner, daily_cap=2)
    devices = [create_device(owner, f"Meter {number}")[0] for number in range(4)]
    for number, device in enumerate(devices):
        open_incident(device, NOON + number * MINUTE)
    # Each at a site of its own, so that they are no group.
    for number, row in enumerate(Notification.objects.order_by("pk")):
        Notification.objects.filter(pk=row.pk).update(group_key=f"apart-{number}")
    barrier = threading.Barrier(3)

    def deliver():
        barrier.wait(60)
        for _ in range(5):
            deliver_due(NOON + 5 * MINUTE, network.send)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    # And together they keep the channel's two a day.
    assert len(network.sent) == len({message.claim for message in network.sent}) == 2
    assert sorted(states()) == [("opened", "delivered")] * 2 + [("opened", "waiting")] * 2

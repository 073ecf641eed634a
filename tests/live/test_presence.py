"""Each device's newest reading, contact and status, for one and for many."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.signals import post_init

from stored import hear, store
from wattkeep.ledger.sealing import seal_due
from wattkeep.live.presence import Presence, presence_of, presences_of
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading, EnergySlot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def test_presence_of_a_new_device_is_never(device):
    assert presence_of(device, NOW) == Presence(None, None, "never")


def test_presence_has_the_newest_reading_whatever_came_last(device):
    newest = store(device, ago(5))
    store(device, ago(500))
    hear(device, ago(1))

    assert presence_of(device, NOW) == Presence(newest, ago(1), "online")


def test_presence_of_a_device_that_is_gone_keeps_its_last_reading(device):
    last = store(device, ago(86_400 * 30))

    assert presence_of(device, NOW) == Presence(last, ago(86_400 * 30), "offline")


def test_presence_of_a_device_whose_last_day_is_sealed_has_its_reading(device):
    last = store(device, ago(86_400 * 5), power=0.1 + 0.2)
    seal_due(NOW)

    assert not EnergyReading.objects.exists()
    found = presence_of(device, NOW)
    assert found == Presence(last, ago(86_400 * 5), "offline")
    assert found.latest.power == 0.1 + 0.2


def test_values_that_were_never_measured_are_none(device):
    EnergyReading.objects.create(device=device, timestamp=ago(5), energy=3.5)

    latest = presence_of(device, NOW).latest

    assert (latest.energy, latest.power, latest.voltage) == (3.5, None, None)


def test_presence_of_a_meter_that_stopped_is_silent(device):
    last = store(device, ago(600))
    hear(device, ago(8))

    assert presence_of(device, NOW) == Presence(last, ago(8), "silent")


def test_presences_of_many_agree_with_each_ones_own(owner):
    devices = [create_device(owner, name)[0] for name in ("a", "b", "c", "d", "e")]
    store(devices[0], ago(3))
    store(devices[1], ago(60))
    hear(devices[1], ago(2))
    store(devices[2], ago(119))
    store(devices[3], ago(9), power=1.0)
    store(devices[3], ago(4), power=2.0)

    together = presences_of(devices, NOW)

    assert {pk: presence.status for pk, presence in together.items()} == {
        device.pk: presence_of(device, NOW).status for device in devices
    }
    assert together[devices[3].pk].latest.power == 2.0


def test_presences_of_a_device_long_gone_are_offline_and_not_never(device):
    store(device, ago(86_400))

    assert presences_of([device], NOW)[device.pk] == Presence(None, ago(86_400), "offline")


def test_device_that_only_has_a_history_is_offline_and_not_never(owner):
    imported, new = (create_device(owner, name)[0] for name in ("Imported", "New"))
    EnergySlot.objects.create(device=imported, start=ago(400 * 86_400))

    found = presences_of([imported, new], NOW)

    assert [found[one.pk].status for one in (imported, new)] == ["offline", "never"]
    assert [presence_of(one, NOW).status for one in (imported, new)] == ["offline", "never"]


def test_presences_take_as_many_queries_however_many(owner, django_assert_num_queries):
    devices = [create_device(owner, f"Device {n}")[0] for n in range(3)]
    for device in devices:
        store(device, ago(9))
        store(device, ago(4))
    for number in (1, 3):
        with django_assert_num_queries(2):
            presences_of(devices[:number], NOW)
    with django_assert_num_queries(0):
        assert presences_of([], NOW) == {}


def test_presences_make_one_reading_of_the_many_a_device_sent(device):
    for second in range(100):
        store(device, ago(second))
    made = []

    def note(instance, **_):
        made.append(instance)

    post_init.connect(note, EnergyReading)
    try:
        latest = presences_of([device], NOW)[device.pk].latest
    finally:
        post_init.disconnect(note, EnergyReading)

    assert latest.timestamp == ago(0)
    assert len(made) == 1

"""Deleting a device: its name typed, and nothing of it left."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from stored import store, store_counter
from wattkeep.domain.instants import to_ms
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.sealing import seal_due
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.deletion import sweep_telemetry
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import (
    Alert,
    Correction,
    Device,
    DeviceBoot,
    EnergyReading,
    EnergySlot,
    KeyChange,
    LedgerMark,
    LedgerState,
    MeterEvent,
    ReadingBlock,
)

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLES = (
    EnergyReading, ReadingBlock, EnergySlot, MeterEvent, DeviceBoot, LedgerState, LedgerMark,
    Correction, Alert,
)  # fmt: skip


def fill(device):
    """Store something of this device in every table there is."""
    store_counter(device, *((START + n * HOUR, n / 10) for n in range(100)))
    update_device(device.pk, START + 100 * HOUR)
    seal_due(START + 70 * HOUR)
    store(device, START + 100 * HOUR)
    leave_mark(device.pk, to_ms(START))
    Correction.objects.create(device=device, start=START, end=START + HOUR, reason="x")
    Alert.objects.create(device=device, alert_type="HIGH_POWER", value=1, created_at=START)


def rows_of(device_id):
    return {table.__name__: table.objects.filter(device_id=device_id).count() for table in TABLES}


def delete(client, device_id, body):
    answer = client.delete(
        f"/api/v1/devices/{device_id}/", json.dumps(body), content_type="application/json"
    )
    return answer.status_code, answer.json() if answer.content else None


def test_device_goes_with_all_that_was_stored_of_it(as_owner, owner, device):
    shed = create_device(owner, "Shed", parent=device)[0]
    for one in (device, shed):
        fill(one)
    # More than one transaction deletes.
    later = START + 200 * HOUR
    store_counter(device, *((later + n * HOUR / 360, 11.0) for n in range(6000)))
    kept, device_id = rows_of(shed.pk), device.pk
    assert 0 not in kept.values()
    keys = KeyChange.objects.get().number

    assert delete(as_owner, device_id, {"name": "House"}) == (204, None)

    assert set(rows_of(device_id).values()) == {0}
    assert rows_of(shed.pk) == kept
    assert [one.parent for one in Device.objects.all()] == [None]
    assert KeyChange.objects.get().number > keys


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"name": "house"},
            "Type the device's name as it is written, 'House', to delete it for good.",
        ),
        ({"name": ""}, "This field may not be blank."),
        ({}, "This field is required."),
    ],
)
def test_nothing_goes_without_the_name(as_owner, device, body, words):
    fill(device)
    before = rows_of(device.pk)

    assert delete(as_owner, device.pk, body) == (400, {"name": [words]})

    assert rows_of(device.pk) == before
    device.refresh_from_db()
    assert device.is_active


def test_strangers_delete_nothing(as_stranger, nobody, device):
    assert delete(as_stranger, device.pk, {"name": "House"})[0] == 404
    assert delete(nobody, device.pk, {"name": "House"})[0] == 401
    assert Device.objects.filter(pk=device.pk).exists()


def test_deletion_that_was_interrupted_can_be_done_again(as_owner, device):
    fill(device)
    ReadingBlock.objects.all().delete()
    Device.objects.filter(pk=device.pk).update(is_active=False)

    assert delete(as_owner, device.pk, {"name": "House"})[0] == 204
    assert set(rows_of(device.pk).values()) == {0}


def test_rows_of_devices_that_are_gone_are_swept_away(device, owner):
    fill(device)
    lost = create_device(owner, "Lost")[0]
    fill(lost)
    kept, device_id = rows_of(device.pk), lost.pk
    lost.delete()
    store_counter(Device(pk=device_id + 7), (START, 1.0))

    assert sweep_telemetry() == [device_id, device_id + 7]

    assert set(rows_of(device_id).values()) == {0}
    assert rows_of(device.pk) == kept
    assert sweep_telemetry() == []

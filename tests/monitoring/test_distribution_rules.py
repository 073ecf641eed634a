"""What a distributed database asks of tables and statements; it costs nothing on one server."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from wattkeep.alerts.sweep import sweep
from wattkeep.ledger.due import due_apart, due_devices
from wattkeep.ledger.retention import apply_retention
from wattkeep.ledger.sealing import seal_due
from wattkeep.ledger.update import update_each_due
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device, DeviceBoot, EnergyReading
from wattkeep.moving.distributing import DISTRIBUTED

NAMES = {
    "EnergyReading",
    "ReadingBlock",
    "EnergySlot",
    "DeviceBoot",
    "MeterEvent",
}
TELEMETRY = [model for model in apps.get_app_config("monitoring").get_models()
             if model.__name__ in NAMES]  # fmt: skip
LOCAL = re.compile(r'"?\b(monitoring_device|monitoring_site|auth_user|monitoring_alert\w*)\b"?')
SPREAD = re.compile(rf'"?\b({"|".join(DISTRIBUTED)})\b"?')
PAGES = (
    "/",
    "/devices/",
    "/energy/",
    "/energy/?period=year",
    "/history/",
    "/history/figures/",
    "/insights/",
    "/alerts/",
    "/settings/",
    "/settings/storage/",
    "/api/v1/devices/",
    "/api/dashboard/{device}/",
    "/api/realtime/{device}/",
    "/devices/{device}/",
)


def test_all_telemetry_is_distributed():
    assert {model._meta.db_table for model in TELEMETRY} == set(DISTRIBUTED)


@pytest.mark.parametrize("model", TELEMETRY, ids=lambda one: one.__name__)
def test_each_key_contains_the_device(model):
    key = model._meta.pk
    assert isinstance(key, models.CompositePrimaryKey)
    assert key.field_names[0] == "device_id"
    assert all("device" in one.fields for one in model._meta.constraints)
    assert not any(field.unique for field in model._meta.concrete_fields if field is not key)


@pytest.mark.parametrize("model", TELEMETRY, ids=lambda one: one.__name__)
def test_devices_are_bigint_everywhere_without_a_constraint(model):
    field = model._meta.get_field("device")
    assert isinstance(Device._meta.pk, models.BigAutoField)
    assert field.db_constraint is False
    assert field.remote_field.on_delete is models.DO_NOTHING
    others = [one for one in model._meta.get_fields() if one.is_relation and one.name != "device"]
    assert others == []
    assert not any(one.is_relation and one.related_model is model and not one.auto_created
                   for other in apps.get_models() for one in other._meta.get_fields())  # fmt: skip


def test_a_device_has_no_column_that_changes_with_its_readings():
    columns = {field.name for field in Device._meta.concrete_fields}
    assert not columns & {"last_seen", "last_seq", "ahead", "latest", "uptime_s", "rssi_dbm"}


# Where telemetry is distributed two other statements stand in its place (`due_apart`).
ON_ONE_SERVER = "LEFT JOIN monitoring_ledgerstate AS state"


def _offences(captured):
    return [
        query["sql"]
        for query in captured
        if SPREAD.search(query["sql"])
        and LOCAL.search(query["sql"])
        and ON_ONE_SERVER not in query["sql"]
    ]


def test_no_statement_goes_from_devices_into_telemetry(as_owner, owner, device):
    create_device(owner, "Shed")
    now = timezone.now()
    DeviceBoot.objects.create(device=device, first_seen=now, last_seen=now)
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device,
            timestamp=now - timedelta(days=2) + timedelta(minutes=20 * number),
            voltage=230.0, current=1.0, power=230.0, energy=1 + number / 10,
            frequency=50.0, power_factor=1.0,
        )
        for number in range(140)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as captured:
        due = due_devices(now)
        assert due_apart(now) == due != []
        list(update_each_due(now))
        seal_due(now)
        sweep(datetime.now(UTC))
        apply_retention(now)
        for page in PAGES:
            answer = as_owner.get(page.format(device=device.pk))
            assert answer.status_code == 200, page

    assert len(captured) > 50
    assert _offences(captured) == []

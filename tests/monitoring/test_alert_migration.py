"""A database of before the rules: its devices get theirs, and what is open knows its rule."""

from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE, AFTER = [("monitoring", "0003_board")], [("monitoring", "0004_alerts")]
AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.fixture
def old(transactional_db):
    """Return the tables as they were; afterwards they are as they are."""
    executor = MigrationExecutor(connection)
    yield executor.migrate(BEFORE).apps
    call_command("migrate", verbosity=0)


def test_devices_get_rules_and_open_incidents_theirs(old):
    user = old.get_model("auth", "User").objects.create(username="ada")
    site = old.get_model("monitoring", "Site").objects.create(owner=user, name="Home")
    device = old.get_model("monitoring", "Device").objects.create(
        user=user, site=site, name="Boiler", key_hash=b"x" * 32, key_prefix="wk_x", range_w=2300
    )
    alerts = old.get_model("monitoring", "Alert").objects
    for is_resolved in (False, True):
        alerts.create(
            device=device,
            alert_type="HIGH_POWER",
            message="High power",
            value=6000,
            is_resolved=is_resolved,
            created_at=AT,
        )

    new = MigrationExecutor(connection).migrate(AFTER).apps

    rules = new.get_model("monitoring", "AlertRule").objects
    assert rules.filter(device_id=device.pk).count() == 12
    assert rules.filter(site_id=site.pk).count() == 1
    high = rules.get(device_id=device.pk, alert_type="HIGH_POWER")
    assert (high.threshold, high.is_default) == (2070, True)
    found = new.get_model("monitoring", "Alert").objects.order_by("is_resolved")
    assert [(one.rule_id, one.peak_value) for one in found] == [(high.pk, 6000), (None, None)]

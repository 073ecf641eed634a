"""Both statements that sum quarter-hours come to the same, on one server and on several."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from wattkeep.domain.instants import to_ms
from wattkeep.history import quarters
from wattkeep.ledger import each
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergySlot

START = datetime(2026, 3, 10, tzinfo=UTC)
EDGES = [to_ms(START + timedelta(hours=hours)) for hours in (-5, 0, 3, 7, 24, 90)]


@pytest.fixture
def known_anew():
    """Have it looked up whether readings are distributed, which is done once a process."""
    each._is_spread.cache_clear()
    yield
    each._is_spread.cache_clear()


@pytest.mark.django_db
@pytest.mark.parametrize("is_one", [True, False], ids=["one server", "several"])
def test_sums_of_periods(device, owner, is_one, known_anew):
    if not is_one:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE pg_dist_partition (logicalrelid regclass)")
            cursor.execute("INSERT INTO pg_dist_partition VALUES ('monitoring_energyreading')")
    other = create_device(owner, "Shed")[0]
    EnergySlot.objects.bulk_create(
        EnergySlot(device_id=pk, start=START + timedelta(minutes=15 * n), measured_mwh=pk + n)
        for pk in (device.pk, other.pk)
        for n in range(60)
    )

    found = quarters.sum_quarters([device.pk, other.pk], EDGES)

    expected = {
        (pk, EDGES[1 + place]): sum(pk + n for n in numbers)
        for pk in (device.pk, other.pk)
        for place, numbers in enumerate((range(12), range(12, 28), range(28, 60)))
    }
    assert {key: energy.measured_mwh for key, energy in found.items()} == expected
    asked = quarters.sum_quarters([device.pk, other.pk], EDGES, unasked=EDGES[2:3])
    kept = {key: energy for key, energy in asked.items() if key[1] != EDGES[2]}
    assert kept == {key: energy for key, energy in found.items() if key[1] != EDGES[2]}
    select = (
        "SELECT device_id, start FROM monitoring_energyslot"
        " WHERE device_id = %s AND start < %s ORDER BY start DESC LIMIT 2"
    )
    wanted = [(pk, each.At(EDGES[2])) for pk in (other.pk, device.pk)]
    rows = [(pk, to_ms(at)) for pk, at in each.fetch_each(select, wanted)]
    before = [EDGES[2] - 900_000, EDGES[2] - 1_800_000]
    assert rows == [(pk, at) for pk in (other.pk, device.pk) for at in before]

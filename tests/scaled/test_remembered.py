"""Remembered sums are those of the database, whatever changes, and are not added up again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stored import hear, store_counter
from wattkeep.domain.instants import to_ms
from wattkeep.history import remembered
from wattkeep.history.export import slots_csv
from wattkeep.history.quarters import sum_quarters
from wattkeep.history.remembered import remembered_sums
from wattkeep.ledger.update import update_due
from wattkeep.monitoring.devices import create_device

pytestmark = pytest.mark.django_db
T = datetime(2026, 11, 23, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EDGES = [to_ms(T + timedelta(hours=hour)) for hour in range(-1, 3)]


@pytest.fixture(autouse=True)
def _remembers(settings):
    settings.REMEMBERS_SUMS = True


@pytest.fixture
def devices(owner):
    return [create_device(owner, f"House {number}")[0] for number in range(3)]


def measure(devices, minute, kwh):
    for device in devices:
        store_counter(device, (T + minute * MINUTE, kwh))
        hear(device, T + minute * MINUTE)
    update_due(T + (minute + 1) * MINUTE)


def asked(devices):
    """Return the sums, and whether the slots were looked at."""
    ids = [device.pk for device in devices]
    with CaptureQueriesContext(connection) as queries:
        found = remembered_sums(ids, EDGES)
    assert found == sum_quarters(ids, EDGES)
    return found, any("energyslot" in query["sql"] for query in queries.captured_queries)


def test_sums_are_added_up_once_and_again_after_every_change(devices):
    measure(devices, 0, 10.0)
    measure(devices, 20, 10.5)

    first, was_added = asked(devices)
    second, was_added_again = asked(devices)
    measure(devices[:1], 40, 11.0)
    third, _ = asked(devices)
    _, others_were_added = asked(devices[1:])

    assert (was_added, was_added_again, others_were_added) == (True, False, False)
    assert first == second != third


def test_exported_quarter_hours_are_not_remembered(devices):
    measure(devices, 0, 10.0)
    measure(devices, 20, 10.5)
    counts = []

    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            lines = "".join(slots_csv(devices[0], T, T + timedelta(hours=2)))
        counts.append(len(queries))

    assert lines.count("\n") > 1
    assert counts[0] == counts[1]


def test_without_slots_there_is_nothing_and_it_is_not_asked_for_again(devices):
    measure(devices, 0, 10.0)
    later = [one + 30 * 86_400_000 for one in EDGES]
    ids = [device.pk for device in devices]

    assert remembered_sums(ids, later) == {}
    with CaptureQueriesContext(connection) as queries:
        assert remembered_sums(ids, later) == {}
    assert len(queries) == 1


def test_devices_the_ledger_has_not_seen_are_not_remembered(devices):
    assert asked(devices) == ({}, True)
    measure(devices, 0, 10.0)
    measure(devices, 20, 10.5)

    found, _ = asked(devices)

    assert len(found) == 3


def test_what_changes_while_it_is_added_up_is_not_remembered(devices, monkeypatch):
    measure(devices, 0, 10.0)

    def sum_late(*asked):
        measure(devices[:1], 20, 12.0)
        return sum_quarters(*asked)

    with monkeypatch.context() as patch:
        # Between the look at the version and the sums, as another process would.
        patch.setattr(remembered, "sum_quarters", sum_late)
        remembered_sums([device.pk for device in devices], EDGES)

    assert asked(devices)[1]
    assert asked(devices[1:]) == (sum_quarters([one.pk for one in devices[1:]], EDGES), False)


def test_the_number_of_queries_does_not_grow_with_devices(devices):
    measure(devices, 0, 10.0)
    counts = []
    for some in (devices[:1], devices):
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            remembered_sums([device.pk for device in some], EDGES)
        counts.append(len(queries))

    assert counts[0] == counts[1]

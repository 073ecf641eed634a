"""Curves from readings and from quarter-hours: never too many points, gaps as gaps."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stored import VALUES
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import SLOT_MS, Envelope
from wattkeep.history.series import UNITS, Point, series
from wattkeep.ledger.sealing import seal_due
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading, LedgerState, ReadingBlock

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
GAP = Envelope(None, None, None)


def store_power(device, start, powers, *, every_s=10):
    """Store readings that differ in power; the counter rises a watt-hour each time."""
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device,
            timestamp=start + n * every_s * SECOND,
            **{**VALUES, "power": power, "energy": (1000 + n) / 1000},
        )
        for n, power in enumerate(powers)
    )


def one(device, metric, start, end, points):
    [found] = series([device], metric, start, end, points)
    return found


def shown(found):
    return [(point.at_ms, *point.envelope) for point in found.points]


def test_five_minutes_are_their_readings(device):
    store_power(device, NOON, [100.0, 200.0, 300.0])

    found = one(device, "power", NOON, NOON + 5 * 60 * SECOND, 500)

    assert (found.source, found.step_ms) == ("readings", None)
    assert found.points == [
        Point(to_ms(NOON) + 10_000 * n, Envelope(watts, watts, watts))
        for n, watts in enumerate([100.0, 200.0, 300.0])
    ]


def test_end_of_the_span_is_not_in_it(device):
    store_power(device, NOON, [1.0, 2.0, 3.0])

    found = one(device, "power", NOON, NOON + 20 * SECOND, 500)

    assert [point.envelope.mean for point in found.points] == [1.0, 2.0]


def test_hour_in_few_points_has_min_mean_and_max_of_each(device):
    store_power(device, NOON, [float(n) for n in range(360)])

    found = one(device, "power", NOON, NOON + HOUR, 8)

    assert (found.source, found.step_ms) == ("readings", 450_000)
    assert shown(found) == [
        (to_ms(NOON) + n * 450_000, 45.0 * n, 45.0 * n + 22, 45.0 * n + 44) for n in range(8)
    ]


def test_gap_is_one_point_without_values(device):
    store_power(device, NOON, [1.0, 1.0])
    store_power(device, NOON + 20 * 60 * SECOND, [2.0])

    found = one(device, "power", NOON, NOON + HOUR, 500)

    assert [point.envelope.mean for point in found.points] == [1.0, 1.0, None, 2.0]


def test_gap_in_steps_is_one_point_without_values(device):
    store_power(device, NOON, [1.0] * 60)
    store_power(device, NOON + 30 * 60 * SECOND, [2.0] * 60)

    found = one(device, "power", NOON, NOON + HOUR, 60)

    means = [point.envelope.mean for point in found.points]
    assert means == [1.0] * 10 + [None] + [2.0] * 10


def test_slow_device_has_no_gaps_between_its_reports(device):
    device.interval_s = 600
    device.save()
    store_power(device, NOON, [1.0, 2.0, 3.0], every_s=600)

    found = one(device, "power", NOON, NOON + HOUR, 500)

    assert [point.envelope.mean for point in found.points] == [1.0, 2.0, 3.0]


def test_values_that_are_not_known_are_left_out(device):
    store_power(device, NOON, [1.0, None, 3.0])

    found = one(device, "power", NOON, NOON + HOUR, 500)

    assert [point.envelope.mean for point in found.points] == [1.0, 3.0]


@pytest.mark.parametrize("metric", UNITS)
def test_long_span_comes_from_quarter_hours_stored_or_not(device, metric):
    store_power(device, NOON, [float(n % 100) for n in range(720)])
    span = NOON - 20 * DAY, NOON + 10 * DAY
    before = one(device, metric, *span, 500)

    update_device(device.pk, NOON + 2 * HOUR)
    found = one(device, metric, *span, 500)

    assert (found.source, found.step_ms) == ("slots", 6 * SLOT_MS)
    # The counter's mean is that of each slot's last reading.
    assert np.allclose([p[1:] for p in shown(found)], [p[1:] for p in shown(before)], rtol=1e-12)
    assert {p[0] for p in shown(found)} == {p[0] for p in shown(before)}


def test_quarter_hours_say_the_same_as_their_readings(device):
    store_power(device, NOON, [float(n * 7919 % 3000) for n in range(720)])
    update_device(device.pk, NOON + 2 * HOUR)

    of_slots = one(device, "power", NOON, NOON + 2 * HOUR, 8)
    EnergyReading.objects.filter(timestamp__gte=NOON + 2 * HOUR).delete()
    powers = np.array([float(n * 7919 % 3000) for n in range(720)]).reshape(8, 90)

    assert of_slots.source == "slots"
    assert np.allclose(
        [p[1:] for p in shown(of_slots)],
        np.column_stack([powers.min(1), powers.mean(1), powers.max(1)]),
    )


def test_day_without_anything_is_a_gap_in_quarter_hours_too(device):
    store_power(device, NOON, [1.0] * 360)
    store_power(device, NOON + 3 * DAY, [2.0] * 360)

    found = one(device, "voltage", NOON - DAY, NOON + 5 * DAY, 10)

    means = [point.envelope.mean for point in found.points]
    assert [mean is None for mean in means] == [False, True, False]


def test_sealed_days_look_like_open_ones(device):
    store_power(device, NOON, [float(n) for n in range(720)])
    update_device(device.pk, NOON + 3 * HOUR)
    before = one(device, "power", NOON, NOON + 2 * HOUR, 100)

    seal_due(NOON + 5 * DAY)

    assert ReadingBlock.objects.count() == 1
    assert not EnergyReading.objects.exists()
    assert one(device, "power", NOON, NOON + 2 * HOUR, 100) == before


def test_span_whose_readings_are_gone_comes_from_quarter_hours(device):
    store_power(device, NOON, [5.0] * 360)
    update_device(device.pk, NOON + 3 * HOUR)
    EnergyReading.objects.all().delete()
    LedgerState.objects.update(raw_from=NOON + DAY)

    found = one(device, "power", NOON, NOON + HOUR, 500)

    assert (found.source, found.step_ms) == ("slots", SLOT_MS)
    assert [point.envelope for point in found.points] == [Envelope(5.0, 5.0, 5.0)] * 4


def test_counter_is_in_kwh(device):
    store_power(device, NOON, [1.0] * 90)
    update_device(device.pk, NOON + HOUR)

    short = one(device, "energy", NOON, NOON + 900 * SECOND, 1000)
    long = one(device, "energy", NOON, NOON + 30 * DAY, 100)

    assert (short.points[0].envelope, short.points[-1].envelope) == (
        Envelope(1.0, 1.0, 1.0),
        Envelope(1.089, 1.089, 1.089),
    )
    assert [point.envelope for point in long.points] == [Envelope(1.089, 1.089, 1.089)]


def test_nothing_stored_has_no_points(device):
    assert one(device, "power", NOON, NOON + HOUR, 500).points == []
    assert one(device, "power", NOON, NOON + 300 * DAY, 500).points == []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    at=st.lists(st.integers(0, 200_000), min_size=1, max_size=60, unique=True),
    first=st.integers(0, 100_000),
    length=st.integers(1, 40 * 86_400_000),
    points=st.integers(1, 100),
)
def test_never_more_points_than_asked_and_none_outside(device, at, first, length, points):
    EnergyReading.objects.all().delete()
    EnergyReading.objects.bulk_create(
        EnergyReading(device=device, timestamp=NOON + second * SECOND, **VALUES) for second in at
    )
    start_ms = to_ms(NOON) + first * 1000
    span = from_ms(start_ms), from_ms(start_ms + length)
    inside = [s for s in at if first * 1000 <= s * 1000 < first * 1000 + length]

    found = one(device, "voltage", *span, points)

    assert len(found.points) <= points
    slack = 0 if found.source == "readings" else SLOT_MS
    assert all(start_ms - slack <= p.at_ms < start_ms + length + slack for p in found.points)
    if found.source == "readings":
        assert bool(inside) == bool(found.points)
    if inside:
        assert {p.envelope.mean for p in found.points} - {None} == {VALUES["voltage"]}


def test_number_of_queries_for_long_spans_does_not_grow_with_devices(device, owner):
    devices = [device, create_device(owner, "Shed")[0], create_device(owner, "Attic")[0]]
    counts = []
    for some in (devices[:1], devices):
        with CaptureQueriesContext(connection) as queries:
            found = series(some, "power", NOON - 30 * DAY, NOON, 500)
        counts.append(len(queries))
        assert [one.device_id for one in found] == [one.pk for one in some]

    assert counts[0] == counts[1]

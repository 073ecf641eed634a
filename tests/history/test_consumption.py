"""Stored counters read back as kWh per period, by the hour and by the day."""

import lzma
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stored import store_counter
from wattkeep.domain.calendar import By
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import SLOT_MS
from wattkeep.history.consumption import Energy, consumption, recent_use, used_between
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading, EnergySlot, LedgerState, MeterEvent
from wattkeep.sim.formats import read_samples

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 11, 22, 23, tzinfo=UTC)  # in Paris, 23 November
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")


def store_steady(device, start, end, *, kw=0.6, first_kwh=100.0):
    """Store a reading a minute of a constant load."""
    count = round((end - start) / MINUTE)
    store_counter(
        device,
        *((start + n * MINUTE, round(first_kwh + kw * n / 60, 3)) for n in range(count + 1)),
    )


def rounded(pairs):
    return [(what, round(kwh, 6)) for what, kwh in pairs]


def used_kwh(device, edges, **options):
    return [one.total_mwh / 1e6 for one in used_between([device], edges, **options)[device.pk]]


def hours_of_today(device, now):
    return recent_use(device, now, 1).hours


def finished_days(device, now, count):
    return recent_use(device, now, count + 1).days[:-1]


@pytest.fixture(params=["unfolded", "folded", "half folded"])
def fold(request, monkeypatch):
    """Have the ledger run, or not yet, or only over the first half of what is stored."""

    def run(device):
        readings = EnergyReading.objects.filter(device=device).order_by("timestamp")
        if request.param == "unfolded" or not readings:
            return
        if request.param == "half folded":
            later = list(readings[len(readings) // 2 :])
            EnergyReading.objects.filter(timestamp__gte=later[0].timestamp, device=device).delete()
            update_device(device.pk, later[0].timestamp)
            EnergyReading.objects.bulk_create(later)
        else:
            update_device(device.pk, readings.last().timestamp)

    return run


def test_energy_is_told_interval_by_interval(device, fold):
    store_steady(device, MIDNIGHT, MIDNIGHT + 2 * HOUR)
    fold(device)
    edges = [MIDNIGHT + timedelta(minutes=m) for m in (0, 30, 45, 120, 180)]

    assert used_kwh(device, edges) == [0.3, 0.15, 0.75, 0]


def test_energy_of_a_quarter_between_two_readings_comes_from_both_sides(device, fold):
    store_counter(device, (MIDNIGHT - MINUTE, 1.0), (MIDNIGHT + 3 * MINUTE, 1.08))
    fold(device)

    edges = [MIDNIGHT - QUARTER, MIDNIGHT, MIDNIGHT + QUARTER]
    assert used_kwh(device, edges) == [0.02, 0.06]


def test_reset_just_before_the_interval_is_understood(device, fold):
    points = [(MIDNIGHT + n * MINUTE, 50 + n / 100) for n in range(-10, -3)]
    points += [(MIDNIGHT + n * MINUTE, (n + 3) / 100) for n in range(-3, 10)]
    store_counter(device, *points)
    fold(device)

    assert used_kwh(device, [MIDNIGHT, MIDNIGHT + QUARTER]) == [0.09]


def test_reset_just_after_the_interval_is_confirmed_by_what_follows(device, fold):
    points = [(MIDNIGHT + n * MINUTE, 50 + n / 100) for n in range(15)]
    points += [(MIDNIGHT + n * MINUTE, (n - 14) / 100) for n in range(15, 20)]
    store_counter(device, *points)
    fold(device)

    assert used_kwh(device, [MIDNIGHT, MIDNIGHT + QUARTER]) == [0.15]


def test_other_devices_readings_do_not_count(device, owner, fold):
    shed = create_device(owner, "Shed")[0]
    store_steady(shed, MIDNIGHT, MIDNIGHT + 2 * HOUR, kw=3)
    fold(shed)

    assert used_kwh(device, [MIDNIGHT, MIDNIGHT + 2 * HOUR]) == [0]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(st.integers(5, 1500), st.sampled_from([0, 1, 2, 30, -3, -9, 400, -60_000])),
        min_size=2,
        max_size=40,
    ),
    folded=st.integers(0, 40),
)
def test_figures_are_the_same_before_and_after_the_ledger_has_run(device, steps, folded):
    EnergyReading.objects.all().delete()
    EnergySlot.objects.all().delete()
    MeterEvent.objects.all().delete()
    LedgerState.objects.all().delete()
    at, wh, points = MIDNIGHT, 70_000, []
    for seconds, rise in steps:
        at, wh = at + timedelta(seconds=seconds), max(0, wh + rise)
        points.append((at, wh / 1000))
    if points[:folded]:
        store_counter(device, *points[:folded])
        update_device(device.pk, points[:folded][-1][0])
    store_counter(device, *points[folded:])
    edges = [from_ms(to_ms(MIDNIGHT) + n * SLOT_MS) for n in range(-1, 70)]

    before = used_between([device], edges)
    update_device(device.pk, at)

    assert used_between([device], edges) == before


def test_hours_of_today_are_those_that_have_begun(device):
    store_steady(device, MIDNIGHT - HOUR, MIDNIGHT + 2 * HOUR)

    hours = hours_of_today(device, MIDNIGHT + 2 * HOUR + MINUTE)

    assert rounded(hours) == [
        (MIDNIGHT, 0.6),
        (MIDNIGHT + HOUR, 0.6),
        (MIDNIGHT + 2 * HOUR, 0),
    ]


def test_hours_of_today_at_midnight_are_one(device):
    assert hours_of_today(device, MIDNIGHT) == [(MIDNIGHT, 0)]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", "2026-03-29", 23),
        ("Europe/Paris", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-04-05", 25),
        ("Asia/Kathmandu", "2026-11-23", 24),
        ("Africa/Cairo", "2026-04-24", 23),
    ],
)
def test_hours_of_a_whole_day_add_up_to_the_day(device, zone, day, hours):
    device.site.time_zone = zone
    device.site.save()
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=device.site.zone).astimezone(UTC)
    store_steady(device, noon - timedelta(hours=20), noon + timedelta(hours=20), kw=2)
    late = datetime.fromisoformat(f"{day}T23:45").replace(tzinfo=device.site.zone).astimezone(UTC)

    found = hours_of_today(device, late)
    [(_, kwh)] = finished_days(device, noon + DAY, 1)

    assert len(found) == hours
    assert round(sum(used for _, used in found), 6) == round(kwh, 6)


def test_finished_days_are_the_ones_before_today_oldest_first(device):
    store_steady(device, MIDNIGHT - timedelta(days=2), MIDNIGHT + 5 * HOUR, kw=1)

    days = finished_days(device, MIDNIGHT + 5 * HOUR, 3)

    assert rounded(days) == [
        (date(2026, 11, 20), 0),
        (date(2026, 11, 21), 24),
        (date(2026, 11, 22), 24),
    ]


def test_late_readings_show_when_the_ledger_has_run(device):
    now = MIDNIGHT + HOUR
    store_counter(device, (MIDNIGHT - 60 * MINUTE, 1.0), (MIDNIGHT - 58 * MINUTE, 1.1))
    update_device(device.pk, now)
    before = finished_days(device, now, 1)

    store_counter(device, (MIDNIGHT - MINUTE, 3.0))
    at_once = finished_days(device, now, 1)

    assert (before[0][1], rounded(at_once)[0][1]) == (0.1, 2)


def test_another_time_zone_shows_at_once(device):
    store_steady(device, MIDNIGHT - DAY, MIDNIGHT, kw=1)
    now = MIDNIGHT + 2 * HOUR
    paris = finished_days(device, now, 1)

    device.site.time_zone = "UTC"

    assert rounded(paris) == [(date(2026, 11, 22), 24)]
    assert rounded(finished_days(device, now, 1)) == [(date(2026, 11, 22), 23)]


def test_day_of_a_real_household_is_the_data_sets_to_one_watt_hour(device, tmp_path):
    packed = files("wattkeep.sim").joinpath("data/household-2007-12.txt.xz").read_bytes()
    header, *rows = lzma.decompress(packed).decode().splitlines()
    day = tmp_path / "day.txt"
    day.write_text("\n".join([header, *rows[1440:2880]]))
    expected_kwh = sum(float(row.split(";")[2]) for row in rows[1440:2880]) / 60
    samples = list(read_samples(day))
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device,
            timestamp=datetime.fromtimestamp(sample.timestamp_ms / 1000, UTC),
            **{name: getattr(sample, name) for name in ("voltage", "current", "power", "energy")},
            frequency=sample.frequency,
            power_factor=sample.power_factor,
        )
        for sample in samples
    )
    start = datetime.fromtimestamp(samples[0].timestamp_ms / 1000, UTC)

    [kwh] = used_kwh(device, [start, start + DAY])

    assert len(samples) == 1441
    assert abs(kwh - expected_kwh) < 0.001


@pytest.mark.parametrize(
    ("by", "start", "end", "edges"),
    [
        ("quarter", "2026-11-23T10:00", "2026-11-23T10:30", ["10:00", "10:15", "10:30"]),
        ("quarter", "2026-11-23T10:05", "2026-11-23T10:20", ["10:00", "10:15", "10:30"]),
        ("hour", "2026-11-23T10:30", "2026-11-23T12:00", ["10:30", "11:00", "12:00"]),
        ("day", "2026-11-23T10:00", "2026-11-25T00:00", ["10:00", "24 23:00", "25 00:00"]),
        ("month", "2026-11-23T10:00", "2026-12-02T00:00", ["10:00", "30 23:00", "02 00:00"]),
    ],
)
def test_periods_are_those_of_the_wall_clock_cut_to_the_span(device, by, start, end, edges):
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))

    found = consumption([device], first, last, By(by), PARIS)

    shown = [f"{edge:%d %H:%M}" for edge in found.edges]
    if by == "day":
        shown = shown[:1] + shown[-2:]
    assert [text.endswith(edge) for text, edge in zip(shown, edges, strict=True)] == [True] * 3


def test_parts_that_are_estimated_are_told_apart_and_the_gap_is_named(device, fold):
    store_counter(
        device,
        (MIDNIGHT, 1.0),
        (MIDNIGHT + 2 * MINUTE, 1.01),
        (MIDNIGHT + 62 * MINUTE, 1.61),
        (MIDNIGHT + 64 * MINUTE, 1.62),
    )
    fold(device)
    update_device(device.pk, MIDNIGHT + 64 * MINUTE)

    found = consumption([device], MIDNIGHT, MIDNIGHT + 2 * HOUR, By.HOUR, PARIS)

    assert found.by_device[device.pk] == [
        Energy(10_000, 580_000),
        Energy(10_000, 20_000),
    ]
    assert found.events == [("gap",), ("gap",)]
    assert found.total(device.pk) == Energy(20_000, 600_000)


def test_number_of_queries_does_not_grow_with_devices_or_periods(device, owner):
    devices = [device, create_device(owner, "Shed")[0], create_device(owner, "Attic")[0]]
    for one in devices:
        store_steady(one, MIDNIGHT, MIDNIGHT + HOUR)
        update_device(one.pk, MIDNIGHT + HOUR)
        store_steady(one, MIDNIGHT + HOUR + MINUTE, MIDNIGHT + 2 * HOUR, first_kwh=100.61)
    counts = []
    for some, by in ((devices[:1], By.DAY), (devices, By.QUARTER)):
        with CaptureQueriesContext(connection) as queries:
            found = consumption(some, MIDNIGHT - 3 * DAY, MIDNIGHT + DAY, by, PARIS)
        counts.append(len(queries))
        assert {found.total(one.pk).total_mwh for one in some} == {1_200_000}

    assert counts[0] == counts[1] <= 8


def test_no_devices_have_used_nothing():
    found = consumption([], MIDNIGHT, MIDNIGHT + DAY, By.DAY, PARIS)

    assert (found.by_device, found.events) == ({}, [()])

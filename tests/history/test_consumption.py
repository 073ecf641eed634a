"""Stored counters read back as kWh per interval, hour and day."""

import lzma
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise

import pytest
from django.core.cache import cache

from stored import store_counter
from wattkeep.history.consumption import energy_used_kwh, finished_days, hours_of_today
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading
from wattkeep.sim.formats import read_samples

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 11, 22, 23, tzinfo=UTC)  # in Paris, 23 November
MINUTE = timedelta(minutes=1)


def store_steady(device, start, end, *, kw=0.6, first_kwh=100.0):
    """Store a reading a minute of a constant load."""
    count = round((end - start) / MINUTE)
    store_counter(
        device,
        *((start + n * MINUTE, round(first_kwh + kw * n / 60, 3)) for n in range(count + 1)),
    )


def rounded(pairs):
    return [(what, round(kwh, 6)) for what, kwh in pairs]


def test_energy_is_told_interval_by_interval(device):
    store_steady(device, MIDNIGHT, MIDNIGHT + timedelta(hours=2))
    edges = [MIDNIGHT + timedelta(minutes=m) for m in (0, 30, 45, 120, 180)]

    used = energy_used_kwh(device, edges)

    assert [round(kwh, 6) for kwh in used] == [0.3, 0.15, 0.75, 0]


def test_energy_of_an_interval_between_two_readings_comes_from_both_sides(device):
    store_counter(device, (MIDNIGHT, 1.0), (MIDNIGHT + 4 * MINUTE, 1.08))

    used = energy_used_kwh(device, [MIDNIGHT + MINUTE, MIDNIGHT + 2 * MINUTE])

    assert [round(kwh, 9) for kwh in used] == [0.02]


def test_intervals_side_by_side_count_nothing_twice_and_leave_nothing_out(device):
    store_steady(device, MIDNIGHT, MIDNIGHT + timedelta(hours=6), kw=1.234)
    cuts = [MIDNIGHT + timedelta(seconds=s) for s in range(0, 6 * 3600 + 1, 1234)]
    cuts.append(MIDNIGHT + timedelta(hours=6))

    apart = sum(energy_used_kwh(device, [a, b])[0] for a, b in pairwise(cuts))

    assert round(apart, 6) == round(sum(energy_used_kwh(device, cuts)), 6) == 7.404


def test_reset_just_before_the_interval_is_understood(device):
    points = [(MIDNIGHT + n * MINUTE, 50 + n / 100) for n in range(-10, -3)]
    points += [(MIDNIGHT + n * MINUTE, (n + 3) / 100) for n in range(-3, 10)]
    store_counter(device, *points)

    used = energy_used_kwh(device, [MIDNIGHT, MIDNIGHT + 9 * MINUTE])

    assert [round(kwh, 6) for kwh in used] == [0.09]


def test_reset_just_after_the_interval_is_confirmed_by_what_follows(device):
    points = [(MIDNIGHT + n * MINUTE, 50 + n / 100) for n in range(10)]
    points += [(MIDNIGHT + n * MINUTE, (n - 9) / 100) for n in range(10, 15)]
    store_counter(device, *points)

    used = energy_used_kwh(device, [MIDNIGHT, MIDNIGHT + 10 * MINUTE])

    assert [round(kwh, 6) for kwh in used] == [0.1]


def test_other_devices_readings_do_not_count(device, owner):
    store_steady(create_device(owner, "Shed")[0], MIDNIGHT, MIDNIGHT + timedelta(hours=2), kw=3)

    assert energy_used_kwh(device, [MIDNIGHT, MIDNIGHT + timedelta(hours=2)]) == [0]


def test_hours_of_today_are_those_that_have_begun(device):
    store_steady(device, MIDNIGHT - timedelta(hours=1), MIDNIGHT + timedelta(hours=2))

    hours = hours_of_today(device, MIDNIGHT + timedelta(hours=2, minutes=1))

    assert rounded(hours) == [
        (MIDNIGHT, 0.6),
        (MIDNIGHT + timedelta(hours=1), 0.6),
        (MIDNIGHT + timedelta(hours=2), 0),
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
    [(_, kwh)] = finished_days(device, noon + timedelta(days=1), 1)

    assert len(found) == hours
    assert round(sum(used for _, used in found), 6) == round(kwh, 6)


def test_finished_days_are_the_ones_before_today_oldest_first(device):
    store_steady(device, MIDNIGHT - timedelta(days=2), MIDNIGHT + timedelta(hours=5), kw=1)

    days = finished_days(device, MIDNIGHT + timedelta(hours=5), 3)

    assert rounded(days) == [
        (date(2026, 11, 20), 0),
        (date(2026, 11, 21), 24),
        (date(2026, 11, 22), 24),
    ]


def test_late_readings_of_a_finished_day_show_when_the_cache_has_let_go(device):
    now = MIDNIGHT + timedelta(hours=1)
    store_counter(device, (MIDNIGHT - 60 * MINUTE, 1.0))
    before = finished_days(device, now, 1)

    store_counter(device, (MIDNIGHT - MINUTE, 3.0))
    cache.clear()

    assert (before[0][1], round(finished_days(device, now, 1)[0][1], 6)) == (0, 2)


def test_another_time_zone_shows_at_once(device):
    store_steady(device, MIDNIGHT - timedelta(days=1), MIDNIGHT, kw=1)
    now = MIDNIGHT + timedelta(hours=2)
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

    [kwh] = energy_used_kwh(device, [start, start + timedelta(days=1)])

    assert len(samples) == 1441
    assert abs(kwh - expected_kwh) < 0.001

"""Where a day and a month stand, and a day's extremes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from stored import store, store_counter
from wattkeep.domain.corrections import Energy
from wattkeep.history.standing import Extremes, Moments, Standing, extremes, moments, standings
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device

PARIS = ZoneInfo("Europe/Paris")


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(
            utc(2026, 11, 23, 10, 8),
            Moments(
                today=utc(2026, 11, 22, 23),
                month=utc(2026, 10, 31, 23),
                end=utc(2026, 11, 23, 10, 15),
                before=utc(2026, 9, 30, 22),
                before_end=utc(2026, 10, 23, 9, 15),
            ),
            id="the clock changed in between",
        ),
        pytest.param(
            utc(2026, 3, 31, 12),
            Moments(
                today=utc(2026, 3, 30, 22),
                month=utc(2026, 2, 28, 23),
                end=utc(2026, 3, 31, 12),
                before=utc(2026, 1, 31, 23),
                before_end=utc(2026, 2, 28, 23),
            ),
            id="the month before is shorter: all of it",
        ),
        pytest.param(
            utc(2026, 1, 1, 0),
            Moments(
                today=utc(2025, 12, 31, 23),
                month=utc(2025, 12, 31, 23),
                end=utc(2026, 1, 1, 0),
                before=utc(2025, 11, 30, 23),
                before_end=utc(2025, 12, 1, 0),
            ),
            id="the year's first day",
        ),
    ],
)
def test_moments_are_those_of_the_sites_clock(now, expected):
    assert moments(now, PARIS) == expected


NOW = utc(2026, 11, 3, 12)


@pytest.mark.django_db
def test_standing_sums_today_the_month_and_the_month_before_to_the_same_moment(device):
    store_counter(
        device,
        (utc(2026, 9, 30, 22), 0.0),
        (utc(2026, 9, 30, 22, 1), 0.1),
        (utc(2026, 10, 3, 10, 59), 0.1),
        (utc(2026, 10, 3, 11, 20), 0.15),  # after the moment
        (utc(2026, 11, 1, 8), 0.15),
        (utc(2026, 11, 1, 8, 1), 0.35),
        (utc(2026, 11, 3, 8), 0.35),
        (utc(2026, 11, 3, 8, 1), 0.4),
    )
    update_device(device.pk, NOW)

    found = standings([device], NOW, PARIS)[device.pk]

    # What the days without a reading would have used is estimated, and told apart.
    assert (found.today.measured_mwh, found.month.measured_mwh) == (50_000, 250_000)
    assert found.month_before is not None
    assert found.month_before.measured_mwh == 100_000


@pytest.mark.django_db
def test_standing_without_the_whole_month_before_is_not_compared(device):
    store_counter(device, (utc(2026, 10, 5), 0.0), (utc(2026, 10, 5, 0, 1), 1.0))
    update_device(device.pk, NOW)

    assert standings([device], NOW, PARIS) == {device.pk: Standing(Energy(), Energy(), None)}


@pytest.mark.django_db
def test_standings_ask_as_often_for_three_as_for_one(owner, device, django_assert_max_num_queries):
    devices = [device, *(create_device(owner, name)[0] for name in ("A", "B"))]

    with django_assert_max_num_queries(8):
        assert len(standings(devices, NOW, PARIS)) == 3


@pytest.mark.django_db
def test_extremes_are_those_of_stored_and_of_new_readings(device):
    store(device, utc(2026, 11, 3, 8), power=100.0, voltage=221.0)
    store(device, utc(2026, 11, 3, 8, 1), power=900.0, voltage=231.0)
    update_device(device.pk, utc(2026, 11, 3, 8, 2))
    store(device, utc(2026, 11, 3, 9), power=50.0, voltage=229.0)
    store(device, utc(2026, 11, 2, 9), power=5000.0)  # yesterday

    found = extremes(device, utc(2026, 11, 2, 23), NOW)

    assert found["power"] == Extremes(50.0, 900.0)
    assert found["voltage"] == Extremes(221.0, 231.0)


@pytest.mark.django_db
def test_extremes_of_nothing_are_none(device):
    assert extremes(device, utc(2026, 11, 2, 23), NOW)["power"] == Extremes(None, None)

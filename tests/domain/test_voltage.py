"""The mains' quality, from readings made up for it."""

import numpy as np
import pytest

from wattkeep.domain.voltage import (
    TEN_MINUTES_MS,
    Excursion,
    Extent,
    guess_nominal,
    voltage_quality,
)

START = 1_790_000_000_000 // TEN_MINUTES_MS * TEN_MINUTES_MS


def quality(volts, hertz=50.0, nominal_v=230, interval_s=10, at=None):
    values = np.array(volts, np.float64)
    if at is None:
        at = START + np.arange(len(values), dtype=np.int64) * interval_s * 1000
    return voltage_quality(
        np.asarray(at, np.int64), values, np.full(len(values), hertz), nominal_v, interval_s
    )


def test_means_are_over_ten_minutes():
    found = quality([228.0] * 60 + [232.0] * 60)

    assert (found.means, found.means_within, found.share) == (2, 2, 1.0)
    assert found.voltage == Extent(228.0, 230.0, 232.0)


@pytest.mark.parametrize(
    ("volts", "within"),
    [(207.0, 1), (206.9, 0), (253.0, 1), (253.1, 0)],
)
def test_band_is_ten_percent_and_its_edge_is_in_it(volts, within):
    assert quality([volts] * 60).means_within == within


def test_short_sag_is_in_the_list_though_the_mean_is_good():
    found = quality([230.0] * 20 + [200.0, 195.0, 205.0] + [230.0] * 37)

    assert (found.means, found.means_within) == (1, 1)
    assert found.sags == [Excursion(START + 190_000, START + 220_000, 195.0)]
    assert found.sags[0].seconds == 30
    assert found.swells == []


def test_swell_tells_its_highest():
    found = quality([230.0] * 30 + [256.0, 260.0] + [230.0] * 28)

    assert [(one.seconds, one.extreme_v) for one in found.swells] == [(20, 260.0)]


def test_sags_around_a_gap_are_two():
    at = [START, START + 10_000, START + 300_000, START + 310_000]

    assert [one.seconds for one in quality([200.0] * 4, at=at).sags] == [20, 20]


def test_ten_minutes_with_few_readings_have_no_mean():
    found = quality([230.0] * 60 + [100.0] * 29)

    assert found.means == 1
    assert len(found.sags) == 1


def test_slow_devices_have_means_too():
    assert quality([230.0] * 6, interval_s=600).means == 6


def test_frequency_band_is_one_percent():
    found = voltage_quality(
        START + np.arange(4) * 10_000,
        np.full(4, 230.0),
        np.array([49.4, 49.5, 50.5, np.nan]),
        230,
        10,
    )

    assert found.nominal_hz == 50
    assert found.frequency == Extent(49.4, pytest.approx(149.4 / 3), 50.5)
    assert found.frequency_share == pytest.approx(2 / 3)


def test_unknown_values_are_left_out():
    found = quality([np.nan] * 60, hertz=np.nan)

    assert (found.means, found.share, found.voltage) == (0, None, None)
    assert (found.nominal_hz, found.frequency, found.frequency_share) == (None, None, None)
    assert quality([]).sags == []


@pytest.mark.parametrize(
    ("volts", "nominal_v"), [(101, 100), (118, 120), (127, 120), (224, 230), (241, 230)]
)
def test_nominal_is_guessed(volts, nominal_v):
    assert guess_nominal(np.array([volts, np.nan, volts])) == nominal_v
    assert guess_nominal(np.array([np.nan])) is None

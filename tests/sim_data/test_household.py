"""The packaged two weeks, their repetition as history, and the live line that follows."""

from __future__ import annotations

import csv
import importlib.resources
import io
import itertools
import lzma
import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattkeep.domain.uci import Minute
from wattkeep.sim.formats import meter_minutes
from wattkeep.sim.household import Household, frequency_hz, load_sample

WEEK_S = 7 * 86_400
# A Wednesday, 09:25:40 UTC.
NOW = datetime(2026, 11, 25, 9, 25, 40, tzinfo=UTC).timestamp()
LAST_MINUTE_S = int(NOW) - 40
CET = timezone(timedelta(hours=1))


@pytest.fixture(scope="module")
def household() -> Household:
    return load_sample()


@pytest.fixture(scope="module")
def raw_rows() -> list[dict[str, str]]:
    """The sample as text, read without any of our code."""
    packed = importlib.resources.files("wattkeep.sim") / "data" / "household-2007-12.txt.xz"
    text = lzma.decompress(packed.read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def counter_wh(sample) -> int:
    return round(sample.energy * 1000)


def test_sample_is_two_whole_weeks_from_a_monday(household):
    starts = [row.start_s for row in household.rows]

    assert len(starts) == 20_160
    assert datetime.fromtimestamp(starts[0], CET) == datetime(2007, 12, 3, tzinfo=CET)
    assert starts == list(range(starts[0], starts[0] + 2 * WEEK_S, 60))


def test_sample_is_lively(household):
    assert sum(row.active_mw > 5_000_000 for row in household.rows) == 506
    assert max(row.active_mw for row in household.rows) == 9_224_000
    assert sum(row.active_mw for row in household.rows) // 60_000 == 495_022


def test_sample_daily_energy_is_the_data_sets(household, raw_rows):
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for row in raw_rows:
        expected[row["Date"]] += Decimal(row["Global_active_power"]) * 1000 / 60

    samples = list(meter_minutes(household.rows))

    days = [samples[n * 1440 : (n + 1) * 1440 + 1] for n in range(14)]
    used_wh = [counter_wh(day[-1]) - counter_wh(day[0]) for day in days]
    assert len(expected) == 14
    assert all(len(day) == 1441 for day in days)
    assert all(
        abs(used - exact) < 1 for used, exact in zip(used_wh, expected.values(), strict=True)
    )


def test_history_has_a_reading_a_minute_up_to_now(household):
    history = household.history(NOW, 14)

    stamps = [one.timestamp_ms for one in history]
    assert len(stamps) == 14 * 1440 + 1
    assert stamps[-1] == LAST_MINUTE_S * 1000
    assert stamps == list(range(stamps[0], stamps[-1] + 1, 60_000))


@pytest.mark.parametrize(("until", "last_s"), [(120.0, 60), (120.001, 120), (179.9, 120)])
def test_history_ends_before_the_moment_given(household, until, last_s):
    assert household.history(until, 1)[-1].timestamp_ms == last_s * 1000


def test_history_of_no_days_is_one_reading(household):
    [only] = household.history(NOW, 0, base_wh=77)

    assert (only.timestamp_ms, only.energy) == (LAST_MINUTE_S * 1000, 0.077)


def test_history_refuses_negative_days(household):
    with pytest.raises(ValueError, match="days must not be negative: -1"):
        household.history(NOW, -1)


@pytest.mark.parametrize("utc_offset_s", [0, 3_600, -5 * 3_600, 20_700])
def test_history_keeps_weekday_and_local_minute(household, raw_rows, utc_offset_s):
    zone = timezone(timedelta(seconds=utc_offset_s))
    powers = {}
    for row in raw_rows:
        start = datetime.strptime(f"{row['Date']} {row['Time']}", "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007
        key = (start.weekday(), start.hour, start.minute)
        powers.setdefault(key, set()).add(round(float(row["Global_active_power"]) * 1000, 1))

    history = household.history(NOW, 15, utc_offset_s=utc_offset_s)

    for sample in history[1:]:
        begin = datetime.fromtimestamp(sample.timestamp_ms / 1000 - 60, zone)
        assert sample.power in powers[begin.weekday(), begin.hour, begin.minute]


def test_history_repeats_the_two_weeks(household):
    history = household.history(NOW, 30)

    powers = [one.power for one in history[1:]]
    assert powers[20_160:] == powers[: len(powers) - 20_160]
    assert history[0].power == history[1].power


def test_history_is_one_curve_however_it_is_cut(household):
    long = {one.timestamp_ms: one for one in household.history(NOW, 3)}

    later = household.history(NOW + 7_200, 2)

    # The first reading of a history borrows its minute, and the counter depends on the start.
    for one in later[1:]:
        if known := long.get(one.timestamp_ms):
            assert (one.power, one.voltage, one.frequency) == (
                known.power,
                known.voltage,
                known.frequency,
            )


@settings(deadline=None, max_examples=25)
@given(
    until=st.integers(1_577_836_800, 1_900_000_000),
    offset_min=st.integers(-12 * 60, 14 * 60),
    base_wh=st.integers(0, 1_000_000),
)
def test_history_counter_follows_the_powers(household, until, offset_min, base_wh):
    history = household.history(until, 1, base_wh, offset_min * 60)

    used = 0.0
    assert counter_wh(history[0]) == base_wh
    for sample in history[1:]:
        used += sample.power / 60
        assert abs(counter_wh(sample) - base_wh - used) < 1 + 1e-6


def test_history_counter_starts_again_past_the_meters_last_number(household):
    history = household.history(NOW, 1, base_wh=9_999_000)

    counters = [counter_wh(one) for one in history]
    turned = [n for n in range(1, 1441) if counters[n] < counters[n - 1]]
    assert len(turned) == 1
    assert max(counters) <= 9_999_999
    used_wh = household.energy_wh(LAST_MINUTE_S - 86_400, LAST_MINUTE_S)
    assert abs((counters[-1] - counters[0]) % 10_000_000 - used_wh) < 1


def test_history_values_fit_each_other_and_the_meter(household):
    for one in household.history(NOW, 14):
        assert 220 < one.voltage < 255
        assert 0 < one.power < 10_000
        assert 0 < one.power_factor <= 1
        # Voltage and power factor are shown in steps; at 5 % of slack this is about gross errors.
        assert one.voltage * one.current * one.power_factor == pytest.approx(one.power, rel=0.05)


def test_frequency_wanders_as_a_grids_does(household):
    values = [frequency_hz(NOW + n) for n in range(0, 86_400, 7)]

    assert 49.8 < min(values) < 49.95
    assert 50.05 < max(values) < 50.2
    assert abs(sum(values) / len(values) - 50) < 0.01
    assert {one.frequency for one in household.history(NOW, 1)} == {49.9, 50.0, 50.1}


def test_load_is_the_history_seen_from_close(household):
    load = household.load()
    history = household.history(NOW, 14)

    for sample in history[1::61]:
        end_s = sample.timestamp_ms // 1000
        points = [load(end_s - 59.5 + n) for n in range(60)]
        power_w = sum(point.power_w for point in points) / 60
        voltage_v = sum(point.voltage_v for point in points) / 60
        # A step to the next minute takes two seconds on either side: up to 1/60 of it moves over.
        assert power_w == pytest.approx(sample.power, abs=0.01 * sample.power + 140)
        assert voltage_v == pytest.approx(sample.voltage, abs=2.0)


def test_load_energy_is_the_households(household):
    load = household.load()
    used_wh, worst = 0.0, 0.0

    for second in range(6 * 3_600):
        used_wh += load(LAST_MINUTE_S + second + 0.5).power_w / 3600
        exact = household.energy_wh(LAST_MINUTE_S, LAST_MINUTE_S + second + 1)
        worst = max(worst, abs(used_wh - exact))

    assert worst < 2


def test_load_never_jumps_and_is_never_still(household):
    load = household.load()
    powers = [load(LAST_MINUTE_S + n / 10).power_w for n in range(36_000)]

    assert max(abs(b - a) for a, b in itertools.pairwise(powers)) < 400
    assert len({round(power, 3) for power in powers}) > 30_000


def test_load_points_are_consistent(household):
    load = household.load(7_200)
    for n in range(0, 14 * 86_400, 997):
        point = load(NOW + n)
        assert point.power_w == pytest.approx(
            point.voltage_v * point.current_a * point.power_factor
        )
        assert 45 < point.frequency_hz < 65
        assert 0 <= point.power_factor <= 1


def test_a_live_meter_goes_on_where_the_history_ends(household):
    last = household.history(NOW, 14, base_wh=1_000_000)[-1]
    hour_later = household.history(LAST_MINUTE_S + 3_601, 14, base_wh=1_000_000)

    at_now = household.counter_wh(last, NOW)
    at_hour = household.counter_wh(last, LAST_MINUTE_S + 3_600)

    assert household.counter_wh(last, LAST_MINUTE_S) == counter_wh(last)
    assert counter_wh(last) < at_now < at_hour
    used_wh = household.energy_wh(LAST_MINUTE_S, LAST_MINUTE_S + 3_600)
    assert abs(at_hour - counter_wh(last) - used_wh) <= 1
    # The same hour as history shows it.
    shown = counter_wh(hour_later[-1]) - counter_wh(hour_later[-61])
    assert abs(shown - used_wh) <= 1


def test_a_dead_line_has_no_power_factor():
    rows = tuple(Minute(345_600 - 3_600 + 60 * n, 0, 0, 230.0, 0.0) for n in range(10_080))
    dark = Household(rows)

    point = dark.load()(NOW)

    assert (point.power_w, point.current_a, point.power_factor) == (0.0, 0.0, 0.0)
    assert math.isclose(point.voltage_v, 230.0, abs_tol=0.5)
    assert dark.history(NOW, 1)[-1].power_factor == 0.0


@pytest.mark.parametrize(
    ("first_s", "count"),
    [(345_600 - 3_600, 0), (345_600 - 3_600, 1_440), (345_600, 10_080)],
    ids=["empty", "a day", "not from Monday's first minute"],
)
def test_a_household_is_made_of_whole_weeks(first_s, count):
    rows = tuple(Minute(first_s + 60 * n, 1, 0, 230.0, 0.0) for n in range(count))

    with pytest.raises(ValueError, match="a household"):
        Household(rows)

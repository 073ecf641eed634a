"""Readings come back the same, whether they are rows, sealed, or both."""

from itertools import product

import numpy as np
import pytest

from ledger.days import DAY, DAY_MS, as_rows, household, readings_of, store_household, store_rows
from wattkeep.ledger.readings import (
    COLUMNS,
    iter_days,
    last_reading,
    readings_after,
    readings_before,
    readings_between,
)
from wattkeep.ledger.sealing import seal_day
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import ReadingBlock

# Ten minutes apart, so that some days are few rows.
STEP_MS = 600_000
DAYS = 4
COUNT = DAYS * DAY_MS // STEP_MS


@pytest.fixture(params=["rows", "sealed", "half", "late"])
def stored(request, device):
    """Return four days of readings, stored in one of the ways they can be."""
    timestamps, values = household(COUNT, step_ms=STEP_MS)
    late = np.zeros(COUNT, bool)
    if request.param == "late":
        late[::7] = True
    store_rows(device.pk, timestamps[~late], {name: values[name][~late] for name in values})
    if request.param != "rows":
        for number in range(2 if request.param == "half" else DAYS):
            assert seal_day(device.pk, DAY + number * DAY_MS) is not None
    store_rows(device.pk, timestamps[late], {name: values[name][late] for name in values})
    return as_rows(timestamps, values)


def rows(found, columns=COLUMNS):
    assert list(found.values) == list(columns)
    return as_rows(found.timestamps, {name: found[name] for name in COLUMNS})


def test_all_readings_come_back_in_order(device, stored):
    assert readings_of(device.pk) == stored
    assert rows(readings_between(device.pk, DAY, DAY + DAYS * DAY_MS, COLUMNS)) == stored


def test_span_takes_its_start_and_leaves_its_end(device, stored):
    for first, last in [(0, 1), (10, 10), (143, 145), (1, 300), (144, 288), (570, 576)]:
        start_ms, end_ms = DAY + first * STEP_MS, DAY + last * STEP_MS

        assert rows(readings_between(device.pk, start_ms, end_ms, COLUMNS)) == stored[first:last]
        assert readings_of(device.pk, start_ms, end_ms) == stored[first:last]


def test_days_come_one_by_one(device, stored):
    start_ms, end_ms = DAY + 3 * STEP_MS, DAY + 2 * DAY_MS + STEP_MS
    found = list(iter_days(device.pk, start_ms, end_ms))

    assert [len(day) for day in found] == [141, 144, 1]


def test_neighbours_are_found_on_both_sides(device, stored):
    for place, count in product([0, 1, 144, 150, 576], [0, 1, 6, 200, 10_000]):
        at_ms = DAY + place * STEP_MS

        before = rows(readings_before(device.pk, at_ms, count, COLUMNS))
        after = rows(readings_after(device.pk, at_ms, count, COLUMNS))

        assert before == stored[max(0, place - count) : place]
        assert after == stored[place : place + count]


def test_empty_years_are_skipped(device, django_assert_max_num_queries):
    store_household(device.pk, 3)
    later = store_household(device.pk, 3, start_ms=DAY + 4000 * DAY_MS)
    seal_day(device.pk, DAY)

    with django_assert_max_num_queries(20):
        days = list(iter_days(device.pk, 0, DAY + 9000 * DAY_MS))

    assert [len(day) for day in days] == [3, 3]
    assert days[1].timestamps.tolist() == [row[0] for row in later]


def test_last_reading_is_the_newest(device, stored):
    newest, earlier = last_reading(device.pk), last_reading(device.pk, DAY + 5 * STEP_MS)

    assert tuple(newest) == (device.pk, *stored[-1])
    assert tuple(earlier) == (device.pk, *stored[4])


def test_asked_columns_come_alone_and_in_order(device, stored):
    found = readings_between(device.pk, DAY, DAY + DAY_MS, ("voltage", "power"))

    assert list(found.values) == ["voltage", "power"]
    assert found["voltage"].tolist() == [row[1] for row in stored[:144]]


def test_other_devices_readings_stay_out(device, owner, stored):
    other = create_device(owner, "Garage")[0]
    theirs = store_household(other.pk, 10)
    seal_day(other.pk, DAY)

    assert readings_of(device.pk) == stored
    assert readings_of(other.pk) == theirs


def test_no_readings_are_empty_columns(device):
    nothing = readings_between(device.pk, DAY, DAY + DAY_MS)

    assert (len(nothing), list(nothing.values)) == (0, ["power", "energy"])
    assert nothing.timestamps.dtype == np.int64
    assert len(readings_before(device.pk, DAY, 5)) == len(readings_after(device.pk, DAY, 5)) == 0
    assert last_reading(device.pk) is None
    assert list(iter_days(device.pk, DAY, DAY + DAY_MS)) == []


def test_reading_in_row_and_block_counts_once_and_the_block_wins(device):
    stored = store_household(device.pk, 10)
    seal_day(device.pk, DAY)
    timestamps, values = household(12)
    store_rows(device.pk, timestamps, {**values, "power": values["power"] + 1})

    found = readings_of(device.pk)

    assert found[:10] == stored
    assert [row[3] for row in found[10:]] == (values["power"][10:] + 1).tolist()


def test_unknown_values_are_nan(device):
    timestamps, values = household(10)
    values["power"] = np.full(10, np.nan)
    store_rows(device.pk, timestamps, values)
    before = readings_between(device.pk, DAY, DAY + DAY_MS)
    seal_day(device.pk, DAY)
    after = readings_between(device.pk, DAY, DAY + DAY_MS)

    assert np.isnan(before["power"]).all()
    assert np.isnan(after["power"]).all()
    assert before["energy"].tolist() == after["energy"].tolist() == values["energy"].tolist()


def test_one_column_fetches_no_other(device, django_assert_num_queries):
    store_household(device.pk, 10)
    seal_day(device.pk, DAY)
    ReadingBlock.objects.update(voltage=b"", current=b"", frequency=b"", power_factor=b"")

    with django_assert_num_queries(2):
        found = readings_between(device.pk, DAY, DAY + DAY_MS, ("power",))

    assert len(found) == 10


def test_unknown_column_is_refused(device):
    with pytest.raises(ValueError, match="'wattage' is no column of readings"):
        readings_between(device.pk, DAY, DAY + DAY_MS, ("wattage",))

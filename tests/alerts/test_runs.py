"""Readings kept as columns, and readings that wait, are judged as rows are."""

import random

import pytest

from wattkeep.alerts.bands import INF, Band, Newest, last_calm
from wattkeep.alerts.waiting import MOST_LOOSE, MOST_WAITING, Waiting
from wattkeep.domain.readings import Reading, Run

T = 1_795_000_000_000
WIDE = Band(INF, -INF, INF, 200.0, 260.0, -INF, 60.0, 49.0, 51.0, 0.5, INF, 100.0, 0.5)


def readings(device_id=1, count=5, **changes):
    rows = [
        Reading(device_id, T + 10_000 * n, 230.0, 1.0, 230.0, 12 + n / 100, 50.0, 0.9)
        for n in range(count)
    ]
    middle = count // 2
    rows[middle] = rows[middle]._replace(**changes)
    return rows


def as_run(rows):
    device_ids, instants, *measured = zip(*rows, strict=True)
    return Run(device_ids[0], list(instants), [list(column) for column in measured])


@pytest.mark.parametrize(
    ("changes", "is_calm"),
    [
        ({}, True),
        ({"voltage": 199.9}, False),
        ({"voltage": 260.1}, False),
        ({"current": 60.1}, False),
        ({"frequency": 48.9}, False),
        ({"power_factor": 0.4}, False),
        ({"power_factor": 0.4, "power": 99.0}, True),
        ({"energy": 11.0}, False),
        ({"energy": 12.6}, False),
        ({"timestamp_ms": T}, False),
        ({"timestamp_ms": T + 90_000}, False),
    ],
)
def test_a_run_is_calm_if_its_rows_are(changes, is_calm):
    rows = readings(**changes)
    newest = Newest(T - 10_000, 11.99)

    found = last_calm(as_run(rows), WIDE, newest)

    assert found == last_calm(rows, WIDE, newest)
    assert (found is not None) == is_calm


def test_a_band_that_ends_ends_for_runs_too():
    rows = readings()
    band = WIDE._replace(until_ms=rows[-1].timestamp_ms)

    assert last_calm(as_run(rows), band, Newest(T - 1, 12.0)) is None
    assert last_calm(as_run(rows[:-1]), band, Newest(T - 1, 12.0)) == Newest(T + 30_000, 12.03)


def test_what_waits_comes_out_as_it_was_put_in_few_or_many():
    chance = random.Random(3)
    waiting = Waiting()
    expected, found = {}, {}

    def put(count):
        while waiting.count < count:
            rows = readings(chance.randint(1, 20), chance.randint(1, 300), power=chance.random())
            waiting.put(rows[0].device_id, as_run(rows) if chance.random() < 0.5 else rows)
            expected.setdefault(rows[0].device_id, []).extend(rows)

    def take(devices, count):
        taken = waiting.take(devices, count)
        for device_id, some in taken.items():
            found.setdefault(device_id, []).extend(some)
        return taken

    put(MOST_LOOSE + 5_000)
    while waiting.count > MOST_LOOSE - 3_000:
        take(3, 300)
    put(MOST_LOOSE - 1_000)
    while take(3, 2_000):
        pass

    assert found == expected
    assert (waiting.count, len(waiting)) == (0, 0)


def test_of_too_many_the_devices_that_wait_longest_are_let_go():
    waiting = Waiting()
    for device_id in range(1, 4):
        for _ in range(MOST_WAITING // 2000):
            waiting.put(device_id, readings(device_id, 1000))

    assert list(waiting) == [2, 3]
    assert waiting.count == 2 * (MOST_WAITING // 2000) * 1000

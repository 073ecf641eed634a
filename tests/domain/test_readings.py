"""When a reading was taken, and what no meter can have measured."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.readings import (
    EARLIEST_MS,
    Reading,
    Run,
    TimeError,
    aged_ms,
    fields_of,
    impossibility,
    in_order,
    instant_ms,
    instants_of,
    joined,
)

NOW_MS = 1_795_428_000_123  # 2026-11-23T10:00:00.123Z


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-23T10:00:00.123Z", NOW_MS),
        ("2026-11-23T11:00:00.123+01:00", NOW_MS),
        ("2026-11-23 04:15:00.123-05:45", NOW_MS),
        ("2026-11-23T10:00:00.1239Z", NOW_MS),
        (1_795_428_000.123, NOW_MS),
        (1_795_428_000, NOW_MS - 123),
        ("2020-01-01T00:00:00Z", EARLIEST_MS),
        (NOW_MS / 1000 + 60, NOW_MS + 60_000),
    ],
)
def test_instant_is_read_to_the_millisecond(value, expected):
    assert instant_ms(value, NOW_MS) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "ISO 8601"),
        ("yesterday", "ISO 8601"),
        ("2026-11-23T10:00:00", "ambiguous"),
        ("2026-11-23", "ambiguous"),
        ("2026-13-23T10:00:00Z", "ISO 8601"),
        ("2019-12-31T23:59:59.999Z", "Before 2020"),
        (0, "Before 2020"),
        (-1e300, "Before 2020"),
        ("0001-01-01T00:00:00+23:59", "Before 2020"),
        (NOW_MS / 1000 + 60.001, "in the future"),
        ("9999-12-31T23:59:59-23:59", "in the future"),
        (NOW_MS, "in the future"),
        (10**400, "in the future"),
        (1e308, "Not a time"),
        (math.nan, "Not a time"),
        (math.inf, "Not a time"),
        (-math.inf, "Not a time"),
    ],
)
def test_instant_that_cannot_be_is_refused_in_words(value, words):
    with pytest.raises(TimeError, match=words):
        instant_ms(value, NOW_MS)


@given(st.integers(EARLIEST_MS, NOW_MS + 60_000))
def test_unix_seconds_keep_every_millisecond(ms):
    assert instant_ms(ms / 1000, NOW_MS) == ms


@given(st.one_of(st.text(max_size=40), st.floats(), st.integers()))
def test_instant_of_anything_is_a_plausible_time_or_a_time_error(value):
    try:
        ms = instant_ms(value, NOW_MS)
    except TimeError:
        return
    assert EARLIEST_MS <= ms <= NOW_MS + 60_000


def test_age_counts_back_from_now():
    assert aged_ms(0, NOW_MS) == NOW_MS
    assert aged_ms(1.5, NOW_MS) == NOW_MS - 1500
    assert aged_ms(0.0004, NOW_MS) == NOW_MS


def test_age_that_leads_before_2020_is_refused():
    with pytest.raises(TimeError, match="before 2020"):
        aged_ms(31_536_000, EARLIEST_MS + 1000)


@pytest.mark.parametrize(
    ("voltage", "current", "power", "is_impossible"),
    [
        (230, 2, 450, False),
        (230, 0, 0, False),
        (0, 0, 0, False),
        (0, 0, 283.9, True),
        (0, 1.2, 0, True),
        (0.1, 1, 5, False),
        (-0.0, 1, 5, True),
    ],
)
def test_zero_volts_with_a_load_are_impossible(voltage, current, power, is_impossible):
    assert (impossibility(voltage, current, power) is not None) is is_impossible


def test_impossibility_names_the_values_and_what_happened():
    assert impossibility(0, 1.235, 283.9) == (
        "0 V with 283.9 W and 1.235 A cannot be: the meter did not answer."
    )


def a_run(*instants, device_id=7):
    """Return a run with a value of its own in each field, and the same readings as rows."""
    measured = [[at_ms % 100 + column / 8 for at_ms in instants] for column in range(6)]
    rows = [
        Reading(device_id, at_ms, *(at_ms % 100 + column / 8 for column in range(6)))
        for at_ms in instants
    ]
    return Run(device_id, list(instants), measured), rows


def test_a_run_is_the_sequence_of_its_readings():
    run, rows = a_run(5, 3, 9, 7)

    assert len(run) == 4
    assert list(run) == rows
    assert [run[0], run[-1], run.newest] == [rows[0], rows[-1], rows[2]]
    assert all(isinstance(one, Reading) for one in (*run, run[1], run.newest))
    assert list(run[1:3]) == rows[1:3]
    assert list(run.rows()) == [tuple(row) for row in rows]
    with pytest.raises(IndexError):
        run[4]


def test_a_run_and_its_rows_tell_the_same():
    run, rows = a_run(5, 3, 9, 7)

    assert instants_of(run) == instants_of(rows) == [5, 3, 9, 7]
    assert [list(field) for field in fields_of(run)][1:] == list(map(list, fields_of(rows)))[1:]
    assert list(in_order(run)) == list(in_order(rows)) == sorted(rows)
    ordered, _ = a_run(1, 2, 3)
    assert in_order(ordered) is ordered


def test_parts_are_joined_whatever_they_are():
    (first, first_rows), (second, second_rows) = a_run(1, 2), a_run(3)

    assert isinstance(joined([first, second]), Run)
    assert list(joined([first, second])) == first_rows + second_rows
    assert list(joined([first, second_rows])) == first_rows + second_rows
    assert joined([first]) is first

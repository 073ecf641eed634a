"""Bodies by section 1: the fast way in and the specification give the same verdict."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattkeep.domain.readings import Reading, Run
from wattkeep.ingest.batches import Refused
from wattkeep.ingest.decoding import FEWEST_OF_A_RUN, decode
from wattkeep.ingest.specification import (
    MOST_READINGS,
    MOST_UNUSUAL,
    EnergyReadingCreateSerializer,
)

NOW_MS = 1_795_000_000_123
GOOD = {
    "voltage": 230.5,
    "current": 2.345,
    "power": 540.67,
    "energy": 12.456,
    "frequency": 50.0,
    "power_factor": 0.98,
}
STORED = Reading(7, NOW_MS, 230.5, 2.345, 540.67, 12.456, 50.0, 0.98)


def body(**changes):
    return json.dumps({**GOOD, **changes}).encode()


def refusal(raw):
    with pytest.raises(Refused) as caught:
        decode(raw, 7, NOW_MS)
    return caught.value.status, caught.value.body


def test_the_missions_own_reading_is_taken_and_stamped_on_arrival():
    batch = decode(body(), 7, NOW_MS)

    assert (batch.readings, batch.stamped, batch.is_array) == ([STORED], [True], False)


@pytest.mark.parametrize(
    ("timestamp", "expected_ms"),
    [
        ("2026-11-18T10:00:00Z", 1_794_996_000_000),
        ("2026-11-18T11:00:00.5+01:00", 1_794_996_000_500),
        ("2026-11-18T15:45:00.1239+05:45", 1_794_996_000_123),
        ("20261118T100000Z", 1_794_996_000_000),
        (1_794_996_000, 1_794_996_000_000),
        (1_794_996_000.1234, 1_794_996_000_123),
        (1_577_836_800, 1_577_836_800_000),
        (NOW_MS / 1000 + 60, NOW_MS + 60_000),
    ],
)
def test_a_told_time_is_kept_to_the_millisecond(timestamp, expected_ms):
    batch = decode(body(timestamp=timestamp), 7, NOW_MS)

    assert (batch.readings[0].timestamp_ms, batch.stamped) == (expected_ms, [False])


@pytest.mark.parametrize("age_s", [0, 0.5, 31_536_000])
def test_an_age_is_counted_back_from_arrival(age_s):
    batch = decode(body(age_s=age_s), 7, NOW_MS)

    assert (batch.readings[0].timestamp_ms, batch.stamped) == (NOW_MS - age_s * 1000, [True])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"voltage": 500.1}, "voltage"),
        ({"voltage": -0.1}, "voltage"),
        ({"current": 100.5}, "current"),
        ({"power": -1}, "power"),
        ({"energy": -0.001}, "energy"),
        ({"frequency": 44.9}, "frequency"),
        ({"frequency": 65.1}, "frequency"),
        ({"power_factor": 1.01}, "power_factor"),
        ({"power": None}, "power"),
        ({"power": True}, "power"),
        ({"power": "much"}, "power"),
        ({"power": "1_000"}, "power"),
        ({"power": "nan"}, "power"),
        ({"power": "1e999"}, "power"),
        ({"power": [1]}, "power"),
        ({"energy": 10**400}, "energy"),
        ({"voltage": 0, "power": 283.9, "current": 0}, "voltage"),
        ({"voltage": 0, "power": 0, "current": 1.2}, "voltage"),
        ({"timestamp": "2026-11-18T10:00:00"}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-11-18"}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": 0}, "timestamp"),
        ({"timestamp": 1_577_836_799.9}, "timestamp"),
        ({"timestamp": NOW_MS / 1000 + 60.002}, "timestamp"),
        ({"timestamp": 1e300}, "timestamp"),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        ({"age_s": -1}, "age_s"),
        ({"age_s": 31_536_001}, "age_s"),
        ({"age_s": 1, "timestamp": 1_794_996_000}, "age_s"),
    ],
)
def test_a_bad_value_is_named(changes, field):
    status, errors = refusal(body(**changes))

    assert status == 400
    assert list(errors) == [field]


def test_every_missing_field_is_named_in_drfs_words():
    assert refusal(b"{}") == (400, {name: ["This field is required."] for name in GOOD})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"voltage=230",
        b"{",
        b'{"voltage": NaN}',
        b'{"voltage": Infinity}',
        b"\xff\xfe",
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[1, 2",
    ],
)
def test_what_is_not_json_is_told_so(raw):
    status, errors = refusal(raw)

    assert status == 400
    assert errors["detail"].startswith("JSON parse error - ")


@pytest.mark.parametrize("raw", [b"3", b'"x"', b"null", b"true"])
def test_json_that_is_no_object_is_told_so(raw):
    status, errors = refusal(raw)

    assert (status, list(errors)) == (400, ["non_field_errors"])


def test_unknown_fields_and_numbers_as_text_do_no_harm():
    raw = body(extra={"deep": [1]}, boot=None, readings="no", voltage="230.5", timestamp=None)

    assert decode(raw, 7, NOW_MS).readings == [STORED]


def test_one_bad_element_does_not_sink_the_rest():
    rows = [
        {**GOOD, "timestamp": 1_794_996_000},
        {**GOOD},
        {**GOOD, "timestamp": 1_794_996_010, "voltage": 900},
        "no reading",
        {**GOOD, "age_s": 3},
    ]

    batch = decode(json.dumps(rows).encode(), 7, NOW_MS)

    assert [row.timestamp_ms for row in batch.readings] == [1_794_996_000_000, NOW_MS - 3000]
    assert batch.stamped == [False, True]
    assert [(index, list(errors)) for index, errors in batch.rejected] == [
        (1, ["timestamp"]),
        (2, ["voltage"]),
        (3, ["non_field_errors"]),
    ]


def test_an_array_without_a_good_reading_is_refused_whole():
    assert refusal(b"[]") == (400, {"non_field_errors": ["This list may not be empty."]})
    status, errors = refusal(b"[{}]")
    assert (status, errors["accepted"], len(errors["rejected"])) == (400, 0, 1)


def test_the_longest_array_is_taken_and_one_more_is_not():
    rows = [{**GOOD, "timestamp": 1_794_000_000 + n} for n in range(MOST_READINGS + 1)]

    assert len(decode(json.dumps(rows[:-1]).encode(), 7, NOW_MS).readings) == MOST_READINGS
    assert refusal(json.dumps(rows).encode())[0] == 413


# -- the two ways give the same verdict ------------------------------------------------------

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**20), 10**20),
    st.floats(0, 600),
    st.sampled_from([0, -0.0, 45, 65, 500, 100, 1, 1e-320]),
)
anything = st.one_of(
    numbers,
    st.none(),
    st.booleans(),
    st.text(max_size=12),
    st.sampled_from(["1", " 2 ", "0x1", "1e3", "\uff11\uff12", "+5", "infinity", ".5", "5."]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
times = st.one_of(
    anything,
    st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
    st.datetimes().map(lambda at: at.isoformat()),
    st.integers(1_577_836_000, 1_795_000_100),
    st.floats(1_577_836_000, 1_795_000_100),
)
likely = {
    "voltage": st.floats(0, 500),
    "current": st.floats(0, 100),
    "power": st.floats(0, 20_000),
    "energy": st.floats(0, 10_000),
    "frequency": st.floats(45, 65),
    "power_factor": st.floats(0, 1),
}
readings = st.fixed_dictionaries(
    {},
    optional={name: st.one_of(good, good, good, anything) for name, good in likely.items()}
    | {"timestamp": times, "age_s": st.one_of(st.floats(0, 1e8), anything), "x": anything},
)
good_readings = st.fixed_dictionaries(
    dict(likely), optional={"timestamp": times, "age_s": anything, "x": anything}
)


def specified(data):
    """Return what the specification alone makes of one body: time and values, or None."""
    serializer = EnergyReadingCreateSerializer(data=data, context={"now_ms": NOW_MS})
    if not serializer.is_valid():
        return None
    values = serializer.validated_data
    if (at_ms := values.get("timestamp")) is None:
        at_ms = NOW_MS - round((values.get("age_s") or 0) * 1000)
    return at_ms, *(values[name] for name in GOOD)


@settings(max_examples=600, deadline=None)
@given(st.one_of(readings, good_readings, anything))
def test_fast_way_and_specification_agree(data):
    expected = specified(data)

    raw = json.dumps(data).encode()
    if expected is None or isinstance(data, list):
        assert refusal(raw)[0] == 400
    else:
        (stored,) = decode(raw, 7, NOW_MS).readings
        assert stored[1:] == expected
        assert all(math.isfinite(value) for value in stored)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_at_all_cause_anything_but_a_refusal(raw):
    with pytest.raises(Refused):
        decode(raw, 7, NOW_MS)


# -- what a device could do to everybody else ------------------------------------------------


def test_a_long_text_for_a_time_is_refused_without_being_multiplied():
    row = {**GOOD, "timestamp": "A" * 1_990_000}

    status, told = refusal(json.dumps([row]).encode())

    assert (status, told["accepted"]) == (400, 0)


def test_only_some_unusual_elements_are_looked_at():
    good = [{**GOOD, "timestamp": 1_794_000_000 + n} for n in range(50)]
    texts = [{**GOOD, "timestamp": 1_794_100_000 + n, "power": "1"} for n in range(5000)]

    batch = decode(json.dumps(texts + good).encode(), 7, NOW_MS)

    assert len(batch.readings) == MOST_UNUSUAL + 50
    assert len(batch.rejected) == 5000 - MOST_UNUSUAL
    assert "Not looked at" in batch.rejected[-1][1]["non_field_errors"][0]


@pytest.mark.parametrize(("field", "value"), [("power", 1.7e308), ("energy", 1.7e308)])
def test_what_no_meter_can_count_is_refused_one_by_one_and_in_arrays(field, value):
    assert list(refusal(body(**{field: value}))[1]) == [field]

    row = {**GOOD, field: value, "timestamp": 1_794_000_000}
    assert list(refusal(json.dumps([row]).encode())[1]["rejected"][0]["errors"]) == [field]


def backlog(count, **odd):
    """Return so many readings 10 s apart, the one in the middle with something odd about it."""
    elements = [{**GOOD, "timestamp": 1_794_000_000 + 10 * turn} for turn in range(count)]
    elements[count // 2].update(odd)
    return elements


def one_by_one(elements):
    """Return the readings and the rejected places of an array, each element sent alone."""
    readings, rejected = [], []
    for index, element in enumerate(elements):
        try:
            readings += decode(json.dumps([element]).encode(), 7, NOW_MS).readings
        except Refused:
            rejected.append(index)
    return readings, rejected


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"timestamp": 1_794_000_000.1239},
        {"timestamp": "2026-11-18T10:00:00Z"},
        {"timestamp": NOW_MS / 1000 + 60},
        {"timestamp": NOW_MS / 1000 + 61},
        {"timestamp": 1_577_836_800},
        {"timestamp": 1_577_836_799},
        {"timestamp": 1e300},
        {"timestamp": None},
        {"age_s": None},
        {"age_s": 5},
        {"age_s": 5, "timestamp": None},
        {"voltage": 0},
        {"voltage": 0, "current": 0, "power": 0},
        {"voltage": "230.5"},
        {"power": 100_000},
        {"power": 100_001},
        {"energy": 1e9},
        {"energy": 1e9 + 1},
        {"power_factor": 1.01},
        {"note": "unknown"},
    ],
)
@pytest.mark.parametrize("count", [3, FEWEST_OF_A_RUN])
def test_a_long_array_is_taken_as_its_elements_would_be_alone(count, odd):
    elements = backlog(count, **odd)

    batch = decode(json.dumps(elements).encode(), 7, NOW_MS)

    readings, rejected = one_by_one(elements)
    assert list(batch.readings) == readings
    assert [index for index, _ in batch.rejected] == rejected
    assert batch.is_array
    assert len(batch.stamped) == len(readings)


def test_a_backlog_stays_columns():
    batch = decode(json.dumps(backlog(FEWEST_OF_A_RUN)).encode(), 7, NOW_MS)

    assert isinstance(batch.readings, Run)
    assert not any(batch.stamped)

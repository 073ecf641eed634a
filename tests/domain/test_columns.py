"""A day's columns come back to the bit, whatever was in them, and nothing else is taken for one."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.days import DAY, household
from wattkeep.domain.column_bytes import CorruptColumnError, Encoding
from wattkeep.domain.columns import (
    NAMES,
    Columns,
    EncodedDay,
    encode_day,
    needed_for,
)

ODD = [
    float("nan"),
    float("inf"),
    -float("inf"),
    -0.0,
    0.0,
    5e-324,
    1.7976931348623157e308,
    0.1,
    230.123456789,
    -12.5,
    1e15,
    2.0**53,
    1 / 3,
]
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.integers(-100_000, 100_000).map(lambda whole: whole / 10),
    st.integers(0, 10_000_000).map(lambda whole: whole / 1000),
    st.floats(),
)


def assert_same(timestamps, values, nulls=None):
    """Encode and decode a day; every column must be the same to the bit."""
    day = EncodedDay(len(timestamps), encode_day(timestamps, values, nulls))
    np.testing.assert_array_equal(day.timestamps, timestamps)
    for name in NAMES:
        where = (nulls or {}).get(name, np.zeros(len(timestamps), bool))
        np.testing.assert_array_equal(day.nulls(name), where)
        assert day.values(name)[~where].tobytes() == values[name][~where].tobytes(), name
        assert np.isnan(day.values(name)[where]).all()
    return day


@st.composite
def days(draw):
    size = draw(st.integers(1, 40))
    gaps = draw(st.lists(st.integers(1, 10**6), min_size=size, max_size=size))
    timestamps = DAY + np.cumsum(np.array(gaps, np.int64))
    columns = {
        name: draw(
            st.one_of(
                st.lists(VALUES, min_size=size, max_size=size),
                VALUES.map(lambda value, size=size: [value] * size),
            )
        )
        for name in NAMES
    }
    flags = st.lists(st.booleans(), min_size=size, max_size=size)
    nulls = {name: np.array(draw(flags)) for name in draw(st.sets(st.sampled_from(NAMES)))}
    return timestamps, {name: np.array(column) for name, column in columns.items()}, nulls


@settings(max_examples=150, deadline=None)
@given(days())
def test_any_day_comes_back_to_the_bit(day):
    assert_same(*day)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=60))
def test_any_floats_come_back_to_the_bit(numbers):
    timestamps, values = household(len(numbers))
    assert_same(timestamps, {**values, "power": np.array(numbers)})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_odd_value_among_usual_ones_comes_back(name, odd):
    timestamps, values = household(50)
    values[name][17] = odd
    assert_same(timestamps, values)


def test_bits_of_a_nan_come_back():
    timestamps, values = household(3)
    odd = np.array([0x7FF8000000000BAD, 0xFFF0000000000001, 0x7FF0000000000000], np.uint64)
    assert_same(timestamps, {**values, "voltage": odd.view(np.float64)})


def test_nothing_but_a_counter_comes_back():
    timestamps, values = household(500)
    nulls = {name: np.ones(500, bool) for name in NAMES if name != "energy"}
    day = assert_same(timestamps, values, nulls)

    assert day.nulls("power").all()
    assert not day.nulls("energy").any()


@pytest.mark.parametrize(
    "timestamps",
    [
        DAY + np.arange(8640) * 10_000,
        DAY + np.arange(8640) * 10_000 + np.random.default_rng(1).integers(-40, 90, 8640),
        np.delete(DAY + np.arange(8640) * 10_000, range(1000, 3000)),
        DAY + np.cumsum(np.random.default_rng(2).integers(1, 60_000, 2000)),
        DAY + np.array([0, 1, 2, 3, 86_399_999]),
        np.array([DAY]),
        np.array([-5, 0, 7]),
    ],
    ids=["regular", "jitter", "gap", "irregular", "burst", "one", "before 1970"],
)
def test_instants_come_back(timestamps):
    _, values = household(len(timestamps))
    assert_same(timestamps.astype(np.int64), values)


def test_usual_day_takes_under_three_bytes_a_reading():
    encoded = encode_day(*household(8640))

    assert sum(map(len, encoded.values())) / 8640 < 3
    assert len(encoded["timestamps"]) < 40


def test_stamped_on_arrival_day_takes_under_four_bytes_a_reading():
    timestamps, values = household(8640)
    late = np.random.default_rng(1).gamma(2, 15, 8640).astype(np.int64)

    assert sum(map(len, encode_day(timestamps + late, values).values())) / 8640 < 4


def encodings(encoded):
    return {name: Encoding(encoded[name][0] & 0x7F).name for name in encoded}


def test_usual_day_leans_columns_on_each_other():
    encoded = encode_day(*household(8640))

    assert encodings(encoded) == {
        "timestamps": "INSTANTS",
        "power": "DECIMALS",
        "energy": "FROM_WORK",
        "voltage": "DECIMALS",
        "current": "FROM_APPARENT_POWER",
        "frequency": "DECIMALS",
        "power_factor": "DECIMALS",
    }


def test_current_and_factor_never_lean_on_each_other_both():
    timestamps, values = household(8640)
    # A factor that says the same as the other three, as a meter's firmware may work it out.
    values["current"][:] = 2.5
    told = values["power"] / (values["voltage"] * values["current"])
    values["power_factor"] = np.rint(told * 100) / 100
    found = encodings(encode_day(timestamps, values))

    assert (found["current"], found["power_factor"]) == ("DECIMALS", "FROM_APPARENT_POWER")


def test_column_needs_only_what_it_leans_on():
    timestamps, values = household(100)
    encoded = encode_day(timestamps, values)

    for name in NAMES:
        few = {part: encoded[part] for part in {"timestamps", *needed_for([name])}}
        assert EncodedDay(100, few).values(name).tobytes() == values[name].tobytes()
    assert needed_for(["power"]) == {"power"}


@pytest.mark.parametrize("name", ["timestamps", *NAMES])
def test_any_changed_byte_is_noticed(name):
    encoded = encode_day(*household(40))
    for place in range(len(encoded[name])):
        changed = bytearray(encoded[name])
        changed[place] ^= 0x10
        day = EncodedDay(40, {**encoded, name: bytes(changed)})
        with pytest.raises(CorruptColumnError, match=name):
            _ = day.timestamps if name == "timestamps" else day.values(name)


def test_missing_and_surplus_values_are_noticed():
    encoded = encode_day(*household(40))

    with pytest.raises(CorruptColumnError, match="power: not 41 values"):
        EncodedDay(41, encoded).values("power")
    with pytest.raises(CorruptColumnError, match="timestamps: not 39 values"):
        _ = EncodedDay(39, encoded).timestamps
    with pytest.raises(CorruptColumnError, match="power: too short"):
        EncodedDay(40, {**encoded, "power": b"abc"}).values("power")


# Written by the first version of this format with pcodec 1.1: every later one must read it.
GOLDEN = {
    "timestamps": (
        "EFNacYQ8AAAAA+x6gJ4BAAAQJwAAAAAAACIAAABwY28hAwDFDgQBAzoAAAAmAPADAAAAAeAAAAAQAM9zOgcA"
        "cGNvIQMABQ8EAQM7AAAAJgCQ+////wAGAAAAEADvOsf6dVX5FwA="
    ),
    "power": "Aq30aYABcGNvIQMABQ8EAQM7AAAQYQIA8vv+/w/QzhYAAAEAAACAmyFI2W4vXSqANgAA",
    "voltage": (
        "gjGcK7wNAAAAeNqTYOBgAAEAAPgAIQFwY28hAwBFDgQBAzgAAAAQAOhHAAAUAKQkSZJEkiRJkiRJkiRJAgA="
    ),
    "frequency": "AQvebqNwY28hAwAFDwQBBjsAAAAmAAD+/////////wA+AAAAAABAEjAAnudxAAA=",
    "energy": "BH4OIrADcGNvIQMABQ8EAQM7AAAAEACA6LQABAAA",
    "current": "AxR6DLcDcGNvIQMABQ8EAQM7AAAAJgDgAQAAAAEhZQAAUAH4MGRwIO0DYDMA",
    "power_factor": "AkUTOP8BcGNvIQMABQ8EAQM7AAAAEABIAAAABAAA",
}


def golden_day():
    """Return a day of every encoding: gaps, nulls, −0.0, and columns that tell each other."""
    count = np.arange(60)
    power = (count * 7919 % 5000) / 10
    timestamps = DAY + 10_000 * count + 3 * (count % 5 == 0) + 60_000 * (count > 30)
    worked_wh = np.cumsum(np.diff(timestamps, prepend=DAY) * (count * 7919 % 5000)) // 36_000_000
    values = {
        "power": power,
        "energy": (1_482_000 + worked_wh) / 1000,
        "voltage": (2301 + count % 3) / 10,
        "current": np.rint(power / ((2301 + count % 3) / 10 * 0.9) * 1000) / 1000,
        "frequency": np.where(count == 59, -0.0, 50.0),
        "power_factor": np.full(60, 0.9),
    }
    return timestamps, values, {"voltage": np.isin(count, (3, 4, 20))}


def test_bytes_of_the_first_version_are_read_for_good():
    timestamps, values, nulls = golden_day()
    encoded = {name: base64.b64decode(text) for name, text in GOLDEN.items()}
    day = EncodedDay(60, encoded)

    assert encodings(encoded) == {
        "timestamps": "INSTANTS",
        "power": "DECIMALS",
        "energy": "FROM_WORK",
        "voltage": "DECIMALS",
        "current": "FROM_APPARENT_POWER",
        "frequency": "FLOATS",
        "power_factor": "DECIMALS",
    }
    np.testing.assert_array_equal(day.timestamps, timestamps)
    for name in NAMES:
        where = nulls.get(name, np.zeros(60, bool))
        np.testing.assert_array_equal(day.nulls(name), where)
        assert day.values(name)[~where].tobytes() == values[name][~where].tobytes(), name


def test_what_a_newer_version_writes_is_told():
    encoded = encode_day(*household(5))
    unknown = b"\x55" + zlib.crc32(b"\x55").to_bytes(4, "little")

    with pytest.raises(CorruptColumnError, match="encoding 85 is not known"):
        EncodedDay(5, {**encoded, "power": unknown}).values("power")
    with pytest.raises(CorruptColumnError, match="encoding 85 is not known"):
        _ = EncodedDay(5, {**encoded, "timestamps": unknown}).timestamps


def columns(*pairs):
    timestamps, power = zip(*pairs, strict=True)
    return Columns(np.array(timestamps), {"power": np.array(power, float)})


def test_join_sorts_and_takes_the_first_of_equal_instants():
    joined = Columns.join(
        [columns((10, 1), (30, 3)), Columns.empty(["power"]), columns((20, 2), (30, 4))], ["power"]
    )

    assert joined.timestamps.tolist() == [10, 20, 30]
    assert joined["power"].tolist() == [1, 2, 3]


def test_between_takes_the_start_and_leaves_the_end():
    part = columns((10, 1), (20, 2), (30, 3)).between(10, 30)

    assert (part.timestamps.tolist(), part["power"].tolist()) == ([10, 20], [1, 2])
    assert len(part.between(15, 16)) == 0

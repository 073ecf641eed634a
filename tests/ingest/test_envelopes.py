"""Bodies by section 2: integers in the meter's steps, numbered within a boot."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattkeep.domain.readings import Reading
from wattkeep.ingest.batches import Board, Refused
from wattkeep.ingest.decoding import decode

NOW_MS = 1_795_000_000_123
ROW = [1, 0, 2305, 2345, 5406, 12456, 500, 98, 90, 0]


def envelope(*rows, **changes):
    head = {
        "boot": "9f3c21aa",
        "uptime_s": 86412,
        "firmware": "1.0.0",
        "rssi_dbm": -67,
        "free_heap": 18320,
    }
    return json.dumps({**head, "readings": list(rows), **changes}).encode()


def row(seq, age_ms=0, flags=0, **at):
    made = [seq, age_ms, *ROW[2:9], flags]
    for index, value in at.items():
        made[int(index[1:])] = value
    return made


def silent(seq, age_ms=0):
    return [seq, age_ms, *[None] * 6, 0, 0]


def test_a_row_becomes_a_reading_in_units_and_time():
    batch = decode(envelope(row(3, 1500)), 7, NOW_MS)

    assert batch.readings == [Reading(7, NOW_MS - 1500, 230.5, 2.345, 540.6, 12.456, 50.0, 0.98)]
    assert (batch.stamped, batch.rejected) == ([True], [])
    windows = batch.windows
    assert (windows.boot, windows.seqs, windows.silent, windows.refused, windows.oldest) == (
        "9f3c21aa",
        [3],
        [],
        [],
        0,
    )
    assert windows.board == Board("1.0.0", 86412, -67, 18320)


def test_nulls_are_silence_and_no_reading():
    batch = decode(envelope(silent(4, 2000), row(5)), 7, NOW_MS)

    assert batch.windows.silent == [(4, NOW_MS - 2000)]
    assert batch.windows.seqs == [5]


@pytest.mark.parametrize(
    ("bad", "errors"),
    [
        (row(2, _2=5001), {"voltage"}),
        (row(2, _3=100_001), {"current"}),
        (row(2, _6=449), {"frequency"}),
        (row(2, _7=101), {"power_factor"}),
        (row(2, _2=0), {"voltage"}),
        (row(2, _4=None), {"non_field_errors"}),
        (row(2, _4=1.5), {"non_field_errors"}),
        (row(2, _1=-1), {"non_field_errors"}),
        ([2], {"non_field_errors"}),
        (row(2, _2="230"), {"non_field_errors"}),
    ],
)
def test_a_bad_row_with_a_number_is_refused_for_good(bad, errors):
    batch = decode(envelope(row(1), bad, row(3)), 7, NOW_MS)

    assert batch.windows.seqs == [1, 3]
    assert batch.windows.refused == [2]
    assert [(index, set(told)) for index, told in batch.rejected] == [(1, errors)]


@pytest.mark.parametrize(
    "bad", [row(0), row(-1), row(True), row("1"), row(2**63), "x", None, [], {}]
)
def test_a_row_without_a_number_is_only_rejected(bad):
    batch = decode(envelope(bad, row(3)), 7, NOW_MS)

    assert (batch.windows.seqs, batch.windows.refused) == ([3], [])
    assert [index for index, _ in batch.rejected] == [0]


def test_a_backlog_tells_the_oldest_number_the_board_has():
    assert decode(envelope(row(40, 9000, 4), row(41)), 7, NOW_MS).windows.oldest == 40
    assert decode(envelope(row(40), row(41, 0, 4)), 7, NOW_MS).windows.oldest == 0


def test_a_refused_first_row_of_a_backlog_tells_the_oldest_number_too():
    assert decode(envelope(row(40, 0, 4, _2=9999), row(41)), 7, NOW_MS).windows.oldest == 40


def test_odd_news_of_the_board_loses_no_reading():
    batch = decode(
        envelope(row(1), uptime_s="long", firmware=["x"], rssi_dbm=1e99, free_heap=None), 7, NOW_MS
    )

    assert batch.windows.seqs == [1]
    assert batch.windows.board == Board()
    long = decode(envelope(row(1), firmware="v\n" + "9" * 100), 7, NOW_MS)
    assert long.windows.board.firmware == "v" + "9" * 31


@pytest.mark.parametrize("boot", ["", "a b", "x" * 17, 5, None, "é"])
def test_a_boot_must_have_a_usable_name(boot):
    with pytest.raises(Refused) as caught:
        decode(envelope(row(1), boot=boot), 7, NOW_MS)

    assert (caught.value.status, list(caught.value.body)) == (400, ["boot"])


def test_readings_must_be_a_list_of_at_most_ten_thousand():
    with pytest.raises(Refused) as caught:
        decode(envelope(readings={"a": 1}), 7, NOW_MS)
    assert (caught.value.status, list(caught.value.body)) == (400, ["readings"])

    rows = [row(n) for n in range(1, 10_002)]
    assert len(decode(envelope(*rows[:-1]), 7, NOW_MS).readings) == 10_000
    with pytest.raises(Refused) as caught:
        decode(envelope(*rows), 7, NOW_MS)
    assert caught.value.status == 413


cells = st.one_of(
    st.none(),
    st.integers(-5, 6000),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(st.lists(cells, max_size=12), cells, st.just(ROW)), max_size=6))
def test_every_row_is_a_reading_a_silence_or_rejected(rows):
    batch = decode(envelope(*rows), 7, NOW_MS)

    windows = batch.windows
    assert len(windows.seqs) + len(windows.silent) + len(batch.rejected) == len(rows)
    assert len(windows.seqs) == len(batch.readings) == len(batch.stamped)
    assert all(0 <= reading.voltage <= 500 for reading in batch.readings)
    assert all(seq >= 1 for seq in [*windows.seqs, *windows.refused])

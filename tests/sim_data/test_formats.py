"""Files of measurements: recognised, converted exactly, and refused in plain words."""

from __future__ import annotations

import gzip
import lzma
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.uci import Minute
from wattkeep.sim.formats import (
    FormatError,
    Sample,
    Tally,
    count_rows,
    meter_minutes,
    read_rows,
    read_samples,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UCI_HEADER = (
    "Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;"
    "Sub_metering_1;Sub_metering_2;Sub_metering_3"
)
PACKAGE_HEADER = (
    "date_time,Global_active_power,Global_reactive_power,Voltage,Global_intensity,"
    "Sub_metering_1,Sub_metering_2,Sub_metering_3"
)
OWN_HEADER = "timestamp,voltage,current,power,energy,frequency,power_factor"

UCI = (
    f"{UCI_HEADER}\n"
    "16/12/2006;17:24:00;4.216;0.418;234.840;18.400;0.000;1.000;17.000\n"
    "16/12/2006;17:25:00;?;?;?;?;?;?;\n"
    "16/12/2006;17:26:00;5.374;0.498;233.290;23.000;0.000;2.000;17.000\n"
)
PACKAGE = (
    f"{PACKAGE_HEADER}\n"
    "2006-12-16 17:24:00,4.216,0.418,234.84,18.4,0.0,1.0,17.0\n"
    "2006-12-16 17:25:00,,,,,,,\n"
    "2006-12-16 17:26:00,5.374,0.498,233.29,23.0,0.0,2.0,17.0\n"
)
# 17:24 in the data's clock, UTC+01:00.
FIRST_S = 1_166_286_240
SHIFT_S = 5_117 * 86_400


@pytest.fixture
def written(tmp_path: Path):
    def write(content: str | bytes, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, lzma.compress],
    ids=["plain", "gzip", "xz"],
)
@pytest.mark.parametrize(
    "content",
    [UCI, PACKAGE, UCI.replace("\n", "\r\n"), "\ufeff" + PACKAGE],
    ids=["the data set's", "the package's", "CRLF", "BOM"],
)
def test_read_rows_reads_the_household_data(written, content: str, pack: Callable) -> None:
    tally = Tally()

    rows = list(read_rows(written(pack(content.encode())), tally))

    assert rows == [
        Minute(FIRST_S, 4_216_000, 418_000, 234.84, 18.4),
        Minute(FIRST_S + 120, 5_374_000, 498_000, 233.29, 23.0),
    ]
    assert tally == Tally(rows=3, skipped=1)


def test_read_samples_shows_what_a_meter_would_have_shown(written):
    samples = list(read_samples(written(UCI)))

    start_ms = (FIRST_S + SHIFT_S) * 1000
    assert samples == [
        Sample(start_ms, 234.84, 18.4, 4216.0, 0.0, 50.0, 1.0),
        Sample(start_ms + 60_000, 234.84, 18.4, 4216.0, 0.07, 50.0, 1.0),
        Sample(start_ms + 180_000, 233.29, 23.0, 5374.0, 0.159, 50.0, 1.0),
    ]


def test_read_samples_without_opening_starts_at_the_first_minutes_end(written):
    samples = list(read_samples(written(UCI), opening=False))

    assert [(one.timestamp_ms // 1000 - SHIFT_S, one.energy) for one in samples] == [
        (FIRST_S + 60, 0.07),
        (FIRST_S + 180, 0.159),
    ]


@pytest.mark.parametrize(("shift_days", "moved_s"), [(None, SHIFT_S), (0, 0), (-1, -86_400)])
def test_read_samples_shifts_the_household_data_by_whole_days(written, shift_days, moved_s):
    first = next(iter(read_samples(written(PACKAGE), shift_days=shift_days)))

    assert first.timestamp_ms == (FIRST_S + moved_s) * 1000


def test_read_samples_shift_keeps_the_weekday_and_makes_a_part_meet_the_wholes_keys(written):
    whole = {one.timestamp_ms for one in read_samples(written(UCI))}
    head, _, _, last = UCI.splitlines()
    part = [one.timestamp_ms for one in read_samples(written(f"{head}\n{last}\n", "part"))]

    assert SHIFT_S % (7 * 86_400) == 0
    # The part's opening reading is new: the whole file has a gap there.
    assert part[1:] == [(FIRST_S + SHIFT_S + 180) * 1000]
    assert part[1] in whole


def test_read_rows_reads_its_own_csv_in_any_column_order(written):
    path = written(
        "note,power_factor,frequency,energy,power,current,voltage,timestamp\n"
        'fine,0.98,50.0,12.456,540.67,2.345,230.5,"2025-11-23T08:20:00.123Z"\n'
        "fine,0.98,50.0,12.457,540.67,2.345,230.5,2025-11-23T09:20:10+01:00\n"
        "fine,0.98,50.0,12.458,540.67,2.345,230.5,1763886020\n"
        "fine,0.98,50.0,12.459,540.67,2.345,230.5,1763886030.125\n"
        "silent,,,,,,,1763886040\n"
    )
    tally = Tally()

    rows = list(read_rows(path, tally))

    assert [row.timestamp_ms - 1_763_886_000_000 for row in rows] == [123, 10_000, 20_000, 30_125]
    assert rows[0] == Sample(1_763_886_000_123, 230.5, 2.345, 540.67, 12.456, 50.0, 0.98)
    assert tally == Tally(rows=5, skipped=1)


def test_read_samples_leaves_its_own_csv_as_it_is_unless_told(written):
    path = written(f"{OWN_HEADER}\n1763886000,230.5,2.345,540.67,12.456,50.0,0.98\n")

    assert list(read_samples(path)) == list(read_rows(path))
    assert [one.timestamp_ms for one in read_samples(path, shift_days=7)] == [1_764_490_800_000]


def test_read_samples_of_a_header_alone_is_nothing(written):
    assert list(read_samples(written(f"{UCI_HEADER}\n"))) == []


GOOD_OWN = "1763886000,230.5,2.345,540.67,12.456,50.0,0.98"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the first line is empty; a header is expected"),
        ("a,b\n1,2\n", "the header 'a,b' is neither the UCI household data set's nor Wattkeep's"),
        (f"{UCI_HEADER}\n1/1/2007;00:00:00;1;1\n", "line 2: 4 columns where the header has 9"),
        (
            (
                f"{PACKAGE_HEADER}\n2007-01-01 00:00:00,1,0,240,4,0,0,0\n"
                "2007-01-01 00:01:00,1.2.3,0,240,4,0,0,0\n"
            ),
            "line 3: global_active_power is not a number: '1.2.3'",
        ),
        (
            f"{UCI_HEADER}\n1/1/2007;00:00:00;-1;0;240;4;0;0;0\n",
            "line 2: global_active_power is below zero: '-1'",
        ),
        (
            f"{UCI_HEADER}\n1/1/2007;00:00:00;1;0;nan;4;0;0;0\n",
            "line 2: voltage is not a finite number: 'nan'",
        ),
        (f"{UCI_HEADER}\n31/2/2007;00:00:00;1;0;1;4;0;0;0\n", "line 2: not a date: '31/2/2007'"),
        (f"{UCI_HEADER}\nhello;00:00:00;1;0;1;4;0;0;0\n", "line 2: not a date: 'hello'"),
        (
            f"{UCI_HEADER}\n1/1/2007;25:00:00;1;0;1;4;0;0;0\n",
            "line 2: not a time of day: '25:00:00'",
        ),
        (f"{PACKAGE_HEADER}\n2007-01-01,1,0,1,4,0,0,0\n", "line 2: not a time of day: ''"),
        (
            f"{UCI_HEADER}\n1/1/2007;00:01:00;1;0;1;4;0;0;0\n\n1/1/2007;00:01:00;1;0;1;4;0;0;0\n",
            "line 4: time does not move forward: 2007-01-01 00:01:00",
        ),
        (
            f"{OWN_HEADER}\n{GOOD_OWN}\n2025-11-23T08:20:00,1,1,1,1,50,1\n",
            "line 3: timestamp has no UTC offset: '2025-11-23T08:20:00'",
        ),
        (
            f"{OWN_HEADER}\nyesterday,1,1,1,1,50,1\n",
            "line 2: timestamp is neither ISO 8601 nor Unix seconds: 'yesterday'",
        ),
        (
            f"{OWN_HEADER}\n1763886000000,1,1,1,1,50,1\n",
            "line 2: timestamp is not a Unix time in seconds: '1763886000000'",
        ),
        (f"{OWN_HEADER}\nnan,1,1,1,1,50,1\n", "line 2: timestamp is not a Unix time in seconds"),
        (
            f"{OWN_HEADER}\n1763886000,1,1,inf,1,50,1\n",
            "line 2: power is not a finite number: 'inf'",
        ),
        (f"{OWN_HEADER}\n{'9' * 200_000}\n", "line 2: field larger than field limit"),
        (b"\xff\xfe\x00binary", "not a text file (byte 0)"),
        (f"{OWN_HEADER}\n".encode() + b"\xff,1\n", "not a text file"),
        (b"PK\x03\x04 and so on", "the compressed file is damaged or cut short"),
        (gzip.compress(UCI.encode(), mtime=0)[:-20], "the compressed file is damaged or cut short"),
        (lzma.compress(UCI.encode())[:-20], "the compressed file is damaged or cut short"),
        (b"\x1f\x8b\x08\x00damaged, surely", "the compressed file is damaged or cut short"),
    ],
    ids=str,
)
def test_read_rows_refuses_with_line_and_value(written, content, message):
    with pytest.raises(FormatError) as refused:
        list(read_rows(written(content)))

    assert str(refused.value).startswith("file.csv")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "read", [lambda path: list(read_rows(path)), count_rows], ids=["rows", "count"]
)
def test_a_file_that_is_not_there_is_a_format_error(tmp_path, read):
    with pytest.raises(FormatError, match=r"nothing\.csv: cannot be read: .*No such file"):
        read(tmp_path / "nothing.csv")


@pytest.mark.parametrize("content", [UCI.encode(), gzip.compress(UCI.encode(), mtime=0)])
def test_count_rows_counts_all_but_the_header(written, content):
    assert count_rows(written(content)) == 3


WATTS = st.lists(st.integers(0, 12_000), min_size=1, max_size=200)


@given(watts=WATTS, base_wh=st.integers(0, 10**7), span=st.data())
def test_meter_minutes_counter_differs_from_the_sum_by_less_than_1_wh(watts, base_wh, span):
    minutes = [Minute(60 * n, w * 1000, 0, 240.0, w / 240) for n, w in enumerate(watts)]

    samples = list(meter_minutes(minutes, first_counter_wh=base_wh))

    counters = [round(one.energy * 1000) for one in samples]
    assert len(counters) == len(watts) + 1
    assert counters[0] == base_wh
    begin = span.draw(st.integers(0, len(watts)))
    end = span.draw(st.integers(begin, len(watts)))
    # In watt minutes, so that the law is about whole numbers only.
    used = (counters[end] - counters[begin]) * 60
    assert abs(used - sum(watts[begin:end])) < 60


@given(kilowatts=st.decimals(0, 12, places=3))
def test_reading_a_power_loses_nothing(tmp_path_factory, kilowatts):
    path: Path = tmp_path_factory.mktemp("power") / "one.txt"
    path.write_text(f"{UCI_HEADER}\n1/1/2007;00:00:00;{kilowatts};0;240;4;0;0;0\n")

    [row] = read_rows(path)

    assert row.active_mw == int(kilowatts * 1_000_000)

"""Wattkeep's own CSV: every value as it was written, and the bad line told apart from the good."""

import gzip
import io
import lzma
import math
import zipfile
from zoneinfo import ZoneInfo

import pytest

from wattkeep.importing.files import ImportFileError
from wattkeep.importing.rows import Row
from wattkeep.importing.sources import Options, open_source

PARIS = ZoneInfo("Europe/Paris")
HEADER = "timestamp,voltage,current,power,energy,frequency,power_factor"
FIRST = "2026-11-23T10:00:00.000Z,230.5,2.345,540.67,12.456,50.0,0.98"
FIRST_MS = 1_795_428_000_000
FIRST_ROW = Row(2, FIRST_MS, 12.456, 540.67, 230.5, 2.345, 50.0, 0.98)


def zipped(content, *others):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/readings.csv", content)
        for name in others:
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lzma.compress, zipped], ids=["plain", "gzip", "xz", "zip"]
)
@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_readings_are_read_however_they_are_packed(read, pack, start, end):
    content = read(pack(f"{start}{HEADER}{end}{FIRST}{end}".encode()))

    assert (content.format, content.rows) == ("wattkeep", [FIRST_ROW])


def test_values_that_are_not_there_are_left_open(read):
    content = read(f"{HEADER}\n2026-11-23T10:00:00.000Z,,,,12.456,,\n")

    [row] = content.rows
    assert row[:3] == (2, FIRST_MS, 12.456)
    assert all(math.isnan(value) for value in row[3:])


def test_time_and_counter_are_enough_in_any_order(read):
    content = read(f"Energy,note,Timestamp\n12.456,hello,{FIRST_MS / 1000}\n")

    assert content.counters == [(FIRST_MS, 12.456)]


def test_bad_lines_are_refused_by_number_and_reason_and_the_others_read(read):
    content = read(
        f"{HEADER}\n2026-11-23T10:00:00,1,1,1,1,50,1\n{FIRST}\n2026-11-23T10:00:10.000Z,1,1,1\n2026-11-23T10:00:20.000Z,1,1,one,1,50,1\n2026-11-23T10:00:30.000Z,1,1,1,,50,1\n2026-11-23T10:00:40.000Z,1,1,1,inf,50,1\n2026-11-23T10:00:50.000Z,,,,,,\n"
    )

    assert content.rows == [FIRST_ROW._replace(line=3)]
    assert content.blank == [8]
    assert content.refused == [
        (2, "timestamp has no UTC offset: '2026-11-23T10:00:00'"),
        (4, "4 columns where the header has 7"),
        (5, "power is not a number: 'one'"),
        (6, "energy is missing: the counter is what everything is made from"),
        (7, "energy is not a finite number: 'inf'"),
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "file.csv: the file is empty"),
        ("a,b\nc,d\n", "file.csv: not a format that is known: the first line is 'a,b'"),
        ("start,end,consumption,x\n", "file.csv: these are quarter-hours"),
        (b"\xff\xfe\x00", "file.csv: not a text file (byte 0)"),
        (gzip.compress(FIRST.encode())[:-9], "file.csv: the packed file is damaged or cut short"),
        (lzma.compress(FIRST.encode())[:-9], "file.csv: the packed file is damaged or cut short"),
        (b"PK\x03\x04 surely not", "file.csv: the packed file is damaged or cut short"),
        (
            zipped(FIRST, "b.csv"),
            "a zip archive has to hold exactly one file; here: folder/readings.csv, b.csv",
        ),
    ],
    ids=["empty", "csv", "quarters", "bytes", "gz", "xz", "no zip", "two files"],
)
def test_a_file_that_cannot_be_read_is_told_by_name(read, content, complaint):
    with pytest.raises(ImportFileError) as refused:
        read(content)

    assert complaint in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ImportFileError, match=r"nowhere\.csv: cannot be read: No such file"):
        open_source(tmp_path / "nowhere.csv", Options(PARIS))


def test_a_zip_from_a_mac_has_one_file(read):
    content = read(zipped(f"{HEADER}\n{FIRST}\n", "__MACOSX/folder/._readings.csv"))

    assert content.rows == [FIRST_ROW]


def test_a_format_that_was_named_is_held_to(read):
    with pytest.raises(ImportFileError, match="the first line is not the UCI household data set's"):
        read(f"{HEADER}\n{FIRST}\n", format="uci")
    with pytest.raises(ImportFileError, match="the first line is not timestamp,voltage"):
        read("a,b\n", format="wattkeep")

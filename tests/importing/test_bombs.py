"""Files that unpack to far more than they are: refused before they fill the memory."""

import gzip
from zoneinfo import ZoneInfo

import pytest

from wattkeep.importing import files
from wattkeep.importing.files import ImportFileError
from wattkeep.importing.sources import Options, open_source

PARIS = ZoneInfo("Europe/Paris")


def read_all(path):
    return list(open_source(path, Options(PARIS)).entries())


def test_a_line_without_an_end_is_refused(written):
    line = b"x" * (3 * files.MOST_LINE_CHARACTERS)
    path = written(gzip.compress(b"timestamp,energy\n" + line), "bomb.csv.gz")

    with pytest.raises(ImportFileError, match=r"^bomb.csv.gz: a line has more than 1,000,000 char"):
        read_all(path)


def test_a_file_that_has_to_be_read_at_once_is_bounded(written, monkeypatch):
    monkeypatch.setattr(files, "MOST_AT_ONCE_CHARACTERS", 2_000_000)
    path = written(gzip.compress(b"[" + b" " * 3_000_000 + b"]"), "bomb.json.gz")

    with pytest.raises(ImportFileError, match=r"^bomb.json.gz: it unpacks to more than"):
        read_all(path)

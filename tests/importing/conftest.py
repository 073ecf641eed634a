"""Files to import, and what is read out of them."""

from zoneinfo import ZoneInfo

import pytest

from wattkeep.importing.rows import Blank, Refused, Row
from wattkeep.importing.sources import Options, open_source

PARIS = ZoneInfo("Europe/Paris")


class Content:
    """What a file said: readings, refused lines as (line, reason), lines without a value."""

    def __init__(self, source):
        entries = list(source.entries())
        self.format = source.format
        self.notes = source.notes
        self.rows = [one for one in entries if isinstance(one, Row)]
        self.refused = [tuple(one) for one in entries if isinstance(one, Refused)]
        self.blank = [one.line for one in entries if isinstance(one, Blank)]

    @property
    def counters(self):
        return [(one.timestamp_ms, one.energy) for one in self.rows]

    @property
    def powers(self):
        return [one.power for one in self.rows]


@pytest.fixture
def written(tmp_path):
    def write(content, name="file.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def opened(written):
    def open_content(content, name="file.csv", **options):
        options.setdefault("zone", PARIS)
        return open_source(written(content, name), Options(**options))

    return open_content


@pytest.fixture
def read(opened):
    def open_and_read(content, name="file.csv", **options):
        return Content(opened(content, name, **options))

    return open_and_read

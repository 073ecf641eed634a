from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from sim.on_micropython import needs_micropython, run_script
from sim.reading_glass import ReadingGlass
from wattkeep.sim.oled import encode_png

pytestmark = needs_micropython

PICTURES = Path(__file__).parent / "pictures"

FORMAT = (
    "from pages import format_value; answer([format_value(page, value) for page, value in data])"
)

DRAW = """
import framebuf, pages
rows = []
for page, value in data:
    buffer = bytearray(1024)
    frame = framebuf.FrameBuffer(buffer, 128, 64, framebuf.MONO_VLSB)
    pages.draw_page(frame, page, value, "")
    rows.append([[frame.pixel(x, y) for x in range(128)] for y in range(64)])
answer(rows)
"""

STEP = """
from pages import Pages

class Display:
    def __init__(self):
        import framebuf
        self.frame = framebuf.FrameBuffer(bytearray(1024), 128, 64, framebuf.MONO_VLSB)
    def send_strip(self, strip):
        if broken:
            raise OSError(19)
        events.append(["strip", strip])
    def set_contrast(self, contrast):
        if broken:
            raise OSError(19)
    def switch(self, on):
        pass

def connect():
    events.append(["connect", now])
    if broken:
        raise OSError(19)
    return Display()

now = 0
broken = False
meters = 1
events = []
shown = []
class Source:
    meter_count = 1
    def value_of(self, meter, page):
        return [2305, 2345, 5406, 12456, 500, 98][page]
    def name_of(self, meter):
        return ""
    def note(self):
        return ""
    def status_lines(self):
        return ("OK",)

source = Source()
source.meter_count = meters
pages = Pages(connect, lambda text: events.append(["say", text]), 0)
for now, broken in data:
    pages.step(now, source)
    shown.append([pages.meter, pages.page] if meters > 1 else pages.page)
answer({"events": events, "shown": shown})
"""


@pytest.fixture(scope="module")
def glass(tmp_path_factory):
    return ReadingGlass(tmp_path_factory.mktemp("letters"))


VALUES = [
    (0, 2305, "230.5"),
    (0, 600, "60.0"),
    (1, 0, "0.000"),
    (1, 108, "0.108"),
    (1, 12_345, "12.34"),
    (1, 100_000, "100.0"),
    (2, 4, "0.4"),
    (2, 5406, "540.6"),
    (2, 54_067, "5406"),
    (2, 230_000, "23000"),
    (3, 38, "0.038"),
    (3, 99_999, "99.99"),
    (3, 1_234_567, "1234"),
    (3, 9_999_999, "9999"),
    (4, 500, "50.0"),
    (5, 98, "0.98"),
    (5, 100, "1.00"),
]


def test_values_are_written_with_what_fits_in_large_digits(tmp_path):
    written = run_script(tmp_path, FORMAT, [(page, value) for page, value, _ in VALUES])

    assert written == [text for _, _, text in VALUES]


def test_pages_show_value_and_unit_in_large_letters(tmp_path, glass):
    wanted = [
        (*value, unit)
        for value, unit in zip(
            [VALUES[0], VALUES[4], VALUES[9], VALUES[12], VALUES[14], VALUES[15]],
            ["V", "A", "W", "kWh", "Hz", ""],
            strict=True,
        )
    ]

    drawn = run_script(tmp_path, DRAW, [(page, value) for page, value, _, _ in wanted])

    for (_, _, text, unit), rows in zip(wanted, drawn, strict=True):
        pixels = tuple(bytes(row) for row in rows)
        assert glass.shows(pixels, text, scale=3), text
        assert not unit or glass.shows(pixels, unit, scale=2), unit


def test_a_silent_meter_shows_two_dashes_and_no_digit(tmp_path, glass):
    (rows,) = run_script(tmp_path, DRAW, [(2, None)])

    pixels = tuple(bytes(row) for row in rows)
    assert glass.shows(pixels, "--", scale=3)
    assert not any(glass.shows(pixels, digit, scale=3) for digit in "0123456789")


def test_each_page_has_two_seconds_also_after_a_late_turn(tmp_path):
    times = [0, 1999, 2000, 3999, 4100, 5999, 6000, 8000, 10_000, 12_000, 14_000]

    stepped = run_script(tmp_path, STEP, [(now, False) for now in times])

    assert stepped["shown"] == [0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 0]


def test_the_picture_goes_out_one_strip_a_turn(tmp_path):
    stepped = run_script(tmp_path, STEP, [(now, False) for now in range(0, 100, 10)])

    assert stepped["events"] == [["connect", 0], *(["strip", strip] for strip in range(8))]


def test_a_lost_display_is_told_once_and_tried_again_later(tmp_path):
    turns = [(0, False), (10, False), (20, True)]
    turns += [(now, True) for now in range(100, 70_000, 100)]
    turns += [(now, False) for now in range(70_000, 100_000, 1000)]

    events = run_script(tmp_path, STEP, turns)["events"]

    told = [event for event in events if event[0] == "say"]
    connects = [at for what, at in events if what == "connect"]
    assert told == [["say", "no display: OSError(19,)"]]
    assert connects == [0, 30_100, 60_100, 91_000]
    assert events[-1][0] == "strip"


def test_several_meters_take_turns_and_share_the_status(tmp_path):
    times = [(step * 2000, False) for step in range(14)]

    stepped = run_script(tmp_path, STEP.replace("meters = 1", "meters = 2"), times)

    first = [[0, page] for page in range(6)]
    second = [[1, page] for page in range(7)]
    assert stepped["shown"] == [*first, *second, [0, 0]]


GOLDEN = """
import framebuf, pages
buffer = bytearray(1024)
frame = framebuf.FrameBuffer(buffer, 128, 64, framebuf.MONO_VLSB)
results = {}

def keep(name):
    results[name] = [[frame.pixel(x, y) for x in range(128)] for y in range(64)]

values = [2305, 2345, 5406, 12456, 500, 98]
for page in range(6):
    pages.draw_page(frame, page, values[page], "", "")
    keep(pages.TITLES[page].lower().replace(" ", "-"))
pages.draw_page(frame, 2, None, "no wifi 17", "#7")
keep("silent")
pages.draw_status(frame, ("WiFi -61 dBm", "sent 12 s", "waiting 3", "refused 401", "1.0.0"))
keep("status")
pages.draw_page(frame, 0, 2305, "", "")
pages.shift(frame, 3)
keep("shifted")
answer(results)
"""


def test_pages_look_as_they_were_looked_at(tmp_path):
    """`WRITE_GOLDEN=1` writes the pictures anew; then look at them."""
    drawn = run_script(tmp_path, GOLDEN)

    for name, rows in drawn.items():
        picture = encode_png(tuple(bytes(row) for row in rows), scale=2, brightness=255)
        path = PICTURES / f"{name}.png"
        if os.environ.get("WRITE_GOLDEN"):
            PICTURES.mkdir(exist_ok=True)
            path.write_bytes(picture)
        assert pixels_of(path.read_bytes()) == pixels_of(picture), name
    assert {path.stem for path in PICTURES.glob("*.png")} == set(drawn)


def pixels_of(png):
    """Return size and unpacked pixels; how they are packed may differ between machines."""
    at, size, data = 8, b"", b""
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        content = png[at + 8 : at + 8 + length]
        size = content if kind == b"IHDR" else size
        data += content if kind == b"IDAT" else b""
        at += 12 + length
    return size, zlib.decompress(data)

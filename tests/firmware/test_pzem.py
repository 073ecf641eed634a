"""The board's side of the meter's protocol, on the interpreter that runs it."""

from __future__ import annotations

import random

import pytest

from sim.golden import (
    FULL_COUNTER,
    READ_ALL_AT_1,
    READ_ALL_AT_ANY,
    SMALL_LOAD,
    SMALL_LOAD_100_KWH,
)
from sim.on_micropython import needs_micropython, run_script
from wattkeep.sim.modbus import seal_frame
from wattkeep.sim.pzem import MeterReading

pytestmark = needs_micropython

PARSE = """
import pzem
results = []
for address, reply in data:
    values = [-1] * 7
    good = pzem.parse_reply(bytes(reply), address, values)
    results.append(values if good else None)
    if not good:
        assert values == [-1] * 7
answer(results)
"""
TYPICAL = MeterReading(
    voltage_dv=2305,
    current_ma=2345,
    power_dw=5406,
    energy_wh=12_456,
    frequency_dhz=500,
    power_factor_c=98,
    alarm=False,
)


def parse(folder, *replies, address=0xF8):
    return run_script(folder, PARSE, [(address, list(reply)) for reply in replies])


def reply_with(**changes):
    """Return a perfectly sealed reply that may hold impossible values."""
    values = {name: getattr(TYPICAL, name) for name in TYPICAL.__slots__} | changes
    alarm_word = values.pop("alarm") and 0xFFFF
    alarm_word = values.pop("alarm_word", alarm_word)
    words = [*MeterReading(**values, alarm=False).registers()[:9], alarm_word]
    return seal_frame(b"\x01\x04\x14" + b"".join(word.to_bytes(2) for word in words))


def test_requests_are_the_manuals_bytes(tmp_path):
    script = "import pzem; answer([list(pzem.build_request(address)) for address in data])"

    built = run_script(tmp_path, script, [1, 0xF8])

    assert [bytes(request) for request in built] == [READ_ALL_AT_1, READ_ALL_AT_ANY]


def test_the_manuals_replies_are_read(tmp_path):
    assert parse(tmp_path, SMALL_LOAD, SMALL_LOAD_100_KWH, FULL_COUNTER) == [
        [2257, 108, 244, 38, 500, 100, 0],
        [2257, 108, 244, 100_000, 500, 100, 0],
        [2300, 0, 0, 9_999_999, 500, 0, 0],
    ]


GATE = [
    ({"voltage_dv": 600}, True),
    ({"voltage_dv": 599}, False),
    ({"voltage_dv": 2800}, True),
    ({"voltage_dv": 2801}, False),
    ({"voltage_dv": 0}, False),
    ({"current_ma": 110_000}, True),
    ({"current_ma": 110_001}, False),
    ({"current_ma": 0xFFFF_FFFF}, False),
    ({"power_dw": 299_000}, True),
    ({"power_dw": 299_001}, False),
    ({"power_dw": 0xFFFF_FFFF}, False),
    ({"frequency_dhz": 400}, True),
    ({"frequency_dhz": 399}, False),
    ({"frequency_dhz": 700}, True),
    ({"frequency_dhz": 701}, False),
    ({"power_factor_c": 100}, True),
    ({"power_factor_c": 101}, False),
    ({"energy_wh": 10_000_001}, True),
    ({"alarm": True}, True),
    ({"alarm_word": 0x0001}, False),
    ({"alarm_word": 0xFF00}, False),
]


def test_only_what_a_meter_can_show_is_believed(tmp_path):
    parsed = parse(tmp_path, *(reply_with(**change) for change, _ in GATE))

    believed = [
        (change, values is not None) for (change, _), values in zip(GATE, parsed, strict=True)
    ]
    assert believed == GATE


def test_a_reply_must_fit_what_was_asked(tmp_path):
    other = seal_frame(b"\x07" + SMALL_LOAD[1:-2])

    assert parse(tmp_path, SMALL_LOAD, other, address=1) == [
        [2257, 108, 244, 38, 500, 100, 0],
        None,
    ]
    assert parse(tmp_path, other, address=0xF8) != [None]
    assert parse(
        tmp_path,
        seal_frame(b"\x01\x03" + SMALL_LOAD[2:-2]),
        seal_frame(b"\x01\x04\x12" + SMALL_LOAD[3:-2]),
        seal_frame(b"\x01\x84\x14" + SMALL_LOAD[3:-2]),
    ) == [None, None, None]


def test_damaged_replies_are_never_believed(tmp_path):
    chance = random.Random(5)
    damaged = []
    for bit in range(len(SMALL_LOAD) * 8):
        reply = bytearray(SMALL_LOAD)
        reply[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(reply))
    for _ in range(200):
        at = chance.randrange(25)
        damaged.append((SMALL_LOAD[:at] + chance.randbytes(3) + SMALL_LOAD[at:])[:25])
    # An address outside the frame's checksum does not exist, so not even those get through.
    damaged = [reply for reply in damaged if reply != SMALL_LOAD]

    assert parse(tmp_path, *damaged) == [None] * len(damaged)


STEP = """
from pzem import Pzem

class Uart:
    # Answers each request with the next of the replies, sixteen bytes at a time as the chip does.
    def __init__(self, replies):
        self.replies, self.ring, self.asked = replies, b"", []
    def any(self):
        return 1 if self.ring else 0
    def write(self, request):
        self.asked.append(now)
        self.ring += bytes(self.replies.pop(0)) if self.replies else b""
    def readinto(self, target):
        part = self.ring[: min(len(target), 16)]
        self.ring = self.ring[len(part):]
        target[: len(part)] = part
        return len(part)

now = 0
uart = Uart(data["replies"])
meter = Pzem(uart, [0xF8], now)
told = []
for now in data["times"]:
    result = meter.step(now)
    if result is not None:
        told.append([now, result])
answer({"asked": uart.asked, "told": told, "values": meter.values,
        "good": meter.good, "bad": meter.bad, "skipped": meter.skipped})
"""


def test_polls_keep_absolute_deadlines_and_never_bunch_up(tmp_path):
    replies = [list(SMALL_LOAD)] * 20
    times = [0, 5, 9, 103, 108, 112, 200, 205, 209, 650, 655, 660, 699, 701, 706, 710, 800]

    result = run_script(tmp_path, STEP, {"replies": replies, "times": times})

    assert result["asked"] == [0, 103, 200, 650, 701, 800]
    assert result["skipped"] == 3
    assert (result["good"], result["bad"]) == (5, 0)


def test_silence_costs_one_poll_and_leaves_the_last_values_alone(tmp_path):
    replies = [list(SMALL_LOAD), [], list(SMALL_LOAD[:24]), list(FULL_COUNTER)]
    times = list(range(0, 800, 5))

    result = run_script(tmp_path, STEP, {"replies": replies, "times": times[:100]})

    assert result["told"] == [[10, True], [250, False], [450, False]]
    assert result["values"] == [2257, 108, 244, 38, 500, 100, 0]


@pytest.mark.parametrize("junk", [[0xFF], [1, 4, 20], list(range(40))], ids=len)
def test_left_over_bytes_are_not_taken_for_the_next_reply(tmp_path, junk):
    replies = [junk + list(SMALL_LOAD), list(FULL_COUNTER), list(FULL_COUNTER) + junk]
    replies += [list(SMALL_LOAD)]

    result = run_script(tmp_path, STEP, {"replies": replies, "times": list(range(0, 400, 5))})

    assert [good for _, good in result["told"]] == [False, True, True, True]
    assert result["values"] == [2257, 108, 244, 38, 500, 100, 0]

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import golden
from wattkeep.sim.modbus import crc16, open_frame, seal_frame

FRAMES = [
    golden.READ_ALL_AT_1,
    golden.READ_ALL_AT_ANY,
    golden.RESET_AT_1,
    golden.MOVE_ANY_TO_5,
    golden.SMALL_LOAD,
    golden.SMALL_LOAD_100_KWH,
    golden.FULL_COUNTER,
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame[:8].hex())
def test_written_down_frames_have_the_right_checksum(frame):
    assert seal_frame(frame[:-2]) == frame
    assert open_frame(frame) == frame[:-2]


def test_crc16_of_the_usual_check_string():
    assert crc16(b"123456789") == 0x4B37


@given(st.binary(min_size=2, max_size=40), st.integers(0, 400))
def test_one_flipped_bit_never_goes_unseen(body, bit):
    frame = bytearray(seal_frame(body))
    bit %= len(frame) * 8
    frame[bit // 8] ^= 1 << bit % 8

    assert open_frame(bytes(frame)) is None


@pytest.mark.parametrize("frame", [b"", b"\x01", b"\x01\x04\x00"], ids=["nothing", "one", "three"])
def test_stubs_are_not_frames(frame):
    assert open_frame(frame) is None

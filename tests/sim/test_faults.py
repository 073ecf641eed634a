from __future__ import annotations

import pytest

from sim.golden import READ_ALL_AT_1, SMALL_LOAD, SMALL_POINT, Clock, constant
from wattkeep.sim.modbus import open_frame
from wattkeep.sim.pzem import VirtualPzem


@pytest.fixture
def meter():
    return VirtualPzem(constant(SMALL_POINT), energy_wh=38, clock=Clock())


@pytest.mark.parametrize("kind", ["silent", "crc", "truncated", "noise"])
def test_fault_spoils_its_number_of_replies(meter, kind):
    meter.faults.set(kind, replies=3)

    replies = [meter.answer(READ_ALL_AT_1) for _ in range(4)]

    assert all(reply != SMALL_LOAD for reply in replies[:3])
    assert replies[3] == SMALL_LOAD
    assert meter.faults.active == ()


@pytest.mark.parametrize("kind", ["silent", "crc", "truncated", "noise"])
def test_fault_without_a_number_lasts_until_cleared(meter, kind):
    meter.faults.set(kind)

    spoilt = [meter.answer(READ_ALL_AT_1) for _ in range(50)]
    meter.faults.clear()

    assert SMALL_LOAD not in spoilt
    assert meter.answer(READ_ALL_AT_1) == SMALL_LOAD


def test_each_fault_is_what_it_says(meter):
    def reply_with(kind):
        meter.faults.set(kind, replies=1)
        return meter.answer(READ_ALL_AT_1)

    silent, crc, cut = reply_with("silent"), reply_with("crc"), reply_with("truncated")

    assert silent == b""
    assert (len(crc), open_frame(crc)) == (25, None)
    assert 0 < len(cut) < 25
    assert SMALL_LOAD.startswith(cut)


def test_silence_does_not_use_up_what_was_not_asked(meter):
    meter.faults.set("silent", replies=1)

    meter.answer(b"noise of somebody else")

    assert meter.faults.active == ("silent",)


def test_wrong_requests_for_faults_are_refused(meter):
    with pytest.raises(ValueError, match="unknown fault 'fire'"):
        meter.faults.set("fire")
    with pytest.raises(ValueError, match="not 0"):
        meter.faults.set("crc", replies=0)

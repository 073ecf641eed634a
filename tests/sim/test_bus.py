"""Several meters on one line, and a line whose time is the board's."""

from __future__ import annotations

import socket

from sim.golden import READ_ALL_AT_1, READ_ALL_AT_ANY, SMALL_LOAD, SMALL_POINT, constant
from wattkeep.sim.bus import BoardTime, Bus, SteppedLine
from wattkeep.sim.modbus import open_frame, seal_frame
from wattkeep.sim.pzem import VirtualPzem


def make_meter(address, energy_wh=38, **options):
    return VirtualPzem(constant(SMALL_POINT), address=address, energy_wh=energy_wh, **options)


def test_only_the_meter_that_was_asked_answers():
    bus = Bus([make_meter(1), make_meter(2)])

    assert bus.answer(READ_ALL_AT_1) == SMALL_LOAD
    assert open_frame(bus.answer(seal_frame(bytes((2, 4, 0, 0, 0, 10)))))[0] == 2
    assert bus.answer(seal_frame(bytes((3, 4, 0, 0, 0, 10)))) == b""


def test_two_that_answer_at_once_are_noise():
    bus = Bus([make_meter(1), make_meter(2, energy_wh=41)])

    assert open_frame(bus.answer(READ_ALL_AT_ANY)) is None


def ask(line, ms, request):
    line.sendall(b"%d %d\n" % (ms, len(request)) + request)
    length = line.recv(1)[0]
    return line.recv(length) if length else b""


def energy_wh(reply):
    return int.from_bytes(reply[13:15]) | int.from_bytes(reply[15:17]) << 16


def test_a_stepped_lines_meters_live_in_the_boards_time():
    clock = BoardTime()
    meter = make_meter(1, clock=clock)
    stepped = SteppedLine(meter.answer, clock)
    host, port = stepped.open().split(":")
    try:
        with socket.create_connection((host, int(port))) as line:
            first = energy_wh(ask(line, 0, READ_ALL_AT_1))
            day_later = energy_wh(ask(line, 86_400_000, READ_ALL_AT_1))
        # Another start counts from 0 again, and the time goes on.
        with socket.create_connection((host, int(port))) as line:
            two_days = energy_wh(ask(line, 86_400_000, READ_ALL_AT_1))
    finally:
        stepped.close()

    assert (first, day_later - first, two_days - day_later) == (38, 585, 586)

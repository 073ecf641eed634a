"""Frames written down from the meter's manual, and the loads they show."""

from __future__ import annotations

from wattkeep.sim.load import Load, LoadPoint

READ_ALL_AT_1 = bytes.fromhex("01 04 00 00 00 0A 70 0D")
READ_ALL_AT_ANY = bytes.fromhex("F8 04 00 00 00 0A 64 64")
RESET_AT_1 = bytes.fromhex("01 42 80 11")
MOVE_ANY_TO_5 = bytes.fromhex("F8 06 00 02 00 05 FC 60")
SMALL_LOAD = bytes.fromhex(
    "01 04 14 08 D1 00 6C 00 00 00 F4 00 00 00 26 00 00 01 F4 00 64 00 00 51 34"
)
SMALL_LOAD_100_KWH = bytes.fromhex(
    "01 04 14 08 D1 00 6C 00 00 00 F4 00 00 86 A0 00 01 01 F4 00 64 00 00 EC 65"
)
FULL_COUNTER = bytes.fromhex(
    "01 04 14 08 FC 00 00 00 00 00 00 00 00 96 7F 00 98 01 F4 00 00 00 00 7F 11"
)

SMALL_POINT = LoadPoint(
    voltage_v=225.7, current_a=0.108, power_w=24.4, frequency_hz=50.0, power_factor=1.0
)
IDLE_POINT = LoadPoint(
    voltage_v=230.0, current_a=0.0, power_w=0.0, frequency_hz=50.0, power_factor=0.0
)


def constant(point: LoadPoint) -> Load:
    return lambda _: point


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

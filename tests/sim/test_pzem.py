from __future__ import annotations

from dataclasses import replace

import pytest

from sim.golden import (
    FULL_COUNTER,
    IDLE_POINT,
    MOVE_ANY_TO_5,
    READ_ALL_AT_1,
    READ_ALL_AT_ANY,
    RESET_AT_1,
    SMALL_LOAD,
    SMALL_LOAD_100_KWH,
    SMALL_POINT,
    Clock,
    constant,
)
from wattkeep.sim.modbus import open_frame, seal_frame
from wattkeep.sim.pzem import MeterReading, VirtualPzem


def frame(text):
    return seal_frame(bytes.fromhex(text))


def meter_of(point=SMALL_POINT, **options):
    return VirtualPzem(constant(point), clock=options.pop("clock", Clock()), **options)


@pytest.mark.parametrize(
    ("point", "energy_wh", "reply"),
    [
        (SMALL_POINT, 38, SMALL_LOAD),
        (SMALL_POINT, 100_000, SMALL_LOAD_100_KWH),
        (IDLE_POINT, 9_999_999, FULL_COUNTER),
    ],
    ids=["small load", "counter needs its high word", "full counter"],
)
def test_read_all_answers_the_manuals_bytes(point, energy_wh, reply):
    assert meter_of(point, energy_wh=energy_wh).answer(READ_ALL_AT_1) == reply


def test_any_address_is_answered_with_the_same_registers():
    meter = meter_of(energy_wh=38, address=7)

    reply = meter.answer(READ_ALL_AT_ANY)

    assert open_frame(reply) == b"\xf8" + SMALL_LOAD[1:-2]


def test_reset_echoes_and_zeroes_the_counter():
    meter = meter_of(energy_wh=38)

    assert meter.answer(RESET_AT_1) == RESET_AT_1
    assert meter.reading().energy_wh == 0


def test_address_change_echoes_and_takes_effect():
    meter = meter_of()

    assert meter.answer(MOVE_ANY_TO_5) == MOVE_ANY_TO_5
    assert meter.answer(READ_ALL_AT_1) == b""
    assert meter.answer(frame("05 03 00 02 00 01")) == frame("05 03 02 00 05")


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("01 03 00 01 00 02", "01 03 04 59 D8 00 01"),
        ("01 03 00 02 00 01", "01 03 02 00 01"),
        ("01 04 00 00 00 01", "01 04 02 08 D1"),
        ("01 04 00 07 00 02", "01 04 04 01 F4 00 64"),
        ("01 06 00 01 0F A0", "01 06 00 01 0F A0"),
        ("01 05 00 00 00 01", "01 85 01"),
        ("01 10 00 01 00 01 02 00 05", "01 90 01"),
        ("01 04 00 09 00 02", "01 84 02"),
        ("01 04 00 40 00 01", "01 84 02"),
        ("01 03 00 00 00 01", "01 83 02"),
        ("01 06 00 03 00 01", "01 86 02"),
        ("01 04 00 00 00 00", "01 84 03"),
        ("01 04 00 00 00 0B", "01 84 03"),
        ("01 06 00 02 00 00", "01 86 03"),
        ("01 06 00 02 00 F8", "01 86 03"),
    ],
)
def test_single_requests_and_refusals(request_, reply):
    assert meter_of().answer(frame(request_)) == frame(reply)


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\x01",
        READ_ALL_AT_1[:-1],
        READ_ALL_AT_1[:-1] + b"\x0e",
        READ_ALL_AT_1 + READ_ALL_AT_1,
        frame("02 04 00 00 00 0A"),
        frame("01 04 00 00"),
        frame("01 42 00"),
    ],
    ids=["nothing", "one byte", "cut", "bad crc", "two at once", "other address", "short", "long"],
)
def test_meter_keeps_silent_about_what_is_not_for_it(request_):
    assert meter_of().answer(request_) == b""


def test_calibration_is_never_acted_upon():
    meter = meter_of(energy_wh=38)

    assert meter.answer(frame("F8 41 37 21")) == b""
    assert meter.answer(READ_ALL_AT_1) == SMALL_LOAD


def test_broadcast_is_obeyed_without_an_answer():
    meter = meter_of(energy_wh=38)

    assert meter.answer(frame("00 42")) == b""
    assert meter.reading().energy_wh == 0


def test_alarm_shows_from_the_threshold_on():
    meter = meter_of()

    meter.answer(frame("01 06 00 01 00 18"))

    assert meter.reading().alarm
    assert open_frame(meter.answer(READ_ALL_AT_1))[-2:] == b"\xff\xff"


@pytest.mark.parametrize(
    ("current_a", "power_w", "shown"),
    [
        (0.0199, 4.5, (0, 0, 0)),
        (0.020, 4.5, (20, 45, 98)),
        (0.030, 0.39, (30, 0, 0)),
        (0.030, 0.4, (30, 4, 98)),
    ],
)
def test_meter_is_blind_to_the_smallest_loads(current_a, power_w, shown):
    point = replace(SMALL_POINT, current_a=current_a, power_w=power_w, power_factor=0.98)

    reading = meter_of(point).reading()

    assert (reading.current_ma, reading.power_dw, reading.power_factor_c) == shown


def test_values_are_in_the_meters_own_steps():
    point = replace(SMALL_POINT, voltage_v=230.449, current_a=80.12345, power_w=18_463.77)

    assert meter_of(point, energy_wh=12.9).reading() == MeterReading(
        voltage_dv=2304,
        current_ma=80_123,
        power_dw=184_638,
        energy_wh=12,
        frequency_dhz=500,
        power_factor_c=100,
        alarm=False,
    )


def test_no_mains_no_reply():
    assert meter_of(replace(SMALL_POINT, voltage_v=0.0)).answer(READ_ALL_AT_1) == b""


def test_counter_runs_whether_or_not_anybody_asks():
    clock = Clock()
    meter = meter_of(replace(SMALL_POINT, power_w=1200.0), clock=clock)

    clock.now += 1800.5
    half_hour_wh = meter.reading().energy_wh
    clock.now += 86_400
    next_day_wh = meter.reading().energy_wh

    assert (half_hour_wh, next_day_wh) == (600, 29_400)


def test_counter_follows_a_changing_load():
    clock = Clock()
    start = clock.now
    meter = VirtualPzem(
        lambda t: replace(SMALL_POINT, power_w=1000.0 + (t - start)), clock=clock, energy_wh=5
    )

    clock.now += 3600

    assert meter.reading().energy_wh == 5 + 1000 + 1800


def test_unseen_power_is_not_counted():
    clock = Clock()
    meter = meter_of(replace(SMALL_POINT, power_w=0.39), clock=clock)

    clock.now += 100_000

    assert meter.reading().energy_wh == 0


def test_counter_wraps_at_ten_million():
    clock = Clock()
    meter = meter_of(replace(SMALL_POINT, power_w=3600.0), clock=clock, energy_wh=9_999_999)

    clock.now += 2

    assert meter.reading().energy_wh == 1


def test_meter_looks_at_its_load_once_a_second():
    clock = Clock()
    meter = VirtualPzem(lambda t: replace(SMALL_POINT, voltage_v=t % 1000), clock=clock)
    clock.now = 1_700_000_200.0
    shown = [meter.reading().voltage_dv]

    for _ in range(4):
        clock.now += 0.4
        shown.append(meter.reading().voltage_dv)

    assert shown == [2000, 2000, 2000, 2012, 2012]


def test_a_meter_can_be_asked_to_look_at_every_reading():
    clock = Clock()
    meter = VirtualPzem(
        lambda t: replace(SMALL_POINT, voltage_v=t % 1000), clock=clock, refresh_s=0
    )
    clock.now = 1_700_000_200.0

    assert meter.reading().voltage_dv == 2000
    clock.now += 0.1
    assert meter.reading().voltage_dv == 2001


def test_a_clock_set_back_takes_nothing_away():
    clock = Clock()
    meter = meter_of(clock=clock, energy_wh=38)

    clock.now -= 5000

    assert meter.answer(READ_ALL_AT_1) == SMALL_LOAD


@pytest.mark.parametrize("address", [0, 248, -1, 300])
def test_impossible_addresses_are_refused(address):
    with pytest.raises(ValueError, match="1 to 247"):
        meter_of(address=address)

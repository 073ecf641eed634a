"""The virtual pins have the traps of the real ones, shown by a real MicroPython."""

from __future__ import annotations

import pytest

from sim.golden import READ_ALL_AT_1, SMALL_LOAD, SMALL_POINT, Clock, constant
from sim.on_micropython import needs_micropython, run_script
from wattkeep.sim.oled import VirtualOled
from wattkeep.sim.pzem import VirtualPzem

pytestmark = needs_micropython

ASK = """
import os, time
from machine import UART, Pin
{before}
uart = UART(0, {baud}, tx=Pin({tx}), rx=Pin({rx}), {options})
uart.write(bytes(data))
time.sleep_ms(500)
while {hears} and not uart.any():
    time.sleep_ms(2)
answer([uart.any(), list(uart.read() or b"")])
"""


def ask_meter(folder, *, options="rxbuf=64", before="os.dupterm(None, 1)", hears=True, **line):
    """Return what any() says half a second after a request, and what the board then reads."""
    settings = {"baud": 9600, "tx": 15, "rx": 13} | line
    with VirtualPzem(constant(SMALL_POINT), energy_wh=38, clock=Clock()) as meter:
        script = ASK.format(options=options, before=before, hears=hears, **settings)
        any_, reply = run_script(folder, script, list(READ_ALL_AT_1), WATTKEEP_UART=meter.open())
    return any_, bytes(reply)


def test_uart_reaches_the_meter_and_any_says_only_whether(tmp_path):
    assert ask_meter(tmp_path) == (1, SMALL_LOAD)


def test_uart_keeps_fifteen_bytes_unless_told_otherwise(tmp_path):
    any_, reply = ask_meter(tmp_path, options="")

    assert (any_, reply) == (1, SMALL_LOAD[:15])


@pytest.mark.parametrize(
    "wrong",
    [
        {"before": ""},
        {"baud": 115200},
        {"tx": 1, "rx": 3},
        {"options": "rxbuf=64); UART(1, 115200"},
    ],
    ids=["prompt still on the port", "wrong speed", "not the meter's pins", "log opened later"],
)
def test_uart_hears_nothing_when_set_up_wrongly(tmp_path, wrong):
    assert ask_meter(tmp_path, hears=False, **wrong) == (0, b"")


def test_uart_timeout_ends_a_read_of_silence(tmp_path):
    script = """
import os
from machine import UART, Pin
os.dupterm(None, 1)
uart = UART(0, 9600, tx=Pin(15), rx=Pin(13), rxbuf=64, timeout=150)
answer([uart.read(25), uart.readinto(bytearray(25)), uart.any()])
"""
    with VirtualPzem(constant(SMALL_POINT), clock=Clock()) as meter:
        assert run_script(tmp_path, script, WATTKEEP_UART=meter.open()) == [None, None, 0]


@pytest.mark.parametrize(
    "call",
    [
        "UART(0, 9600, tx=Pin(13), rx=Pin(15))",
        "UART(0, 9600, tx=Pin(4), rx=Pin(5))",
        "UART(2, 9600)",
        "Pin(6)",
        "Pin(17)",
        "SoftI2C(scl=Pin(16), sda=Pin(4))",
        "WDT(1)",
        "RTC().memory(bytes(493))",
    ],
)
def test_what_the_board_has_not_is_refused(tmp_path, call):
    script = f"""
from machine import *
try:
    {call}
    answer("taken")
except ValueError:
    answer("refused")
"""
    assert run_script(tmp_path, script) == "refused"


def test_ticks_come_round_early_and_differences_survive_it(tmp_path):
    script = """
import time
before = time.ticks_ms()
after = time.ticks_add(before, 40000)
there, back = time.ticks_diff(after, before), time.ticks_diff(before, after)
answer([after < before, there, back, time.time()])
"""
    assert run_script(tmp_path, script) == [True, 40000, -40000, 0]


def test_a_fresh_boards_access_point_is_on(tmp_path):
    script = """
import network
before = network.WLAN(network.AP_IF).active()
import boot
answer([before, network.WLAN(network.AP_IF).active(), network.WLAN(network.STA_IF).isconnected()])
"""
    assert run_script(tmp_path, script) == [True, False, False]


def test_station_joins_only_when_active_and_asked(tmp_path):
    script = """
import network, time
station = network.WLAN(network.STA_IF)
try:
    station.connect("ssid", "password")
except OSError:
    refused = True
station.active(True)
time.sleep_ms(250)
idle = station.isconnected()
station.connect("ssid", "password")
while not station.isconnected():
    time.sleep_ms(10)
joined = station.ifconfig()[0]
open("wifi_down", "w").close()
answer([refused, idle, joined, station.isconnected()])
"""
    assert run_script(tmp_path, script) == [True, False, "127.0.0.1", False]


def test_rtc_memory_is_kept_in_the_boards_folder(tmp_path):
    run_script(tmp_path, "from machine import RTC; RTC().memory(b'kept'); answer(0)")

    assert (
        run_script(tmp_path, "from machine import RTC; answer(RTC().memory().decode())") == "kept"
    )


def test_i2c_finds_the_display_where_it_is_wired(tmp_path):
    script = """
from machine import Pin, SoftI2C
answer([SoftI2C(scl=Pin(5), sda=Pin(4)).scan(), SoftI2C(scl=Pin(4), sda=Pin(5)).scan()])
"""
    with VirtualOled() as oled:
        assert run_script(tmp_path, script, WATTKEEP_OLED=oled.open()) == [[0x3C], []]


def test_a_timer_cannot_wait_for_long_and_comes_while_the_board_sleeps(tmp_path):
    script = """
import time
from machine import Timer
try:
    Timer(-1).init(period=600000, callback=print)
except ValueError:
    refused = True
times = []
timer = Timer(-1)
timer.init(period=20, mode=Timer.PERIODIC, callback=lambda timer: times.append(1))
while len(times) < 3:
    time.sleep_ms(5)
timer.deinit()
time.sleep_ms(60)
answer([refused, len(times)])
"""
    assert run_script(tmp_path, script) == [True, 3]


def test_rom_is_erased_by_sectors_and_writing_only_clears_bits(tmp_path):
    script = """
import esp, flash, uctypes
flash.rom = memoryview(bytearray(8192))
start = uctypes.addressof(flash.rom) - 0x40200000
esp.flash_write(start, b"abcd")
before = bytes(flash.rom[:4])
if uctypes.addressof(flash.rom) % 4096 == 0:
    esp.flash_erase(start // 4096)
else:
    flash.rom[:] = b"\\xff" * 8192
esp.flash_write(start, b"\\x0f\\xf0\\xff\\xff")
esp.flash_write(start, b"\\xff\\xff\\x55\\xff")
refused = 0
for wrong in (lambda: esp.flash_write(start, b"abc"), lambda: esp.flash_write(start + 2, b"abcd"),
              lambda: esp.flash_write(start + 8192, b"abcd")):
    try:
        wrong()
    except OSError:
        refused += 1
answer([list(before), list(flash.rom[:4]), refused])
"""
    assert run_script(tmp_path, script) == [[0] * 4, [0x0F, 0xF0, 0x55, 0xFF], 3]

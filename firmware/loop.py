# The measuring loop: one turn asks the meter, closes windows, posts, shows, and feeds the dog.
import gc
import os
import time
from time import ticks_add, ticks_diff, ticks_ms

from machine import UART, WDT, Pin, SoftI2C, reset

from log import say, tell_error
from net import Link
from oled import Oled
from pages import Pages
from pzem import Pzem
from uplink import Uplink
from window import Window

VERSION = "0.1.0"
TURN_MS = 2
SILENT_MS = 3000
FIRST_WINDOW_MS = 2000
FIRST_REPORT_MS = 60000
REPORT_MS = 600000


def escape_wanted(wait_ms):
    # Once the meter owns the serial port there is no prompt on USB any more. So for a moment
    # after every start the flash button (pressed now, not during power-up) leaves it open.
    button = Pin(0, Pin.IN, Pin.PULL_UP)
    start = ticks_ms()
    while ticks_diff(ticks_ms(), start) < wait_ms:
        if not button.value():
            say("stopped by the button")
            return True
        time.sleep_ms(20)
    return False


def connect_display():
    return Oled(SoftI2C(scl=Pin(5), sda=Pin(4), freq=400000))


def run(settings):
    try:
        Board(settings).run()
    except Exception as error:
        tell_error(error)
        time.sleep_ms(2000)
        reset()


class Board:
    def __init__(self, settings):
        # The prompt has to let go of the port first, or it eats what the meter says.
        os.dupterm(None, 1)
        # The default buffer keeps 15 of a reply's 25 bytes. No timeout: reads take what is there.
        # After the log's UART1, because opening that one moves this one back to the USB pins.
        uart = UART(0, 9600, tx=Pin(15), rx=Pin(13), rxbuf=64, timeout=0)
        now = ticks_ms()
        say("wattkeep %s" % VERSION)
        self._interval_ms = settings["interval_s"] * 1000
        self._meter = Pzem(uart, settings["meter_address"], now)
        self._window = Window()
        self._means = [0] * 6
        self._link = Link(settings["wifi_ssid"], settings["wifi_password"], now)
        self._uplink = Uplink(settings, now)
        self._pages = Pages(connect_display, say, now)
        self._closes = ticks_add(now, self._interval_ms)
        self._heard = None
        self._report = ticks_add(now, FIRST_REPORT_MS)
        self._dog = WDT()

    def run(self):
        while True:
            self.turn(ticks_ms())
            self._dog.feed()
            time.sleep_ms(TURN_MS)

    def turn(self, now):
        self._measure(now)
        if ticks_diff(now, self._closes) >= 0:
            self._close_window(now)
        self._link.step(now)
        self._uplink.step(now, self._link.up)
        self._pages.step(now, None if self._heard is None else self._meter.values, self._note())
        if ticks_diff(now, self._report) >= 0:
            self._report_state(now)

    def _measure(self, now):
        if self._meter.step(now):
            self._window.add(self._meter.values)
            if self._meter.good == 1:
                # The very first window is short: whoever set this up is waiting for a sign of life.
                self._closes = ticks_add(now, min(FIRST_WINDOW_MS, self._interval_ms))
            if self._heard is None:
                say("meter answers")
            self._heard = now
        elif self._heard is not None and ticks_diff(now, self._heard) >= SILENT_MS:
            say("meter silent")
            self._heard = None

    def _close_window(self, now):
        self._uplink.offer(self._means if self._window.close(self._means) else None, now)
        missed = ticks_diff(now, self._closes) // self._interval_ms
        self._closes = ticks_add(self._closes, (missed + 1) * self._interval_ms)

    def _note(self):
        waiting = len(self._uplink.ring)
        if not self._link.up:
            return "no wifi %d" % waiting
        return "%d waiting" % waiting if waiting > 1 else ""

    def _report_state(self, now):
        self._report = ticks_add(now, REPORT_MS)
        gc.collect()
        say("polls %d good %d bad %d skipped; posted %d waiting %d lost %d; heap %d" % (
            self._meter.good, self._meter.bad, self._meter.skipped, self._uplink.accepted,
            len(self._uplink.ring), self._uplink.ring.lost, gc.mem_free(),
        ))  # fmt: skip

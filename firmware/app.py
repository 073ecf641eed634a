# The application: one loop whose turns measure, close windows, talk, show, and feed the dog.
import gc
import os
import sys
import time

# First of ours: it takes its room while there is a lot.
import buffers  # noqa: I001
from time import ticks_add, ticks_diff, ticks_ms

import slots
from clock import Clock
from http import Http
from log import say, tell_error
from machine import RTC, UART, Pin, SoftI2C, reset, reset_cause
from meter import Meter
from micropython import const
from net import Link
from oled import Oled
from pages import Pages, format_age
from pzem import Pzem
from store import region_bytes
from supervisor import Supervisor
from talk import Talk

VERSION = "1.0.0"
_SHORTEST_TURN_MS = const(2)
_LONGEST_TURN_MS = const(200)
_FIRST_REPORT_MS = const(60000)
_REPORT_MS = const(600000)
_MEASURE = const(0)
_WINDOWS = const(1)
_TALK = const(2)
# How long each of them may stand still before the watchdog is left hungry.
_TASKS = ("measuring", "windows", "talking")
_PATIENCE_MS = (5000, 20000, 20000)


def run(slot, is_trial, dog):
    import conf

    settings = conf.load()
    remotes = [conf.load_remote(i) for i in range(len(settings["meters"]))]
    # It has said what it had to, and its memory is wanted.
    conf = None
    del sys.modules["conf"]
    Board(settings, remotes, slot, is_trial, dog).run()


def connect_display():
    return Oled(SoftI2C(scl=Pin(5), sda=Pin(4), freq=400000))


class Board:
    def __init__(self, settings, remotes, slot, is_trial, dog):
        # The prompt has to let go of the port first, or it eats what the meter says.
        os.dupterm(None, 1)
        # The default buffer keeps 15 of a reply's 25 bytes. No timeout: reads take what is there.
        # After the log's UART1, because opening that one moves this one back to the USB pins.
        uart = UART(0, 9600, tx=Pin(15), rx=Pin(13), rxbuf=64, timeout=0)
        now = ticks_ms()
        self.boot = int.from_bytes(os.urandom(4), "little") & 0x3FFFFFFF
        self.version = VERSION
        self.slot = slot
        self.is_trial = is_trial
        self.wants_reset = False
        self.clock = Clock(now)
        say("wattkeep %s in %s, boot %08x, reset %d" % (VERSION, slot, self.boot, reset_cause()))
        self._settings = settings
        self._rtc = RTC()
        self._kept = bytearray(self._rtc.memory())
        self.meters = self._make_meters(remotes, now)
        self.pzem = Pzem(uart, [meter.address for meter in self.meters], now, settings["poll_ms"])
        self.link = Link(settings["wifi_ssid"], settings["wifi_password"], now)
        self.talk = Talk(self, Http(settings["host"], settings["port"]), settings["prefix"])
        self._pages = Pages(connect_display, say, now)
        self.meter_count = len(self.meters)
        self.configure(self.meters[0])
        self.save_rtc()
        self._report = ticks_add(now, _FIRST_REPORT_MS)
        self._supervisor = Supervisor(dog, _TASKS, _PATIENCE_MS, now)

    def _make_meters(self, remotes, now):
        settings = self._settings["meters"]
        part = region_bytes(len(settings))
        if len(self._kept) != part * len(settings):
            self._kept = bytearray(part * len(settings))
        view = memoryview(self._kept)
        meters = []
        for i in range(len(settings)):
            region = view[i * part : (i + 1) * part]
            meters.append(Meter(self, i, self._settings, remotes[i], region, now))
        return meters

    def save_rtc(self):
        for meter in self.meters:
            meter.uplink.store.save_region()
        self._rtc.memory(self._kept)

    def configure(self, meter):
        # What the server wants of a meter, and of the display where it is the first one.
        meter.configure(self._settings)
        if self.pzem.addresses[meter.index] != meter.address:
            self.pzem.listen_to([one.address for one in self.meters])
        if meter.index == 0:
            on = meter.remote.get("display", self._settings["display"])
            self._pages.configure(on, meter.remote.get("contrast", self._settings["contrast"]))

    def run(self):
        gc.collect()
        gc.threshold(4096)
        while not self.wants_reset:
            now = ticks_ms()
            self.turn(now)
            pause_ms = self._pause_ms(ticks_ms())
            if self.talk.http.busy:
                self.talk.http.wait(pause_ms)
            else:
                time.sleep_ms(pause_ms)
        self.save_rtc()
        say("restarting")
        reset()

    def _pause_ms(self, now):
        if self._pages.is_sending():
            return _SHORTEST_TURN_MS
        return max(min(self.pzem.pause_ms(now), _LONGEST_TURN_MS), _SHORTEST_TURN_MS)

    def turn(self, now):
        self.clock.step(now)
        self._try(_MEASURE, self._measure, now)
        self._try(_WINDOWS, self._close_windows, now)
        self._try(_TALK, self._talk, now)
        try:
            self._pages.step(now, self)
        except Exception as error:
            tell_error(error)  # a picture is not worth a restart
        if ticks_diff(now, self._report) >= 0:
            self._report_state(now)
        self._supervisor.feed(now)

    def _try(self, task, step, now):
        # What goes wrong in one task does not stop the others; if it goes on, the dog bites.
        try:
            step(now)
            self._supervisor.beat(task, now)
        except Exception as error:
            tell_error(error)
            time.sleep_ms(100)

    def _measure(self, now):
        fresh = self.pzem.step(now)
        if fresh is None:
            return
        meter = self.meters[self.pzem.index]
        if fresh:
            meter.add(self.pzem.values, now)
        else:
            meter.miss(now)

    def _close_windows(self, now):
        for meter in self.meters:
            if meter.close_if_due(now):
                self.save_rtc()

    def _talk(self, now):
        self.link.step(now)
        self.talk.step(now, self.link.up)

    def acknowledged(self):
        # The server took a reading, so this application does what it is for.
        self.save_rtc()
        if self.is_trial:
            self.is_trial = False
            slots.confirm()
            say("slot %s confirmed" % self.slot)

    def health(self, meter):
        store = meter.uplink.store
        return {
            "uptime_s": self.clock.ds // 10,
            "rssi_dbm": self.link.rssi_dbm(),
            "free_heap": gc.mem_free(),
            "bad_polls": meter.bad,
            "backlog": store.waiting,
            "lost": store.lost,
            "reset_cause": reset_cause(),
        }

    def state(self):
        # The same, as short as it goes with every post.
        return b'"uptime_s":%d,"firmware":"%s","rssi_dbm":%d,"free_heap":%d,' % (
            self.clock.ds // 10, VERSION.encode(), self.link.rssi_dbm(), gc.mem_free(),
        )  # fmt: skip

    # What the display asks for

    def value_of(self, index, page):
        meter = self.meters[index]
        return meter.values[page] if meter.is_heard else None

    def name_of(self, index):
        return "#%d" % self.meters[index].address if self.meter_count > 1 else ""

    def _waiting(self):
        return sum(meter.uplink.store.waiting for meter in self.meters)

    def note(self):
        waiting = self._waiting()
        if not self.link.up:
            return "no wifi %d" % waiting
        return "%d waiting" % waiting if waiting > 1 else ""

    def status_lines(self):
        uplink = self.meters[0].uplink
        sent = "never"
        if uplink.acked_ds is not None:
            sent = format_age((self.clock.ds - uplink.acked_ds) // 10)
        wifi = "WiFi %d dBm" % self.link.rssi_dbm() if self.link.up else "WiFi down"
        error = "meter silent" if not self.meters[0].is_heard else uplink.error or "OK"
        return wifi, "sent " + sent, "waiting %d" % self._waiting(), error[:16], VERSION

    def _report_state(self, now):
        self._report = ticks_add(now, _REPORT_MS)
        gc.collect()
        uplink = self.meters[0].uplink
        say("polls %d good %d bad %d skipped; posted %d waiting %d lost %d; heap %d" % (
            self.pzem.good, self.pzem.bad, self.pzem.skipped, uplink.accepted,
            self._waiting(), uplink.store.lost, gc.mem_free(),
        ))  # fmt: skip

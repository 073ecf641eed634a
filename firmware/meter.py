# One meter on the line: its window, when that closes, and where its windows go.
import json
import os
from time import ticks_add, ticks_diff

from log import say
from micropython import const
from store import Store
from uplink import Identity, Uplink
from window import Window

_SILENT_MS = const(3000)
_FIRST_WINDOW_MS = const(2000)


class Meter:
    def __init__(self, board, index, settings, remote, region, now):
        given = settings["meters"][index]
        self._given = given
        self.index = index
        self.remote = remote
        self.name = "#%d: " % index if len(settings["meters"]) > 1 else ""
        self.values = [0] * 6
        self.is_heard = False
        self.bad = 0
        self.send_log = False
        self.synced_ds = None  # when configuration was last talked about
        self.sync_due = None
        self.sync_failures = 0
        self._heard = now
        self._good = 0
        self._window = Window()
        self._means = [0] * 8
        store = Store("/q%d" % index, region, board.boot, board.clock)
        identity = Identity(given["key"], settings["signed"])
        self.uplink = Uplink(store, board.clock, identity, self.name, now)
        self.configure(settings)
        self._closes = ticks_add(now, self._interval_ms)

    def configure(self, settings):
        remote = self.remote
        self._interval_ms = remote.get("interval_s", settings["interval_s"]) * 1000
        self.address = remote.get("address", self._given.get("address", 0xF8))

    def save(self):
        # What the server set must outlive the power. A rename is all or nothing.
        name = "/remote%d" % self.index
        with open(name + ".new", "w") as file:
            json.dump(self.remote, file)
        os.rename(name + ".new", name)

    def add(self, values, now):
        self._window.add(values)
        for i in range(6):
            self.values[i] = values[i]
        self._good += 1
        if self._good == 1:
            # The very first window is short: whoever set this up is waiting for a sign of life.
            self._closes = ticks_add(now, min(_FIRST_WINDOW_MS, self._interval_ms))
        if not self.is_heard:
            say(self.name + "meter answers")
        self.is_heard = True
        self._heard = now

    def miss(self, now):
        self.bad += 1
        if self.is_heard and ticks_diff(now, self._heard) >= _SILENT_MS:
            say(self.name + "meter silent")
            self.is_heard = False

    def close_if_due(self, now):
        late_ms = ticks_diff(now, self._closes)
        # A shorter interval from the server counts from now on.
        if late_ms < 0 and late_ms >= -self._interval_ms:
            return False
        if late_ms >= 0:
            self._window.close(self._means)
            self.uplink.offer(self._means)
            self._closes = ticks_add(
                self._closes, (late_ms // self._interval_ms + 1) * self._interval_ms
            )
            return True
        self._closes = ticks_add(now, self._interval_ms)
        return False

# The wireless link: kept up, never waited for.
from time import ticks_add, ticks_diff

import network

from log import say
from micropython import const

_FIRST_RETRY_MS = const(10000)
_LONGEST_RETRY_MS = const(160000)


class Link:
    def __init__(self, ssid, password, now):
        self._ssid = ssid
        self._password = password
        # Fresh boards open one whose password everybody knows.
        network.WLAN(network.AP_IF).active(False)
        self._station = network.WLAN(network.STA_IF)
        self._station.active(True)
        self._due = now
        self._retry_ms = _FIRST_RETRY_MS
        self.up = False

    def step(self, now):
        up = self._station.isconnected()
        if up != self.up:
            self.up = up
            say("wifi up %s" % self._station.ifconfig()[0] if up else "wifi down")
        if up:
            self._due = now
            self._retry_ms = _FIRST_RETRY_MS
        elif ticks_diff(now, self._due) >= 0:
            self._due = ticks_add(now, self._retry_ms)
            self._retry_ms = min(self._retry_ms * 2, _LONGEST_RETRY_MS)
            self._join()

    def rssi_dbm(self):
        try:
            return self._station.status("rssi")
        except (OSError, ValueError):
            return 0

    def _join(self):
        try:
            if self._ssid:
                self._station.connect(self._ssid, self._password)
            else:
                self._station.connect()
        except OSError as error:
            say("wifi: %r" % error)

# The board's `network`: a station that joins after a moment, and the access point it starts with.
import os
import time

from micropython import const

STA_IF = 0
AP_IF = 1
_STAT_IDLE = const(0)
_STAT_CONNECTING = const(1)
_STAT_WRONG_PASSWORD = const(2)
_STAT_NO_AP_FOUND = const(3)
_STAT_CONNECT_FAIL = const(4)
_STAT_GOT_IP = const(5)

_JOIN_MS = const(200)


def _is_jammed():
    # A file of this name in the board's folder takes the network away.
    try:
        os.stat(os.host + "wifi_down")
        return True
    except OSError:
        return False


class _Interface:
    def __init__(self, number):
        self.number = number
        self.is_active = number == AP_IF
        self.joining = None


_interfaces = (_Interface(STA_IF), _Interface(AP_IF))


class WLAN:
    def __init__(self, number=STA_IF):
        self._it = _interfaces[number]

    def active(self, wanted=None):
        if wanted is None:
            return self._it.is_active
        self._it.is_active = bool(wanted)
        if not wanted:
            self._it.joining = None

    def connect(self, ssid=None, key=None):
        if self._it.number != STA_IF or not self._it.is_active:
            raise OSError("STA must be active")
        if self._it.joining is None:
            self._it.joining = time.ticks_ms()

    def disconnect(self):
        self._it.joining = None

    def isconnected(self):
        it = self._it
        if not it.is_active or it.joining is None or _is_jammed():
            return False
        return time.ticks_diff(time.ticks_ms(), it.joining) >= _JOIN_MS

    def status(self, what=None):
        if what == "rssi":
            return -61
        if self._it.joining is None:
            return _STAT_IDLE
        if _is_jammed():
            return _STAT_NO_AP_FOUND
        return _STAT_GOT_IP if self.isconnected() else _STAT_CONNECTING

    def ifconfig(self, addresses=None):
        if addresses is None:
            here = "127.0.0.1" if self.isconnected() else "0.0.0.0"
            return (here, "255.0.0.0", "127.0.0.1", "127.0.0.1")

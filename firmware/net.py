# The wireless link: kept up, never waited for.
from time import ticks_add, ticks_diff

import network
import socket

from log import say

RETRY_MS = 20000


class Link:
    def __init__(self, ssid, password, now):
        self._ssid = ssid
        self._password = password
        self._station = network.WLAN(network.STA_IF)
        self._station.active(True)
        self._due = now
        self.up = False

    def step(self, now):
        up = self._station.isconnected()
        if up != self.up:
            self.up = up
            say("wifi up %s" % self._station.ifconfig()[0] if up else "wifi down")
        if up:
            self._due = now
        elif ticks_diff(now, self._due) >= 0:
            self._due = ticks_add(now, RETRY_MS)
            self._join()

    def _join(self):
        try:
            if self._ssid:
                self._station.connect(self._ssid, self._password)
            else:
                self._station.connect()
        except OSError as error:
            say("wifi: %r" % error)


def resolve(host, port):
    # May block as long as it likes, so it is asked once, while connected, and the answer is kept.
    return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0][-1]

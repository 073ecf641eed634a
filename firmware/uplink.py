# Windows on their way to the server: one HTTP/1.0 POST at a time, in steps that never block.
import gc
import select
import socket
from time import ticks_add, ticks_diff

import net
from log import say
from window import Ring

WAITING = 60
BACKLOG_PER_LIVE = 4
ANSWER_MS = 8000
FIRST_PAUSE_MS = 1000
LONGEST_PAUSE_MS = 30000
YOUNG_MS = 500

_SILENT = -1
_EAGAIN = 11
_EINPROGRESS = 115

_NULLS = (
    b'{"voltage":null,"current":null,"power":null,'
    b'"energy":null,"frequency":null,"power_factor":null}'
)


def build_body(record, age_ms):
    # One reading of the protocol from integers; young ones are stamped by the server.
    v, i, p, e, f, pf = record[:6]
    body = (
        b'{"voltage":%d.%d,"current":%d.%03d,"power":%d.%d,'
        b'"energy":%d.%03d,"frequency":%d.%d,"power_factor":%d.%02d'
        % (v // 10, v % 10, i // 1000, i % 1000, p // 10, p % 10,
           e // 1000, e % 1000, f // 10, f % 10, pf // 100, pf % 100)
    )  # fmt: skip
    if age_ms >= YOUNG_MS:
        body += b',"age_s":%d.%03d' % (age_ms // 1000, age_ms % 1000)
    return body + b"}"


def parse_status(answer, count):
    # The status of the first line of an HTTP answer, or 0.
    if count < 12 or bytes(answer[:7]) != b"HTTP/1." or answer[8] != 32:
        return 0
    status = 0
    for digit in answer[9:12]:
        if not 48 <= digit <= 57:
            return 0
        status = status * 10 + digit - 48
    return status


class Uplink:
    def __init__(self, settings, now):
        self._host = settings["host"]
        self._port = settings["port"]
        self._head = b"POST %s HTTP/1.0\r\nHost: %s:%d\r\nX-API-Key: %s\r\n" % (
            settings["path"], self._host.encode(), self._port, settings["api_key"].encode()
        )  # fmt: skip
        self._head += b"Content-Type: application/json\r\nConnection: close\r\nContent-Length: "
        self._address = None
        self._answer = bytearray(384)
        self._waste = bytearray(64)
        self.ring = Ring(WAITING)
        self._live = None  # number of the window that has not been tried yet
        self._silent = False
        self._credit = 0
        self._failures = 0
        self._next = now
        self._socket = None
        self.accepted = 0

    def offer(self, means, now):
        # A window has closed; None: the meter never answered in it.
        self.ring.expire(now)
        self._credit = BACKLOG_PER_LIVE
        # Silence is only told while it lasts. Told late, it would deny what came after it.
        self._silent = means is None
        if means is not None:
            self._live = self.ring.push(means, now)

    def step(self, now, linked):
        if self._socket is None:
            if linked and ticks_diff(now, self._next) >= 0:
                self._choose(now)
            return
        try:
            self._advance(now)
        except OSError as error:
            self._fail(now, "%r" % error)
            return
        if self._socket is not None and ticks_diff(now, self._deadline) >= 0:
            if parse_status(self._answer, self._filled):
                self._finish(now)  # answered, only the goodbye is missing
            else:
                self._fail(now, "no answer")

    def _choose(self, now):
        if self._silent:
            self._silent = False
            self._post(_SILENT, _NULLS, now)
        elif self._live is not None:
            number = self._live
            self._live = None
            self._post_window(number, now)
        elif self._credit and len(self.ring):
            self._credit -= 1
            self._post_window(self.ring.oldest(), now)

    def _post_window(self, number, now):
        record = self.ring.read(number)
        if record is not None:
            self._post(number, build_body(record, ticks_diff(now, record[6])), now)

    def _post(self, number, body, now):
        gc.collect()
        self._number = number
        self._out = memoryview(self._head + b"%d\r\n\r\n%s" % (len(body), body))
        self._sent = 0
        self._filled = 0
        self._connected = False
        self._deadline = ticks_add(now, ANSWER_MS)
        try:
            if self._address is None:
                self._address = net.resolve(self._host, self._port)
            self._socket = socket.socket()
            self._socket.setblocking(False)
            self._poller = select.poll()
            self._poller.register(self._socket, select.POLLOUT)
            self._socket.connect(self._address)
        except OSError as error:
            if error.args[0] != _EINPROGRESS:
                self._fail(now, "%r" % error)

    def _advance(self, now):
        if not self._connected:
            events = self._poller.poll(0)
            if not events:
                return
            if events[0][1] & (select.POLLERR | select.POLLHUP):
                raise OSError("not reachable")
            self._connected = True
        if self._sent < len(self._out):
            try:
                self._sent += self._socket.send(self._out[self._sent :])
            except OSError as error:
                if error.args[0] not in (_EAGAIN, _EINPROGRESS):
                    raise
            return
        room = len(self._answer) - self._filled
        target = memoryview(self._answer)[self._filled :] if room else self._waste
        count = self._socket.readinto(target)
        if count == 0:
            self._finish(now)
        elif count and room:
            self._filled += count

    def _finish(self, now):
        status = parse_status(self._answer, self._filled)
        if 200 <= status < 300:
            self._close()
            self._failures = 0
            self.accepted += 1
            self.ring.drop(self._number)
        elif 400 <= status < 500 and status not in (408, 429):
            # The server will never take this one: keeping it would only hold up the others.
            self._close()
            self._failures = 0
            self.ring.drop(self._number)
            say("refused %d %s" % (status, self._words()))
        else:
            self._fail(now, "status %d" % status)

    def _words(self):
        # The beginning of the server's own words, as far as the buffer holds them.
        start = bytes(self._answer[: self._filled]).find(b"\r\n\r\n")
        return "" if start < 0 else repr(bytes(self._answer[start + 4 : start + 100]))

    def _fail(self, now, why):
        self._close()
        pause_ms = min(FIRST_PAUSE_MS << min(self._failures, 5), LONGEST_PAUSE_MS)
        self._failures += 1
        if self._failures % 10 == 0:
            self._address = None  # perhaps the server has moved
        # A little spread, so that a street of boards does not come back in step.
        self._next = ticks_add(now, pause_ms + (now & 0xFF))
        say("post failed: %s; %d waiting, again in %d ms" % (why, len(self.ring), pause_ms))

    def _close(self):
        if self._socket is not None:
            self._socket.close()
        self._socket = self._poller = self._out = None

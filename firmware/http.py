# One HTTP/1.0 POST at a time, in steps that never block, into buffers made once.
import gc
import select
import socket
from time import ticks_add, ticks_diff

from buffers import ANSWER
from micropython import const

_BODY_BYTES = const(1024)
_ANSWER_MS = const(8000)
# As much of a line as anybody here reads.
_LINE = const(100)
_EAGAIN = const(11)
_EINPROGRESS = const(115)
# Lines of the answer's head that anybody here asks for.
_WANTED = (b"content-length", b"x-signature", b"x-total-size", b"retry-after")


def resolve(host, port):
    # May block as long as it likes, so it is asked once, while connected, and the answer is kept.
    return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0][-1]


class Http:
    def __init__(self, host, port):
        self._host = host
        self._port = port
        self._address = None
        self._answer = ANSWER
        self._view = memoryview(self._answer)
        self._socket = None
        self._failures = 0
        self.busy = False
        self.status = 0  # of the last answer; 0: none came
        self.why = ""
        self.filled = 0
        self.head = {}

    def body(self):
        return self._view[: self.filled]

    def post(self, path, headers, body, now):
        # `body` stays the caller's and unchanged until the answer is there.
        gc.collect()
        self._parts = [
            b"POST %s HTTP/1.0\r\nHost: %s:%d\r\nContent-Type: application/json\r\n%s"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n"
            % (path, self._host.encode(), self._port, headers, len(body)),
            body,
        ]
        self._sent = 0
        self.filled = 0
        self.status = 0
        self.why = ""
        self.head.clear()
        self._connected = False
        self._in_head = True
        self._deadline = ticks_add(now, _ANSWER_MS)
        self.busy = True
        try:
            self._connect()
        except OSError as error:
            self._fail("%r" % error)

    def _connect(self):
        if self._address is None:
            self._address = resolve(self._host, self._port)
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._poller = select.poll()
        self._poller.register(self._socket, select.POLLOUT)
        try:
            self._socket.connect(self._address)
        except OSError as error:
            if error.args[0] != _EINPROGRESS:
                raise

    def wait(self, ms):
        # Sleeps until something happens on the line, at most so long.
        self._poller.poll(ms)

    def step(self, now):
        # True: it is over, and `status` says how.
        try:
            self._advance()
        except OSError as error:
            self._fail("%r" % error)
        except (ValueError, IndexError):
            self._fail("not HTTP")
        if self.busy and ticks_diff(now, self._deadline) >= 0:
            self._fail("no answer")
        return not self.busy

    def _advance(self):
        if not self._connected:
            events = self._poller.poll(0)
            if not events:
                return
            if events[0][1] & (select.POLLERR | select.POLLHUP):
                raise OSError("not reachable")
            self._connected = True
        if self._parts:
            self._send()
        else:
            self._receive()

    def _send(self):
        part = self._parts[0]
        try:
            self._sent += self._socket.send(memoryview(part)[self._sent :])
        except OSError as error:
            if error.args[0] not in (_EAGAIN, _EINPROGRESS):
                raise
        if self._sent == len(part):
            self._parts.pop(0)
            self._sent = 0
            if not self._parts:
                self._poller.modify(self._socket, select.POLLIN)

    def _receive(self):
        if self.filled == _BODY_BYTES:
            if self._in_head:
                raise ValueError
            self._finish()  # more than anybody here reads
            return
        count = self._socket.readinto(self._view[self.filled :])
        if count is None:
            return
        self.filled += count
        if self._in_head:
            self._read_head()
        if not self._in_head and self.filled >= self.head.get(b"content-length", 1 << 29):
            self._finish()
        elif not count:
            if self._in_head or b"content-length" in self.head:
                raise OSError("cut off")
            self._finish()

    def _read_head(self):
        # Line by line, each gone once read: a server may send more of them than there is room for.
        start = 0
        for i in range(self.filled):
            if self._answer[i] == 10:
                line = bytes(self._view[start : min(i, start + _LINE)]).rstrip()
                start = i + 1
                if not line:
                    self._in_head = False
                    break
                self._take_line(line)
        left = self.filled - start
        if start:
            self._view[:left] = self._view[start : self.filled]
            self.filled = left

    def _take_line(self, line):
        if not self.status:
            if line[:7] != b"HTTP/1." or line[8:9] != b" ":
                raise ValueError
            self.status = int(line[9:12])
            return
        colon = line.find(b":")
        name = line[:colon].lower()
        if name in _WANTED:
            value = line[colon + 1 :].strip()
            if name != b"x-signature":
                value = int(value) if value.isdigit() else 0
            self.head[name] = value

    def _finish(self):
        self._close()
        self._failures = 0

    def _fail(self, why):
        self._close()
        self.status = 0
        self.why = why
        self._failures += 1
        if self._failures % 10 == 0:
            self._address = None  # perhaps the server has moved

    def _close(self):
        if self._socket is not None:
            self._socket.close()
        self._socket = self._poller = self._parts = None
        self.busy = False

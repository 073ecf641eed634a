# The board's `machine`: its pins, its serial port on a pty, its I2C bus on a loopback socket.
# Where the real one has a trap for firmware, so has this.
import io
import os
import select
import socket
import sys
import time

from micropython import const

_path = sys.path
sys.path = ()
try:
    from machine import *
finally:
    sys.path = _path

PWRON_RESET = 0
WDT_RESET = 1
SOFT_RESET = 4

# What the supervisor knows as "start me again".
_RESET_EXIT = const(75)
_POLL_READ = const(1)
_POLL_WRITE = const(4)


def reset():
    sys.exit(_RESET_EXIT)


def reset_cause():
    return int(os.getenv("WATTKEEP_RESET_CAUSE") or PWRON_RESET)


class Pin:
    IN = 0
    PULL_UP = 1

    def __init__(self, number, mode=None, pull=None, value=None):
        if number not in (0, 1, 2, 3, 4, 5, 9, 10, 12, 13, 14, 15, 16):
            raise ValueError("invalid pin")
        self.number = number
        self._value = value or 0

    def value(self, wanted=None):
        if wanted is not None:
            self._value = 1 if wanted else 0
        elif self.number == 0:
            # The flash button: a file in the board's folder keeps it pressed.
            try:
                os.stat(os.host + "button_down")
                return 0
            except OSError:
                return 1
        else:
            return self._value


def _number(pin, default):
    return default if pin is None else getattr(pin, "number", pin)


# Which pins UART0 is on is one switch for the whole chip: opening UART1 throws it back.
_swapped = [False]


class UART(io.IOBase):
    def __init__(self, port, baudrate=115200, *, tx=None, rx=None, rxbuf=0, timeout=0):
        if port not in (0, 1):
            raise ValueError("UART(%d) doesn't exist" % port)
        self._port = port
        self._line = None
        self._timeout = timeout
        # The built-in ring keeps 15 bytes, one of its own keeps as many as asked for.
        self._room = rxbuf or 15
        self._kept = b""
        pins = (_number(tx, 1), _number(rx, 3))
        if pins not in ((1, 3), (15, 13)):
            raise ValueError("invalid tx/rx")
        _swapped[0] = pins == (15, 13)
        if self._port == 1:
            return
        path = os.getenv("WATTKEEP_UART")
        # The meter hears nothing at another speed.
        if path and baudrate == 9600:
            if path[0] == "/":
                self._line = open(os.host[:5] + path, "r+b", 0)
                self._poll = select.poll()
                self._poll.register(self._line, select.POLLIN)
            else:
                self._line = self._poll = SteppedLine(path)

    def deinit(self):
        if self._line is not None:
            self._line.close()
            self._line = None

    def _fill(self):
        if self._line is None or not self._poll.poll(0):
            return
        arrived = self._line.read(256) or b""
        # The meter is wired to GPIO15 and 13, and the prompt keeps what it gets for itself.
        if _swapped[0] and os.duplicated[1] is None:
            self._kept = (self._kept + arrived)[: self._room]

    def any(self):
        # Whether there is something, not how much.
        if self._port == 1:
            return 0
        self._fill()
        return 1 if self._kept else 0

    def _wait(self, timeout_ms):
        start = time.ticks_ms()
        while not self.any():
            if time.ticks_diff(time.ticks_ms(), start) >= timeout_ms:
                return False
            time.sleep_ms(1)
        return True

    def _take(self, count):
        # A read that is not full yet waits for a first byte again: short reads cost the timeout.
        taken = b""
        while len(taken) < count and self._wait(self._timeout):
            while len(taken) < count and self._wait(2):
                part = self._kept[: count - len(taken)]
                self._kept = self._kept[len(part) :]
                taken += part
        return taken

    def read(self, count=256):
        if self._port == 1:
            raise OSError(22)
        return self._take(count) or None

    def readinto(self, target, count=None):
        taken = self.read(len(target) if count is None else min(count, len(target)))
        if taken is None:
            return None
        target[: len(taken)] = taken
        return len(taken)

    def write(self, data):
        if isinstance(data, str):
            data = data.encode()
        if self._port == 1:
            _console.write(data)
        elif self._line is not None and _swapped[0]:
            self._line.write(data)
        return len(data)

    def ioctl(self, operation, argument):
        if operation != 3:
            return -1
        ready = argument & _POLL_WRITE
        return ready | _POLL_READ if argument & _POLL_READ and self.any() else ready


class SteppedLine:
    # A line whose time is the board's own: each request goes out with the time it was asked at,
    # and its reply comes in as slowly as 9600 baud are in that time.
    def __init__(self, where):
        host, port = where.split(":")
        self._socket = socket.socket()
        self._socket.connect(socket.getaddrinfo(host, int(port))[0][-1])
        self._reply = b""
        self._asked = 0

    def write(self, request):
        self._asked = time.elapsed_ms()
        head = b"%d %d\n" % (self._asked, len(request))
        self._socket.write(head + bytes(request))
        count = self._socket.read(1)[0]
        self._reply = self._socket.read(count) if count else b""

    def poll(self, ms):
        # Eight bytes out, a pause, and then about a byte each millisecond.
        arrived = max(time.elapsed_ms() - self._asked - 12, 0) * 96 // 100
        self._there = min(arrived, len(self._reply))
        return self._there

    def read(self, most):
        part = self._reply[: self._there]
        self._reply = self._reply[self._there :]
        self._asked += self._there * 100 // 96
        return part

    def close(self):
        self._socket.close()


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, number=-1, **options):
        if number != -1:
            raise ValueError("no hardware timers")
        self._due = None
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, period=-1, callback=None):
        # The chip's timer cannot wait for much longer than this.
        if not 0 < period < 400000:
            raise ValueError("period")
        self._period = period
        self._mode = mode
        self._callback = callback
        self._due = time.elapsed_ms() + period
        if self._look not in time.watchers:
            time.watchers.append(self._look)

    def deinit(self):
        self._due = None

    def _look(self):
        if self._due is not None and time.elapsed_ms() >= self._due:
            self._due = self._due + self._period if self._mode == self.PERIODIC else None
            self._callback(self)


_console = open(1, "wb", 0)


class SoftI2C:
    # One message for each transfer: length, address, bytes. One byte comes back: was it taken.
    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        if _number(scl, None) == 16 or _number(sda, None) == 16:
            raise ValueError("GPIO16 cannot be open drain")
        self._bus = None
        # Only these two pins have anything on them.
        self._wired = (_number(scl, None), _number(sda, None)) == (5, 4)

    def _transfer(self, address, message):
        where = os.getenv("WATTKEEP_OLED")
        if not where or not self._wired:
            raise OSError(19)
        if self._bus is None:
            host, port = where.split(":")
            self._bus = socket.socket()
            self._bus.connect(socket.getaddrinfo(host, int(port))[0][-1])
        size = len(message)
        self._bus.write(bytes((size >> 8, size & 0xFF, address)) + message)
        if self._bus.read(1) != b"\x01":
            raise OSError(19)
        return size

    def writeto(self, address, data, stop=True):
        return self._transfer(address, bytes(data))

    def writevto(self, address, parts, stop=True):
        return self._transfer(address, b"".join(bytes(part) for part in parts))

    def scan(self):
        found = []
        for address in range(8, 120):
            try:
                self._transfer(address, b"")
                found.append(address)
            except OSError:
                pass
        return found


class WDT:
    # The supervisor plays the dog: it hears a byte now and then, or starts the board again.
    def __init__(self, id=0):
        if id != 0:
            raise ValueError("WDT(%d) doesn't exist" % id)
        handle = os.getenv("WATTKEEP_DOG")
        self._pipe = open(int(handle), "wb", 0) if handle else None
        self._fed = None
        self.feed()

    def feed(self):
        now = time.ticks_ms()
        if self._pipe and (self._fed is None or time.ticks_diff(now, self._fed) >= 500):
            self._fed = now
            self._pipe.write(b".")


class RTC:
    # Its memory survives a reset, not a power cut.
    def memory(self, data=None):
        if data is None:
            try:
                with open(os.host + "rtc_memory", "rb") as file:
                    return file.read()
            except OSError:
                return b""
        if len(data) > 492:
            raise ValueError("buffer too long")
        with open(os.host + "rtc_memory", "wb") as file:
            file.write(data)

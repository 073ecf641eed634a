"""A virtual PZEM-004T v3: a load in, the meter's own Modbus-RTU bytes out, on a pty if wanted."""

from __future__ import annotations

import contextlib
import math
import os
import select
import termios
import threading
import time
import tty
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from wattkeep.sim.faults import Faults
from wattkeep.sim.modbus import open_frame, seal_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattkeep.sim.load import Load, LoadPoint

READ_HOLDING = 0x03
READ_INPUT = 0x04
WRITE_HOLDING = 0x06
CALIBRATE = 0x41
RESET_ENERGY = 0x42

BROADCAST = 0x00
ANY_ADDRESS = 0xF8
ADDRESSES = range(0x01, ANY_ADDRESS)
ALARM_REGISTER = 0x0001
ADDRESS_REGISTER = 0x0002
INPUT_REGISTERS = 10
# Register and count, or register and value.
REGISTER_BYTES = 4

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3

COUNTER_SPAN_WH = 10_000_000
ALARM_DEFAULT_W = 23_000
BLIND_CURRENT_A = 0.020
BLIND_POWER_W = 0.4
# The measuring side lives off the mains it measures: below this there is nobody to answer.
DARK_V = 60.0
REFRESH_S = 1.0
CATCH_UP_STEP_S = 1.0
LONGEST_CATCH_UP_STEPS = 3600
# 3.5 characters end a frame on the wire; a PC's scheduler needs more grace than that.
FRAME_GAP_S = 0.006
BYTE_S = 10 / 9600


@dataclass(frozen=True, slots=True)
class MeterReading:
    """What the meter shows, in its own steps."""

    voltage_dv: int
    current_ma: int
    power_dw: int
    energy_wh: int
    frequency_dhz: int
    power_factor_c: int
    alarm: bool

    def registers(self) -> tuple[int, ...]:
        """Return the ten input registers; 32-bit values come low word first."""
        return (
            self.voltage_dv,
            self.current_ma & 0xFFFF,
            self.current_ma >> 16,
            self.power_dw & 0xFFFF,
            self.power_dw >> 16,
            self.energy_wh & 0xFFFF,
            self.energy_wh >> 16,
            self.frequency_dhz,
            self.power_factor_c,
            0xFFFF if self.alarm else 0,
        )


class VirtualPzem:
    """A meter on a load. Its counter runs on the clock whether or not anybody asks."""

    def __init__(
        self,
        load: Load,
        *,
        address: int = 1,
        energy_wh: float = 0.0,
        clock: Callable[[], float] = time.time,
        refresh_s: float = REFRESH_S,
    ) -> None:
        if address not in ADDRESSES:
            message = f"a meter's address is 1 to 247, not {address}"
            raise ValueError(message)
        self.faults = Faults()
        self.address = address
        self.alarm_w = ALARM_DEFAULT_W
        self._load = load
        self._clock = clock
        self._refresh_s = refresh_s
        self._lock = threading.RLock()
        self._energy_wh = energy_wh
        self._shown_at = clock()
        self._point = load(self._shown_at)
        self._line: Line | None = None

    def reading(self) -> MeterReading:
        """Return what the meter shows now: it looks at its load about once a second."""
        with self._lock:
            self._catch_up()
            current_a, power_w, power_factor = _seen(self._point)
            return MeterReading(
                voltage_dv=round(self._point.voltage_v * 10),
                current_ma=round(current_a * 1000),
                power_dw=round(power_w * 10),
                energy_wh=int(self._energy_wh) % COUNTER_SPAN_WH,
                frequency_dhz=round(self._point.frequency_hz * 10),
                power_factor_c=round(power_factor * 100),
                alarm=power_w >= self.alarm_w,
            )

    def answer(self, request: bytes) -> bytes:
        """Return the bytes that answer a request; none where the meter would keep silent."""
        body = open_frame(request)
        if body is None or body[0] not in (self.address, ANY_ADDRESS, BROADCAST):
            return b""
        with self._lock:
            reading = self.reading()
            if self._point.voltage_v < DARK_V:
                return b""
            reply = self._obey(body[1], body[2:], reading)
        if not reply or body[0] == BROADCAST:
            return b""
        return self.faults.spoil(seal_frame(body[:1] + reply))

    def open(self) -> str:
        """Start answering on a pty and return its path; once per meter."""
        if self._line is None:
            self._line = Line(self.answer)
        return self._line.path

    def close(self) -> None:
        """Take the meter off the wire. Its counter goes on."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _catch_up(self) -> None:
        """Add the energy used since the last look, by trapezoids of a second."""
        now = self._clock()
        if now - self._shown_at < self._refresh_s or now <= self._shown_at:
            return
        start, span_s = self._shown_at, now - self._shown_at
        steps = min(math.ceil(span_s / CATCH_UP_STEP_S), LONGEST_CATCH_UP_STEPS)
        for step in range(1, steps + 1):
            before_w = _seen(self._point)[1]
            self._point = self._load(start + span_s * step / steps)
            mean_w = (before_w + _seen(self._point)[1]) / 2
            self._energy_wh += mean_w * span_s / steps / 3600
        self._shown_at = now

    def _obey(self, function: int, rest: bytes, reading: MeterReading) -> bytes:
        """Return function and data of the reply to a frame that is for this meter."""
        if function == READ_INPUT and len(rest) == REGISTER_BYTES:
            return _read_registers(function, rest, dict(enumerate(reading.registers())))
        if function == READ_HOLDING and len(rest) == REGISTER_BYTES:
            holding = {ALARM_REGISTER: self.alarm_w, ADDRESS_REGISTER: self.address}
            return _read_registers(function, rest, holding)
        if function == WRITE_HOLDING and len(rest) == REGISTER_BYTES:
            return self._write_register(rest)
        if function == RESET_ENERGY and not rest:
            self._energy_wh = 0.0
            return bytes((function,))
        if function in (READ_INPUT, READ_HOLDING, WRITE_HOLDING, RESET_ENERGY, CALIBRATE):
            # A known function in a frame of the wrong length is noise; and calibration,
            # which would need the meter on a reference bench, is never acted upon.
            return b""
        return _refusal(function, ILLEGAL_FUNCTION)

    def _write_register(self, rest: bytes) -> bytes:
        register, value = int.from_bytes(rest[:2]), int.from_bytes(rest[2:])
        if register == ALARM_REGISTER:
            self.alarm_w = value
        elif register != ADDRESS_REGISTER:
            return _refusal(WRITE_HOLDING, ILLEGAL_ADDRESS)
        elif value not in ADDRESSES:
            return _refusal(WRITE_HOLDING, ILLEGAL_VALUE)
        else:
            self.address = value
        return bytes((WRITE_HOLDING,)) + rest


def _seen(point: LoadPoint) -> tuple[float, float, float]:
    """Return the amperes, watts and power factor that get past the meter's blind floor."""
    if point.current_a < BLIND_CURRENT_A:
        return 0.0, 0.0, 0.0
    if point.power_w < BLIND_POWER_W:
        return point.current_a, 0.0, 0.0
    return point.current_a, point.power_w, min(max(point.power_factor, 0.0), 1.0)


def _read_registers(function: int, rest: bytes, registers: dict[int, int]) -> bytes:
    start, count = int.from_bytes(rest[:2]), int.from_bytes(rest[2:])
    if not 1 <= count <= INPUT_REGISTERS:
        return _refusal(function, ILLEGAL_VALUE)
    wanted = range(start, start + count)
    if any(register not in registers for register in wanted):
        return _refusal(function, ILLEGAL_ADDRESS)
    data = b"".join(registers[register].to_bytes(2) for register in wanted)
    return bytes((function, len(data))) + data


def _refusal(function: int, code: int) -> bytes:
    return bytes((function | 0x80, code))


class Line:
    """The meter's end of a serial line: a pty and the thread that answers on it."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        # Our own handle on the far end stays open, or the line would die with its first reader.
        self._ours, self._theirs = os.openpty()
        os.set_blocking(self._ours, False)
        tty.setraw(self._theirs)
        attributes = termios.tcgetattr(self._theirs)
        # A reader gets what is there and never waits: MicroPython's files know no timeout.
        attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0
        termios.tcsetattr(self._theirs, termios.TCSANOW, attributes)
        self.path = os.ttyname(self._theirs)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="virtual-meter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._wake_write)
        self._thread.join()
        for handle in (self._wake_read, self._ours, self._theirs):
            os.close(handle)

    def _serve(self) -> None:
        request = b""
        while True:
            timeout_s = FRAME_GAP_S if request else None
            ready, _, _ = select.select([self._ours, self._wake_read], [], [], timeout_s)
            if self._wake_read in ready:
                return
            if ready:
                request = (request + os.read(self._ours, 256))[-256:]
            else:
                self._send(self._answer(request))
                request = b""

    def _send(self, reply: bytes) -> None:
        """Put the reply on the wire in two parts, each after the time 9600 baud takes for it."""
        middle = len(reply) // 2
        for part in (reply[:middle], reply[middle:]):
            time.sleep(len(part) * BYTE_S)
            # A line nobody reads from loses what is sent, as a wire does.
            with contextlib.suppress(BlockingIOError):
                os.write(self._ours, part)

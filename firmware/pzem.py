# The PZEM-004T on its serial line: ask, wait without blocking, and believe only a perfect reply.
from time import ticks_add, ticks_diff

from micropython import const

# Places in `values`.
_VOLTAGE_DV = const(0)
_CURRENT_MA = const(1)
_POWER_DW = const(2)
_ENERGY_WH = const(3)
_FREQUENCY_DHZ = const(4)
_POWER_FACTOR_C = const(5)
_ALARM = const(6)

_ANY_ADDRESS = const(0xF8)
_REPLY_BYTES = const(25)
_PERIOD_MS = const(100)
_REPLY_MS = const(150)

_CRC = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip


def crc16(data, count):
    crc = 0xFFFF
    for i in range(count):
        byte = data[i]
        crc = (crc >> 4) ^ _CRC[(crc ^ byte) & 15]
        crc = (crc >> 4) ^ _CRC[(crc ^ (byte >> 4)) & 15]
    return crc


def build_request(address):
    request = bytearray((address, 0x04, 0, 0, 0, 10, 0, 0))
    crc = crc16(request, 6)
    request[6] = crc & 0xFF
    request[7] = crc >> 8
    return request


def parse_reply(reply, address, values):
    # Fills `values` (seven integers in the meter's steps) from 25 bytes; False leaves them alone.
    if reply[1] != 0x04 or reply[2] != 20:
        return False
    if address != _ANY_ADDRESS and reply[0] != address:
        return False
    # The checksum before the words: garbage could be wider than a small integer.
    if crc16(reply, 23) != reply[23] | reply[24] << 8:
        return False
    voltage_dv = reply[3] << 8 | reply[4]
    frequency_dhz = reply[17] << 8 | reply[18]
    power_factor_c = reply[19] << 8 | reply[20]
    alarm = reply[21] << 8 | reply[22]
    if reply[7] > 1 or reply[11] > 4:  # the high words of 110 A and 1.3 times 23 kW
        return False
    current_ma = _low_word_first(reply, 5)
    power_dw = _low_word_first(reply, 9)
    if not 600 <= voltage_dv <= 2800 or not 400 <= frequency_dhz <= 700:
        return False
    if current_ma > 110000 or power_dw > 299000 or power_factor_c > 100:
        return False
    if alarm != 0 and alarm != 0xFFFF:
        return False
    values[_VOLTAGE_DV] = voltage_dv
    values[_CURRENT_MA] = current_ma
    values[_POWER_DW] = power_dw
    values[_ENERGY_WH] = _low_word_first(reply, 13)
    values[_FREQUENCY_DHZ] = frequency_dhz
    values[_POWER_FACTOR_C] = power_factor_c
    values[_ALARM] = 1 if alarm else 0
    return True


def _low_word_first(reply, at):
    return reply[at] << 8 | reply[at + 1] | reply[at + 2] << 24 | reply[at + 3] << 16


class Pzem:
    # All meters on one line, asked in turn. `index` says whose turn it was, `values` what it said.
    def __init__(self, uart, addresses, now, period_ms=_PERIOD_MS):
        self.uart = uart
        self.values = [0] * 7
        self.index = 0
        self.good = 0
        self.bad = 0
        self.skipped = 0
        self._period_ms = period_ms
        self._reply = bytearray(_REPLY_BYTES)
        self._view = memoryview(self._reply)
        self._filled = 0
        self._waste = bytearray(32)
        self._due = now
        self._asked = 0
        self._waiting = False
        self.listen_to(addresses)

    def listen_to(self, addresses):
        self.addresses = addresses
        self._requests = [build_request(address) for address in addresses]
        self._waiting = False

    def step(self, now):
        # True: `values` are fresh. False: this poll failed. None: nothing to tell yet.
        if self._waiting:
            return self._listen(now)
        if ticks_diff(now, self._due) >= 0:
            self._due = ticks_add(self._due, self._period_ms)
            self._skip_missed(now)
            self._ask(now)
        return None

    def pause_ms(self, now):
        # How long nothing needs to be done here.
        return 4 if self._waiting else max(ticks_diff(self._due, now), 0)

    def _skip_missed(self, now):
        # Deadlines that passed meanwhile are gone: polls never bunch up.
        late_ms = ticks_diff(now, self._due)
        if late_ms >= 0:
            missed = late_ms // self._period_ms + 1
            self.skipped += missed
            self._due = ticks_add(self._due, missed * self._period_ms)

    def _ask(self, now):
        # Whatever is left of an earlier reply must not be taken for the next one.
        self.index = (self.index + 1) % len(self.addresses)
        while self.uart.any():
            self.uart.readinto(self._waste)
        self.uart.write(self._requests[self.index])
        self._filled = 0
        self._asked = now
        self._waiting = True

    def _listen(self, now):
        # any() says whether, not how much: a reply comes in pieces, and is gathered.
        if self.uart.any():
            self._filled += self.uart.readinto(self._view[self._filled :]) or 0
        if self._filled < _REPLY_BYTES and ticks_diff(now, self._asked) < _REPLY_MS:
            return None
        self._waiting = False
        self._skip_missed(now)
        address = self.addresses[self.index]
        if self._filled == _REPLY_BYTES and parse_reply(self._reply, address, self.values):
            self.good += 1
            return True
        self.bad += 1
        return False

# Polls become a window's means; windows that could not be posted wait in a ring.
# All integers in the meter's steps: the board's floats would lose watt hours.
import struct
from time import ticks_diff

# V_dV, I_mA, P_dW, E_Wh, f_dHz, pf_c, tick of the window's end, waiting
_RECORD = "<HIIIHBIB"
_RECORD_BYTES = struct.calcsize(_RECORD)
_WAITING_AT = _RECORD_BYTES - 1
LONGEST_WAIT_MS = 86400000


class Window:
    def __init__(self):
        self._sums = [0] * 6
        self.samples = 0

    def add(self, values):
        sums = self._sums
        for i in range(6):
            sums[i] += values[i]
        sums[3] = values[3]  # the counter is not averaged: the last one stands
        self.samples += 1

    def close(self, means):
        # Fills `means` with the six values and starts afresh; False: not one good poll.
        n = self.samples
        sums = self._sums
        if n:
            for i in range(6):
                means[i] = sums[i] if i == 3 else (sums[i] * 2 + n) // (n * 2)
        for i in range(6):
            sums[i] = 0
        self.samples = 0
        return n > 0


class Ring:
    # Windows by number, oldest given up first. A number stays right while newer windows come in.
    def __init__(self, size):
        self._size = size
        self._store = bytearray(size * _RECORD_BYTES)
        self._head = 0
        self._tail = 0
        self._waiting = 0
        self.lost = 0

    def __len__(self):
        # Less than the span of numbers: the newest may be posted while older ones still wait.
        return self._waiting

    def push(self, means, now):
        if self._tail - self._head == self._size:
            self.lost += 1
            self.drop(self._head)
        struct.pack_into(
            _RECORD, self._store, self._at(self._tail),
            means[0], means[1], means[2], means[3], means[4], means[5], now, 1,
        )  # fmt: skip
        self._tail += 1
        self._waiting += 1
        return self._tail - 1

    def oldest(self):
        return self._head

    def read(self, number):
        # (V_dV, I_mA, P_dW, E_Wh, f_dHz, pf_c, tick of the end, waiting), or None once given up.
        if not self._head <= number < self._tail:
            return None
        return struct.unpack_from(_RECORD, self._store, self._at(number))

    def drop(self, number):
        if not self._head <= number < self._tail:
            return
        waiting_at = self._at(number) + _WAITING_AT
        if self._store[waiting_at]:
            self._store[waiting_at] = 0
            self._waiting -= 1
        self._skip_done()

    def expire(self, now):
        # The tick counter comes round after days: nothing may wait long enough to look young.
        while len(self) and ticks_diff(now, self.read(self._head)[6]) > LONGEST_WAIT_MS:
            self.lost += 1
            self.drop(self._head)

    def _at(self, number):
        return number % self._size * _RECORD_BYTES

    def _skip_done(self):
        while self._head < self._tail and not self._store[self._at(self._head) + _WAITING_AT]:
            self._head += 1

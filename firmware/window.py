# Polls become one window's means, all integers in the meter's steps: floats would lose watt hours.
from micropython import const

_ALARM = const(1)
_AFTER_SILENCE = const(2)


class Window:
    def __init__(self):
        self._sums = [0] * 6
        self.samples = 0
        self._alarm = False
        self._was_silent = False

    def add(self, values):
        sums = self._sums
        for i in range(6):
            sums[i] += values[i]
        sums[3] = values[3]  # the counter is not averaged: the last one stands
        if values[6]:
            self._alarm = True
        self.samples += 1

    def close(self, means):
        # Fills `means` with the six values, the samples and the flags, and starts afresh.
        # No sample at all is silence: six zeros that are never sent as such.
        n = self.samples
        sums = self._sums
        for i in range(6):
            if n:
                means[i] = sums[i] if i == 3 else (sums[i] * 2 + n) // (n * 2)
            else:
                means[i] = 0
            sums[i] = 0
        means[6] = n
        flags = _ALARM if self._alarm else 0
        if n and self._was_silent:
            flags |= _AFTER_SILENCE
        means[7] = flags
        self._was_silent = not n
        self._alarm = False
        self.samples = 0

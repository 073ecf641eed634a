# Time since this board started, and, once the server has told it, what time it is.
from time import ticks_add, ticks_diff


class Clock:
    def __init__(self, now):
        # Tenths of a second, because milliseconds outgrow a small integer within days.
        self.ds = 0
        # Milliseconds since 1970 when this board started; 0 until the server has answered.
        self.base_ms = 0
        self._tick = now

    def step(self, now):
        passed = ticks_diff(now, self._tick) // 100
        if passed > 0:
            self.ds += passed
            self._tick = ticks_add(self._tick, passed * 100)

    def learn(self, server_ms):
        self.base_ms = server_ms - self.ds * 100

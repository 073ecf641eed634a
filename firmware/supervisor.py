# Feeds the watchdog only while every task still gets somewhere.
from time import ticks_diff

from log import say


class Supervisor:
    def __init__(self, dog, names, most_ms, now):
        # `most_ms`: how long each task may go without a beat.
        self._dog = dog
        self._names = names
        self._most_ms = most_ms
        self._beats = [now] * len(names)
        self._hungry = False

    def beat(self, task, now):
        self._beats[task] = now

    def feed(self, now):
        for i in range(len(self._beats)):
            if ticks_diff(now, self._beats[i]) > self._most_ms[i]:
                if not self._hungry:
                    say("%s stands still" % self._names[i])
                self._hungry = True
                return
        self._dog.feed()

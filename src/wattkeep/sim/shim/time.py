# The board's `time`: ticks come round at 2**30 ms, soon after each start, and the year is 2000.
# Asked to, sleep takes no time at all: then days pass as fast as the board can work.
import sys

from micropython import const

_path = sys.path
sys.path = ()
try:
    from time import *
finally:
    sys.path = _path

_PERIOD = const(1 << 30)
_HALF = const(1 << 29)
# Every run on the bench crosses the wrap within a minute; a real board does so after 12 days.
_START = const((1 << 30) - 20000)
_host_ticks_ms = ticks_ms
host_sleep_ms = sleep_ms
_born_ms = _host_ticks_ms()
_skips = False
_skipped_ms = 0
# What wants to be called when time has passed: the virtual timers.
watchers = []


def skip_sleep():
    global _skips
    _skips = True


def elapsed_ms():
    return _host_ticks_ms() - _born_ms + _skipped_ms


def ticks_ms():
    return (elapsed_ms() + _START) & (_PERIOD - 1)


def sleep_ms(ms):
    global _skipped_ms
    if _skips and ms > 0:
        _skipped_ms += ms
    else:
        host_sleep_ms(ms)
    for watcher in watchers:
        watcher()


def sleep(seconds):
    sleep_ms(int(seconds * 1000))


def ticks_add(ticks, delta):
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) & (_PERIOD - 1)


def ticks_diff(end, start):
    return ((end - start + _HALF) & (_PERIOD - 1)) - _HALF


def time():
    # Nobody has told the board what time it is: it counts from its own epoch.
    return elapsed_ms() // 1000

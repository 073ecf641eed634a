# The board's `time`: ticks come round at 2**30 ms, soon after each start, and the year is 2000.
import sys

_path = sys.path
sys.path = ()
try:
    from time import *
finally:
    sys.path = _path

_PERIOD = 1 << 30
_HALF = _PERIOD >> 1
# Every run on the bench crosses the wrap within a minute; a real board does so after 12 days.
_START = _PERIOD - 20000
_host_ticks_ms = ticks_ms
_host_ticks_us = ticks_us
_born_ms = _host_ticks_ms()
_born_us = _host_ticks_us()


def ticks_ms():
    return (_host_ticks_ms() - _born_ms + _START) & (_PERIOD - 1)


def ticks_us():
    return (_host_ticks_us() - _born_us + _START) & (_PERIOD - 1)


def ticks_add(ticks, delta):
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) & (_PERIOD - 1)


def ticks_diff(end, start):
    return ((end - start + _HALF) & (_PERIOD - 1)) - _HALF


def time():
    # Nobody has told the board what time it is: it counts from its own epoch.
    return (_host_ticks_ms() - _born_ms) // 1000

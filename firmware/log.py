# Lines of log: out of UART1, which can only send, and the last of them kept for the server.
import sys
import time

from machine import UART

_uart = UART(1, 115200)
_born = time.ticks_ms()
_kept = bytearray(512)
_end = [0]


def say(text):
    line = "%d %s\n" % (time.ticks_diff(time.ticks_ms(), _born) // 1000, text)
    _uart.write(line)
    at = _end[0]
    for byte in line.encode():
        _kept[at % len(_kept)] = byte
        at += 1
    _end[0] = at if at < len(_kept) * 2 else at - len(_kept)


def last_lines():
    # What is kept, oldest first, without the line whose beginning is gone.
    end = _end[0]
    if end <= len(_kept):
        return _kept[:end].decode()
    cut = end % len(_kept)
    text = bytes(_kept[cut:]) + bytes(_kept[:cut])
    return text[text.find(b"\n") + 1 :].decode()


def tell_error(error):
    say("fell over: %r" % error)
    sys.print_exception(error, _uart)

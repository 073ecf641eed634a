# One line of log at a time, out of UART1, which can only send: nobody can talk back through it.
import sys
import time

from machine import UART

_uart = UART(1, 115200)
_born = time.ticks_ms()


def say(text):
    _uart.write("%d %s\n" % (time.ticks_diff(time.ticks_ms(), _born) // 1000, text))


def tell_error(error):
    say("fell over")
    sys.print_exception(error, _uart)

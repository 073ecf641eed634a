# The board's `os`: the built-in one, and the terminal that can be duplicated onto a serial port.
import sys

_path = sys.path
sys.path = ()
try:
    from os import *
finally:
    sys.path = _path

# Where the board's folder on the PC is, once the flash took its place.
host = ""

# As after power-up: the prompt sits on UART0, and keeps what arrives there to itself.
duplicated = [None, "uart0"]


def dupterm(stream, index=0):
    before = duplicated[index]
    duplicated[index] = stream
    return None if isinstance(before, str) else before

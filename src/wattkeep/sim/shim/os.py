# The board's `os`: the built-in one, and the terminal that can be duplicated onto a serial port.
import sys

_path = sys.path
sys.path = ()
try:
    from os import *
finally:
    sys.path = _path

# As after power-up: the prompt sits on UART0, and keeps what arrives there to itself.
duplicated = [None, "uart0"]


def dupterm(stream, index=0):
    before = duplicated[index]
    duplicated[index] = stream
    return None if isinstance(before, str) else before


def uname():
    return ("esp8266", "esp8266", "virtual", "virtual board", "ESP module with ESP8266")

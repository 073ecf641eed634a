# The SSD1306 display, 128 x 64, sent one strip of eight rows at a time so that no poll waits long.
import framebuf
from buffers import FRAME
from micropython import const

_WIDTH = const(128)
_STRIPS = const(8)
_ADDRESS = const(0x3C)

_INIT = (
    b"\x00"  # what follows are commands
    b"\xae"  # off while being set up
    b"\xd5\x80\xa8\x3f\xd3\x00\x40"  # clock, 64 rows, no offset, first line
    b"\x20\x00"  # left to right, then the next strip
    b"\xa1\xc8"  # both mirrored: that is upright on these modules
    b"\xda\x12\x81\x8f\xd9\xf1\xdb\x30"  # pins, contrast, precharge, deselect level
    b"\x8d\x14"  # charge pump: dark without it
    b"\xa4\xa6\xaf"  # from memory, not inverted, on
)


class Oled:
    def __init__(self, i2c):
        self._i2c = i2c
        self._view = memoryview(FRAME)
        self._data = [b"\x40", None]
        self._where = bytearray(b"\x00\x21\x00\x7f\x22\x00\x00")
        self.frame = framebuf.FrameBuffer(FRAME, _WIDTH, _STRIPS * 8, framebuf.MONO_VLSB)
        self.power_on()

    def power_on(self):
        self._i2c.writeto(_ADDRESS, _INIT)

    def set_contrast(self, contrast):
        self._i2c.writeto(_ADDRESS, bytes((0, 0x81, contrast)))

    def switch(self, on):
        self._i2c.writeto(_ADDRESS, b"\x00\xaf" if on else b"\x00\xae")

    def send_strip(self, strip):
        self._where[5] = self._where[6] = strip
        self._i2c.writeto(_ADDRESS, self._where)
        self._data[1] = self._view[strip * _WIDTH : (strip + 1) * _WIDTH]
        self._i2c.writevto(_ADDRESS, self._data)

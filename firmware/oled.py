# The SSD1306 display, 128 x 64, sent one strip of eight rows at a time so that no poll waits long.
import framebuf

WIDTH = 128
STRIPS = 8
ADDRESS = 0x3C

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
        self._buffer = bytearray(WIDTH * STRIPS)
        self._view = memoryview(self._buffer)
        self._data = [b"\x40", None]
        self._where = bytearray(b"\x00\x21\x00\x7f\x22\x00\x00")
        self.frame = framebuf.FrameBuffer(self._buffer, WIDTH, STRIPS * 8, framebuf.MONO_VLSB)
        self.power_on()

    def power_on(self):
        self._i2c.writeto(ADDRESS, _INIT)

    def send_strip(self, strip):
        self._where[5] = self._where[6] = strip
        self._i2c.writeto(ADDRESS, self._where)
        self._data[1] = self._view[strip * WIDTH : (strip + 1) * WIDTH]
        self._i2c.writevto(ADDRESS, self._data)

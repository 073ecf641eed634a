# The six pages: which value, how it is written, and when it is shown.
from time import ticks_add, ticks_diff

import framebuf

PAGE_MS = 2000
REDRAW_MS = 500
AGAIN_MS = 30000
STRIPS = 8

TITLES = ("VOLTAGE", "CURRENT", "POWER", "ENERGY", "FREQUENCY", "POWER FACTOR")
UNITS = ("V", "A", "W", "kWh", "Hz", "")
# Steps in one unit: 0.1 V, 1 mA, 0.1 W, 1 Wh, 0.1 Hz, 0.01.
_STEPS = (10, 1000, 10, 1000, 10, 100)
_WIDEST = 5


def format_value(page, value):
    # At most five characters: the most decimals the meter gives that still fit in large digits.
    steps = _STEPS[page]
    whole = str(value // steps)
    decimals = str(steps + value % steps)[1:]
    room = _WIDEST - 1 - len(whole)
    return whole + "." + decimals[:room] if room > 0 else whole


def draw_page(frame, page, value, note):
    # `value` None: the meter is silent, and nothing is shown in place of a number.
    frame.fill(0)
    frame.text(TITLES[page], 0, 0, 1)
    frame.hline(0, 10, 128, 1)
    text = "--" if value is None else format_value(page, value)
    draw_large(frame, text, (128 - 24 * len(text)) // 2, 17, 3)
    draw_large(frame, UNITS[page], 128 - 16 * len(UNITS[page]), 47, 2)
    frame.text(note, 0, 55, 1)


_cell = bytearray(8)
_letter = framebuf.FrameBuffer(_cell, 8, 8, framebuf.MONO_VLSB)


def draw_large(frame, text, left, top, scale):
    for letter in text:
        _letter.fill(0)
        _letter.text(letter, 0, 0, 1)
        for x in range(8):
            column = _cell[x]
            for y in range(8):
                if column >> y & 1:
                    frame.fill_rect(left + x * scale, top + y * scale, scale, scale, 1)
        left += 8 * scale


class Pages:
    # The display is a guest: it may fail, vanish and come back, and nobody waits for it.
    def __init__(self, connect, say, now):
        self._connect = connect
        self._say = say
        self._oled = None
        self._missed = False
        self._due = now
        self._turn = now
        self._page = 0
        self._strip = STRIPS

    def step(self, now, values, note):
        try:
            self._step(now, values, note)
        except OSError as error:
            if not self._missed:
                self._say("no display: %r" % error)
            self._missed = True
            self._oled = None
            self._due = ticks_add(now, AGAIN_MS)

    def _step(self, now, values, note):
        if ticks_diff(now, self._turn) >= PAGE_MS:
            self._page = (self._page + 1) % 6
            self._turn = ticks_add(self._turn, PAGE_MS)
            if self._oled is not None:
                self._due = now
        if self._oled is not None and self._strip < STRIPS:
            self._oled.send_strip(self._strip)
            self._strip += 1
        elif ticks_diff(now, self._due) >= 0:
            if self._oled is None:
                self._oled = self._connect()
                self._missed = False
            self._due = ticks_add(now, REDRAW_MS)
            value = None if values is None else values[self._page]
            draw_page(self._oled.frame, self._page, value, note)
            self._strip = 0

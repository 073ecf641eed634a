# The pages, six of a meter's values and one of the board's state: what they show, and when.
from time import ticks_add, ticks_diff

import framebuf
from micropython import const

_PAGE_MS = const(2000)
_REDRAW_MS = const(500)
_AGAIN_MS = const(30000)
_STRIPS = const(8)
_SHIFT_PAGES = const(30)

TITLES = ("VOLTAGE", "CURRENT", "POWER", "ENERGY", "FREQUENCY", "POWER FACTOR")
UNITS = ("V", "A", "W", "kWh", "Hz", "")
# Steps in one unit: 0.1 V, 1 mA, 0.1 W, 1 Wh, 0.1 Hz, 0.01.
_STEPS = (10, 1000, 10, 1000, 10, 100)
_WIDEST = const(5)


def format_value(page, value):
    # At most five characters: the most decimals the meter gives that still fit in large digits.
    steps = _STEPS[page]
    whole = str(value // steps)
    decimals = str(steps + value % steps)[1:]
    room = _WIDEST - 1 - len(whole)
    return whole + "." + decimals[:room] if room > 0 else whole


def draw_page(frame, page, value, note, name=""):
    # `value` None: the meter is silent, and nothing is shown in place of a number.
    frame.fill(0)
    frame.text(TITLES[page], 0, 0, 1)
    frame.text(name, 128 - 8 * len(name), 0, 1)
    frame.hline(0, 10, 128, 1)
    text = "--" if value is None else format_value(page, value)
    draw_large(frame, text, (128 - 24 * len(text)) // 2, 17, 3)
    draw_large(frame, UNITS[page], 128 - 16 * len(UNITS[page]), 47, 2)
    frame.text(note, 0, 55, 1)


def draw_status(frame, lines):
    frame.fill(0)
    frame.text("STATUS", 0, 0, 1)
    frame.hline(0, 10, 128, 1)
    for i in range(len(lines)):
        frame.text(lines[i], 0, 14 + 10 * i, 1)


def format_age(seconds):
    if seconds < 120:
        return "%d s" % seconds
    if seconds < 7200:
        return "%d min" % (seconds // 60)
    return "%d h" % (seconds // 3600)


def shift(frame, step):
    # The same pixels all day would burn in, so the picture moves by a dot now and then.
    dx = step & 1
    dy = step >> 1 & 1
    frame.scroll(dx, dy)
    if dx:
        frame.vline(0, 0, 64, 0)
    if dy:
        frame.hline(0, 0, 128, 0)


_cell = bytearray(8)
_letter = framebuf.FrameBuffer(_cell, 8, 8, framebuf.MONO_VLSB)


def draw_large(frame, text, left, top, scale):
    for i in range(len(text)):
        _letter.fill(0)
        _letter.text(text[i : i + 1], 0, 0, 1)
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
        self._strip = _STRIPS
        self._on = True
        self._contrast = 128
        self._changed = False
        self._shift = 0
        self.page = 0
        self.meter = 0

    def configure(self, on, contrast):
        self._on = on
        self._contrast = contrast
        self._changed = True

    def is_sending(self):
        return self._oled is not None and self._strip < _STRIPS

    def step(self, now, source):
        # `source` says what to show: meters, value_of, name_of, note_of and status_lines.
        try:
            self._step(now, source)
        except OSError as error:
            if not self._missed:
                self._say("no display: %r" % error)
            self._missed = True
            self._oled = None
            self._due = ticks_add(now, _AGAIN_MS)

    def _step(self, now, source):
        if ticks_diff(now, self._turn) >= _PAGE_MS:
            self._turn_page(source.meter_count)
            self._turn = ticks_add(self._turn, _PAGE_MS)
            if self._oled is not None:
                self._due = now
        if self.is_sending():
            self._oled.send_strip(self._strip)
            self._strip += 1
        elif ticks_diff(now, self._due) >= 0:
            self._due = ticks_add(now, _REDRAW_MS)
            self._draw(source)

    def _turn_page(self, meters):
        self.page += 1
        self._shift += 1
        if self.page == 6 and self.meter + 1 < meters:
            self.meter += 1
            self.page = 0
        elif self.page > 6:
            self.page = self.meter = 0

    def _draw(self, source):
        if self._oled is None:
            self._oled = self._connect()
            self._missed = False
            self._changed = True
        if self._changed:
            self._oled.set_contrast(self._contrast)
            self._oled.switch(self._on)
            self._changed = False
        if not self._on:
            return
        frame = self._oled.frame
        if self.page == 6:
            draw_status(frame, source.status_lines())
        else:
            value = source.value_of(self.meter, self.page)
            draw_page(frame, self.page, value, source.note(), source.name_of(self.meter))
        shift(frame, self._shift // _SHIFT_PAGES)
        self._strip = 0

from __future__ import annotations

import io
import socket

import pytest
from luma.core.interface.serial import i2c
from luma.core.render import canvas
from luma.oled.device import ssd1306
from PIL import Image

from wattkeep.sim.oled import HEIGHT, WIDTH, Ssd1306, VirtualOled

ON = b"\x00\x8d\x14\xa1\xc8\xaf"


class Bus:
    """The SMBus that luma asks for, led to a virtual display."""

    def __init__(self, oled):
        self._oled = oled

    def write_i2c_block_data(self, address, control, data):
        if not self._oled.take(address, bytes([control, *data])):
            raise OSError(121, "Remote I/O error")


def lit(chip):
    return {(x, y) for y, row in enumerate(chip.pixels()) for x, on in enumerate(row) if on}


def as_rows(image):
    return tuple(
        bytes(1 if image.getpixel((x, y)) else 0 for x in range(WIDTH)) for y in range(HEIGHT)
    )


@pytest.fixture
def chip():
    chip = Ssd1306()
    chip.transfer(ON)
    return chip


# luma's own call, not ours.
@pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated:DeprecationWarning")
def test_luma_draws_and_every_pixel_is_where_it_drew():
    oled = VirtualOled()
    device = ssd1306(i2c(bus=Bus(oled), address=0x3C))
    drawn = Image.new("1", (WIDTH, HEIGHT))

    with canvas(device, background=drawn) as draw:
        draw.rectangle((0, 0, 127, 63), outline="white")
        draw.line((3, 60, 120, 5), fill="white")
        draw.ellipse((40, 10, 70, 40), outline="white")
        draw.text((5, 5), "230.5 V", fill="white")
        expected = as_rows(draw._image)
    shown = oled.pixels()
    device.hide()
    hidden = oled.pixels()

    assert shown == expected
    assert sum(map(sum, shown)) > 400
    assert not any(map(any, hidden))


def test_luma_is_told_of_a_missing_display():
    oled = VirtualOled()
    oled.plugged = False

    with pytest.raises(Exception, match="not found"):
        ssd1306(i2c(bus=Bus(oled), address=0x3C))


def test_page_mode_is_the_one_after_power_on(chip):
    chip.transfer(b"\x00\xb2\x05\x11")
    chip.transfer(b"\x40\x81\x01")

    assert lit(chip) == {(0x15, 16), (0x15, 23), (0x16, 16)}


def test_horizontal_mode_fills_its_window(chip):
    chip.transfer(b"\x00\x20\x00\x21\x7e\x7f\x22\x03\x04")
    chip.transfer(b"\x40\x01\x02\x04\x08\x10")

    assert lit(chip) == {(126, 28), (127, 25), (126, 34), (127, 35)}


def test_vertical_mode_goes_down_first(chip):
    chip.transfer(b"\x00\x20\x01\x21\x00\x01\x22\x06\x07")
    chip.transfer(b"\x40\x01\x01\x01")

    assert lit(chip) == {(0, 48), (0, 56), (1, 48)}


def test_single_commands_and_data_share_a_transfer(chip):
    chip.transfer(b"\x80\xb1\x80\x03\x80\x10\x40\x01")

    assert lit(chip) == {(3, 8)}


def test_a_command_may_get_its_arguments_in_later_transfers(chip):
    for byte in b"\x21\x08\x09\x81\x20":
        chip.transfer(bytes((0x80, byte)))

    assert chip.contrast == 0x20


def test_inversion_and_all_on_touch_no_memory(chip):
    chip.transfer(b"\x40\x01")
    chip.transfer(b"\x00\xa7")
    inverted = len(lit(chip))
    chip.transfer(b"\x00\xa6\xa5")
    all_on = len(lit(chip))
    chip.transfer(b"\x00\xa4")

    assert (inverted, all_on, lit(chip)) == (128 * 64 - 1, 128 * 64, {(0, 0)})


def test_a_display_without_its_charge_pump_stays_dark():
    chip = Ssd1306()
    chip.transfer(b"\x00\xa5\xaf")

    assert lit(chip) == set()


def test_a_driver_that_forgets_the_mirrors_shows_upside_down():
    chip = Ssd1306()
    chip.transfer(b"\x00\x8d\x14\xaf")
    chip.transfer(b"\x40\x01")

    assert lit(chip) == {(127, 63)}


def test_start_line_scrolls(chip):
    chip.transfer(b"\x40\x80")
    chip.transfer(b"\x00\x45")

    assert lit(chip) == {(0, 2)}


def test_png_holds_the_same_pixels():
    oled = VirtualOled()
    oled.take(0x3C, ON)
    oled.take(0x3C, b"\x40" + bytes(range(1, 100)))

    picture = Image.open(io.BytesIO(oled.png(scale=3))).convert("RGB")
    small = picture.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)
    background = picture.getpixel((383, 191))
    rows = tuple(
        bytes(small.getpixel((x, y)) != background for x in range(WIDTH)) for y in range(HEIGHT)
    )

    assert picture.size == (384, 192)
    assert rows == oled.pixels()


def test_bus_over_a_socket_acknowledges_only_the_displays_address():
    with VirtualOled() as oled:
        host, port = oled.open().split(":")
        with socket.create_connection((host, int(port))) as bus, bus.makefile("rwb") as stream:
            answers = []
            for address, message in ((0x3C, ON), (0x3D, ON), (0x3C, b"\x40\xff")):
                stream.write(len(message).to_bytes(2) + bytes((address,)) + message)
                stream.flush()
                answers.append(stream.read(1))
            oled.plugged = False
            stream.write(b"\x00\x00\x3c")
            stream.flush()
            answers.append(stream.read(1))

    assert answers == [b"\1", b"\0", b"\1", b"\0"]
    assert sum(map(sum, oled.pixels())) == 8


def test_power_cycle_forgets():
    oled = VirtualOled()
    oled.take(0x3C, ON + b"\xa5")

    oled.power_cycle()

    assert not any(map(any, oled.pixels()))

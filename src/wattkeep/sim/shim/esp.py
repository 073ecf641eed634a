# The board's `esp`, as far as it reaches into flash: erase a sector, clear bits of what is there.
import flash
from micropython import const

_BASE = const(0x40200000)
_SECTOR = const(4096)


def flash_erase(sector):
    start = sector * _SECTOR + _BASE
    for at in range(0, _SECTOR, 256):
        if flash.is_torn() and at:
            break
        flash.rom_at(start + at, 256)[:] = b"\xff" * 256
    flash.cut_if_last()


def flash_write(start, data):
    if start % 4 or len(data) % 4:
        raise OSError(22)
    target = flash.rom_at(start + _BASE, len(data))
    for i in range(flash.torn_length(len(data))):
        target[i] &= data[i]
    flash.cut_if_last()

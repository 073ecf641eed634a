# The board's flash: littlefs in a file of sectors, and ROM that code runs from. Power may be cut in
# the middle of a write, and then nothing that follows reaches it.
import os
import time
import uctypes
import vfs

from micropython import const

SECTOR = 4096
SECTORS = 250  # what 2 MiB leave beside the firmware
NAME = "flash.bin"
_ROM_BYTES = const(320 * 1024)

rom = None
# After how many operations from now power goes (0: never), how many bytes of that one arrive.
_cut = [int(one) for one in (os.getenv("WATTKEEP_CUT") or "0:0").split(":")]


def is_torn():
    return _cut[0] == 1


def torn_length(length):
    return min(_cut[1], length) if is_torn() else length


def cut_if_last():
    if _cut[0]:
        _cut[0] -= 1
        if not _cut[0]:
            # The supervisor pulls the plug; until then nothing happens any more.
            with open(int(os.getenv("WATTKEEP_DOG")), "wb", 0) as dog:
                dog.write(b"!")
            while True:
                time.host_sleep_ms(1000)


class Flash:
    def __init__(self):
        self._file = open(NAME, "r+b", 0)
        self._blank = b"\xff" * 512

    def readblocks(self, number, buffer, offset=0):
        self._file.seek(number * SECTOR + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number, buffer, offset=0):
        self._file.seek(number * SECTOR + offset)
        self._file.write(memoryview(buffer)[: torn_length(len(buffer))])
        cut_if_last()

    def ioctl(self, operation, argument):
        if operation == 4:
            return SECTORS
        if operation == 5:
            return SECTOR
        if operation == 6:
            self._file.seek(argument * SECTOR)
            for _ in range(1 if is_torn() else SECTOR // 512):
                self._file.write(self._blank)
            cut_if_last()
            return 0


def mount():
    global rom
    here = os.getcwd()
    device = Flash()
    os.umount("/")
    os.mount(vfs.VfsLfs2(device), "/")
    os.mount(vfs.VfsPosix("/"), "/host")
    os.host = "/host" + here + "/"
    where = os.getenv("WATTKEEP_ROM_ADDRESS")
    if where:
        address, _ = where.split(":")
        rom = memoryview(uctypes.bytearray_at(int(address), _ROM_BYTES))


def rom_at(address, length):
    start = address - uctypes.addressof(rom)
    if start < 0 or start + length > len(rom):
        raise OSError(5)
    return rom[start : start + length]

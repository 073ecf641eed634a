# Power comes: what plays the chip is found in ROM, as it is on the chip, and not in the heap.
import os
import sys
import uctypes
import vfs

_address, _size = [int(one) for one in os.getenv("WATTKEEP_ROM_ADDRESS").split(":")]
_ROM = 320 * 1024
vfs.mount(vfs.VfsRom(memoryview(uctypes.bytearray_at(_address + _ROM, _size - _ROM))), "/shim")
sys.path[:] = ["/shim", ".frozen"]
import start

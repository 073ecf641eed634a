"""The MicroPython program of the `board` extra: is it there, and run it tethered to its parent."""

from __future__ import annotations

import ctypes
import importlib.util
import mmap
import os
import sys
from importlib import import_module
from pathlib import Path

from wattkeep.tether import tether_to_parent

WHEEL_MODULE = "micropython_unix"
ROM_VARIABLE = "WATTKEEP_ROM"
ADDRESS_VARIABLE = "WATTKEEP_ROM_ADDRESS"


def has_micropython() -> bool:
    """Tell whether a real MicroPython is installed beside this Python."""
    return importlib.util.find_spec(WHEEL_MODULE) is not None


def map_rom(path: Path) -> mmap.mmap:
    """Map a file into memory and tell MicroPython where: flash that code runs from, off its heap.

    What is written there is in the file at once, whatever becomes of this process.
    """
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    os.environ[ADDRESS_VARIABLE] = f"{address}:{len(memory)}"
    return memory


def main() -> None:
    """Become MicroPython: the arguments and the exit status are its own."""
    tether_to_parent()
    rom = os.environ.get(ROM_VARIABLE)
    memory = map_rom(Path(rom)) if rom else None
    status = import_module(WHEEL_MODULE).run_main(["micropython", *sys.argv[1:]])
    del memory
    sys.exit(status)


if __name__ == "__main__":
    main()

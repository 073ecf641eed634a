"""The MicroPython program of the `board` extra: is it there, and run it tethered to its parent."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module

from wattkeep.tether import tether_to_parent

WHEEL_MODULE = "micropython_unix"


def has_micropython() -> bool:
    """Tell whether a real MicroPython is installed beside this Python."""
    return importlib.util.find_spec(WHEEL_MODULE) is not None


def main() -> None:
    """Become MicroPython: the arguments and the exit status are its own."""
    tether_to_parent()
    sys.exit(import_module(WHEEL_MODULE).run_main(["micropython", *sys.argv[1:]]))


if __name__ == "__main__":
    main()

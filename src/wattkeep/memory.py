"""How a server process keeps its memory small: less garbage is looked for, and more given back."""

from __future__ import annotations

import ctypes
import gc
import importlib
import sys
import threading
import time
from contextlib import suppress
from functools import cache

# What <malloc.h> calls them.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
ARENAS = 2
GIVEN_BACK_EVERY_S = 20.0
# Set, they no longer grow with the largest piece that was ever let go.
TRIM_FROM_BYTES = 1_000_000
MAPPED_FROM_BYTES = 200_000
# Django's fields for PostgreSQL, which the REST framework asks for and nothing here uses: with
# them comes psycopg, a tenth of a home's memory.
UNUSED = "django.contrib.postgres.fields"
# What the REST framework imports for its pages and its client, in case somebody wants these.
ASKED_FOR_BY, IN_CASE = "rest_framework.compat", ("markdown", "pygments", "requests", "yaml")


def leave_out_unused() -> None:
    """Keep what only an import for safety's sake would bring out of the process."""
    sys.modules.setdefault(UNUSED, None)  # type: ignore[arg-type]  # so an import of it fails


def leave_out_pages_of_rest_framework() -> None:
    """Import the REST framework without what it takes along in case it is there: 5 MB.

    To be called once Django is set up. Others may import the same things afterwards.
    """
    absent = [name for name in IN_CASE if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # so imports fail
    try:
        importlib.import_module(ASKED_FOR_BY)
    finally:
        for name in absent:
            del sys.modules[name]


def limit_arenas() -> None:
    """Have all threads share few arenas of memory.

    To be called before the first thread: arenas that exist are kept, and used.
    """
    _mallopt(M_ARENA_MAX, ARENAS)


def keep_memory_small() -> None:
    """Keep what start-up made out of the collector, which runs less often; give memory back.

    Requests leave no cycles behind; scanning the modules for some took a tenth of the time. A rush
    of backlogs left a third of its memory in pieces among a dozen threads' arenas.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    _mallopt(M_TRIM_THRESHOLD, TRIM_FROM_BYTES)
    _mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
    give_back()
    _start_giving_back()


@cache
def _start_giving_back() -> None:
    """Give back again and again, once in a process: after a rush it is a sixth of the memory."""
    threading.Thread(target=_give_back_for_ever, daemon=True, name="wattkeep-memory").start()


def _give_back_for_ever() -> None:
    while True:
        time.sleep(GIVEN_BACK_EVERY_S)
        give_back()


def give_back() -> None:
    """Give free memory back to the system, also from between what is in use; takes some ms."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _mallopt(option: int, value: int) -> None:
    # Only where the C library knows it.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(option, value)

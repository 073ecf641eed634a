"""The low-disk guard: readings are refused before the disk is full, so that all else goes on.

A board keeps what is refused and sends it again. A database that cannot write a page can keep
nothing: no slot, no login, not even a deletion that would make room.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
MEGABYTE = 1_000_000
# Where nobody chose: a small disk would never be left alone by a reserve made for a usual one.
MOST_OF_A_DISK = 0.1


class DiskState(NamedTuple):
    """How much room the database's disk has, and how much of it readings may not take."""

    free_bytes: int
    reserve_bytes: int

    @property
    def is_almost_full(self) -> bool:
        return self.free_bytes < self.reserve_bytes


def disk_state() -> DiskState | None:
    """Return how full the disk of the database is; None for a server's, which looks after it."""
    if connection.vendor != "sqlite":
        return None
    return look_at(Path(str(connection.settings_dict["NAME"])).parent)


def look_at(folder: Path) -> DiskState:
    """Return how full the disk is on which a folder lies."""
    disk = os.statvfs(folder)
    reserve_bytes = int(settings.DISK_RESERVE_MB * MEGABYTE)
    if not settings.DISK_RESERVE_IS_CHOSEN:
        reserve_bytes = min(reserve_bytes, int(disk.f_blocks * disk.f_frsize * MOST_OF_A_DISK))
    return DiskState(disk.f_bavail * disk.f_frsize, reserve_bytes)


class DiskGuard:
    """Tells for each post whether there is room for it, and looks at most once a second."""

    def __init__(
        self,
        look: Callable[[], DiskState | None] = disk_state,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._clock = clock
        self._looked_at_s: float | None = None
        self._is_almost_full = False

    def is_almost_full(self) -> bool:
        """Tell whether readings have to be refused; a disk that cannot be looked at has room."""
        now_s = self._clock()
        if self._looked_at_s is None or now_s - self._looked_at_s >= LOOK_EVERY_S:
            self._looked_at_s = now_s
            self._look_again()
        return self._is_almost_full

    def _look_again(self) -> None:
        was_almost_full = self._is_almost_full
        try:
            state = self._look()
        except OSError as error:
            logger.warning("the disk cannot be looked at: %s", error)
            state = None
        self._is_almost_full = state is not None and state.is_almost_full
        if self._is_almost_full and not was_almost_full and state is not None:
            logger.error(
                "the disk is almost full: %d MB are free, readings are refused below %d MB",
                state.free_bytes // MEGABYTE,
                state.reserve_bytes // MEGABYTE,
            )
        elif was_almost_full and not self._is_almost_full:
            logger.warning("the disk has room again: readings are taken")

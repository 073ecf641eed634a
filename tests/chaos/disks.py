"""Disks that get full, and have room again."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager, suppress

FREE_WITHIN_S = 30
KEPT_FREE_BYTES = 256 * 1024


@contextmanager
def small_disk(folder, size):
    """Mount a small file system at `folder`; yield whether this machine lets us."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "wattkeep-chaos", folder]
    is_mounted = (
        os.geteuid() == 0
        and not subprocess.run(command, check=False, capture_output=True).returncode
    )
    try:
        yield is_mounted
    finally:
        if is_mounted:
            unmount(folder)


def unmount(folder):
    """Unmount once the last thread of a killed process has let go."""
    deadline = time.monotonic() + FREE_WITHIN_S
    while (done := subprocess.run(["umount", folder], check=False)).returncode:
        if time.monotonic() > deadline:
            done.check_returncode()
        time.sleep(0.05)


class Filler:
    """A file that takes all the room but a little."""

    def __init__(self, folder):
        self._path = folder / "filler"

    def fill(self):
        with self._path.open("wb") as file:
            while True:
                free = os.statvfs(self._path.parent)
                size = free.f_bavail * free.f_frsize - KEPT_FREE_BYTES
                # Somebody may take of the room in between.
                with suppress(OSError):
                    os.posix_fallocate(file.fileno(), 0, max(1, size))
                    return

    def empty(self):
        self._path.unlink(missing_ok=True)


class FileLimit:
    """Stands in for a full disk where none can be mounted: the database file may not grow."""

    def __init__(self, installation):
        self._installation = installation

    def fill(self):
        sizes = [one.stat().st_size for one in self._installation.data_folder.glob("*.sqlite3*")]
        self._installation.limit_files(max(sizes))

    def empty(self):
        self._installation.limit_files(None)

"""Signs of life of a worker and a beat: a file that is touched, and whether it was lately.

Both may run where nothing can be asked over the network. A file costs nothing, and looking at one
needs neither Django nor Redis, so a container's health check may do it all the time.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from hashlib import blake2b
from typing import TYPE_CHECKING

from wattkeep.places import data_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

# A worker says so every 2 seconds while it has a line to Redis, a beat with every message, each 5.
FRESH_S = 60.0
START = ".alive-"
# Containers come and go, each with a name of its own.
LEFT_BEHIND_S = 86_400
LONGEST_NAME = 40


def beat_file(role: str) -> Path:
    """Return the file of this machine's or container's worker or beat; they share the folder."""
    name = socket.gethostname()
    if len(name) > LONGEST_NAME:
        # What tells two of them apart may be at the end.
        name = f"{name[:24]}-{blake2b(name.encode(), digest_size=6).hexdigest()}"
    return data_folder() / f"{START}{role}-{name}"


def show_life(role: str) -> None:
    """Say that this process does its work; one that cannot say so goes on doing it."""
    path = beat_file(role)
    try:
        if not path.exists():
            _sweep(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.utime(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        logger.warning("the %s cannot show a sign of life: %s", role, error)


def _sweep(folder: Path) -> None:
    """Delete the signs of those that are gone for good."""
    for path in folder.glob(f"{START}*"):
        if time.time() - path.stat().st_mtime > LEFT_BEHIND_S:
            path.unlink(missing_ok=True)


def find_silence(role: str, clock: Callable[[], float] = time.time) -> str:
    """Return what is wrong with this machine's worker or beat, in words; "" if nothing is."""
    try:
        silent_s = clock() - beat_file(role).stat().st_mtime
    except OSError as error:
        return f"no {role} has shown a sign of life here: {error.strerror}"
    # A clock that was set back makes no process younger.
    if abs(silent_s) > FRESH_S:
        return f"the {role} showed its last sign of life {abs(silent_s):.0f} s ago"
    return ""

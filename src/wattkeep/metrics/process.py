"""What one server process is like: processor, memory, open files."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattkeep.metrics.families import Figures

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STARTED = time.time()


def process_figures() -> Figures:
    """Return this process's figures; what only Linux tells is left out elsewhere."""
    figures: Figures = {
        "wattkeep_cpu_seconds_total": time.process_time(),
        "wattkeep_started_seconds": _STARTED,
    }
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are not wanted as paths
    except OSError:
        return figures
    figures["wattkeep_resident_bytes"] = pages * _PAGE_BYTES
    figures["wattkeep_open_files"] = files
    return figures

"""Ends a helper process together with the process that started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PARENT_VARIABLE = "WATTKEEP_PARENT"
PR_SET_PDEATHSIG = 1


def tether_to_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends.

    Called in the child itself, before its work: `preexec_fn` is not safe in a threaded parent.
    """
    parent = int(os.environ.get(PARENT_VARIABLE, "0"))
    if not parent:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have ended before the kernel was asked.
    if os.getppid() != parent:
        sys.exit(1)

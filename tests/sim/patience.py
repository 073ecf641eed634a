"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(happened: Callable[[], object], *, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError("it never happened")
        time.sleep(0.01)

"""The keys of a fleet in a file that only its owner reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wattkeep.sim.fleet_wire import FleetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Write a new file, a key a line, mode 0600 from its first byte.

    Raises:
        FleetError: it exists already, or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - of a handle
            file.write("".join(f"{key}\n" for key in keys))
    except OSError as error:
        raise FleetError(f"{path} cannot be written: {error.strerror}.") from error


def read_keys(path: Path, count: int | None) -> list[str]:
    """Return the first `count` keys of a file, or all of them.

    Raises:
        FleetError: it cannot be read, holds fewer, or holds something else.
    """
    try:
        keys = path.read_text(encoding="ascii").split()
    except OSError as error:
        raise FleetError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise FleetError(f"{path} holds something else than keys, one a line.") from None
    if not keys or len(keys) < (count or 0):
        raise FleetError(
            f"{path} holds {len(keys):,} keys for {count or 1:,} devices. Ask for fewer, or delete "
            "it where the server is, and its devices get new ones."
        )
    return keys[:count]

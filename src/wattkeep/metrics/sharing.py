"""What workers tell each other, so that whichever is asked for `/metrics` answers for all.

Each writes its figures into a file of its own, about once a second. Counts of a worker that has
ended are kept under its place's name: sums never fall because somebody was replaced.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.metrics.families import is_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattkeep.metrics.families import Figures

ENDED = "ended"
PREFIX = "wattkeep-metrics-"
# While a worker is being replaced there are two at its place.
NO_SUMS = frozenset({"wattkeep_started_seconds", "wattkeep_loop_lag_seconds"})
# Kept in memory: nothing here outlives the server.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of random name is made inside


class Share(NamedTuple):
    """Where a worker's figures go, and which place among the workers it has."""

    folder: Path
    slot: int


_joined: list[Share] = []


def join(share: Share) -> None:
    """Make this process one of several."""
    _joined[:] = [share]


def joined() -> Share | None:
    """Return this process's place, None if it is alone."""
    return _joined[0] if _joined else None


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Make a folder for figures, and delete it at the end."""
    place = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _sweep(place)
    with tempfile.TemporaryDirectory(
        prefix=f"{PREFIX}{os.getpid()}-", dir=place, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _sweep(place: Path) -> None:
    """Delete what servers that were killed left behind."""
    for folder in place.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


def tell(share: Share, figures: Figures) -> None:
    """Let the others know this process's figures."""
    _write(share.folder / f"{share.slot}-{os.getpid()}", figures)


def merge_ended(folder: Path, slot: int, pid: int) -> None:
    """Keep what a worker that has ended counted, and forget how it was."""
    with _locked(folder, fcntl.LOCK_EX):
        path, kept = folder / f"{slot}-{pid}", folder / f"{slot}-{ENDED}"
        counts = {name: value for name, value in _read(path).items() if is_count(name)}
        _write(kept, _sum(_read(kept), counts))
        path.unlink(missing_ok=True)


def figures_of_all(folder: Path) -> dict[int, Figures]:
    """Return each place's figures: of who has it, and the counts of who had it."""
    by_slot: dict[int, Figures] = {}
    with _locked(folder, fcntl.LOCK_SH):
        for path in sorted(folder.glob("[0-9]*-*[0-9d]")):
            slot = int(path.name.partition("-")[0])
            by_slot[slot] = _sum(by_slot.get(slot, {}), _read(path))
    return by_slot


def _sum(one: Figures, other: Figures) -> Figures:
    summed = one | {name: one.get(name, 0) + value for name, value in other.items()}
    for name in NO_SUMS & one.keys() & other.keys():
        summed[name] = max(one[name], other[name])
    return summed


def _read(path: Path) -> Figures:
    try:
        figures: Figures = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return figures


def _write(path: Path, figures: Figures) -> None:
    draft = path.with_name(f".{path.name}")
    with suppress(OSError):  # a figure that nobody sees is no reason to stop
        draft.write_text(json.dumps(figures), encoding="utf-8")
        draft.replace(path)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, how)
        yield

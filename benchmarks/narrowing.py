"""Part of a core for a process: how more of them would do where there are more cores."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Short, so that a process waits often and briefly instead of rarely and long.
PERIOD_US = 10_000
FIRST_VERSION = Path("/sys/fs/cgroup/cpu")
SECOND_VERSION = Path("/sys/fs/cgroup")


def can_narrow() -> bool:
    """Tell whether processes here can be given less than a core each."""
    with suppress(OSError):
        _remove(_make("probe", 1.0))
        return True
    return False


@contextmanager
def narrowed(pids: Sequence[int], share: float) -> Iterator[None]:
    """Let each of these processes have `share` of a core, as long as this lasts.

    Raises:
        OSError: this machine's kernel or whoever we are does not allow it.
    """
    groups = []
    try:
        for pid in pids:
            groups.append(_make(str(pid), share))
            (groups[-1] / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for group in groups:
            for pid in (group / "cgroup.procs").read_text().split():
                # It may have ended since.
                with suppress(OSError):
                    (group.parent / "cgroup.procs").write_text(pid)
            _remove(group)


def _make(name: str, share: float) -> Path:
    quota_us = round(share * PERIOD_US)
    is_first = (FIRST_VERSION / "cpu.cfs_quota_us").exists()
    group = (FIRST_VERSION if is_first else SECOND_VERSION) / f"wattkeep-bench-{name}"
    group.mkdir()
    if is_first:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota_us))
    else:
        (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
    return group


def _remove(group: Path) -> None:
    with suppress(OSError):
        group.rmdir()

"""Servers as processes: started, watched through /proc, and ended whatever happens."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

START_S = 40.0
STOP_S = 20.0
TICKS_A_S = os.sysconf("SC_CLK_TCK")


class Process:
    """A server and everything it starts; with `trace`, its fsyncs are written to that file."""

    def __init__(
        self,
        command: list[str],
        *,
        log: Path,
        env: dict[str, str] | None = None,
        user: str | None = None,
        trace: Path | None = None,
    ) -> None:
        self._is_traced = trace is not None
        if trace is not None:
            strace = ["strace", "-f", "--seccomp-bpf", "-ttt", "-e", "trace=fsync,fdatasync"]
            command = [*strace, "-o", str(trace), *command]
        if setpriv := shutil.which("setpriv"):
            # Killed together with us, however we end.
            command = [setpriv, "--pdeathsig", "INT", "--", *command]
        self._log = log.open("ab")
        self._popen = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            **as_user(user),
            cwd="/",
        )

    @property
    def ended(self) -> bool:
        return self._popen.poll() is not None

    def pids(self) -> list[int]:
        """Return the server's processes: this one and all below it, strace left out."""
        found = tree(self._popen.pid)
        return found[1:] if self._is_traced else found

    def stop(self) -> None:
        """Ask it to end, and kill what has not within some seconds."""
        pids = self.pids()
        with suppress(ProcessLookupError, IndexError):
            os.kill(pids[0], signal.SIGINT)
        try:
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            for pid in [*pids, self._popen.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._popen.wait()
        self._log.close()


def as_user(user: str | None) -> dict[str, Any]:
    """Return what makes subprocess run something as another user, with nothing of ours."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def tree(root: int) -> list[int]:
    """Return a process and everything it started, the process first."""
    found = [root]
    for pid in found:
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                children = (task / "children").read_text()
                found.extend(int(child) for child in children.split())
    return found


def cpu_s(pids: list[int]) -> float:
    """Return the CPU-seconds these processes and their ended children have used."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS_A_S


def memory_mib(pids: list[int]) -> float:
    """Return the resident memory of these processes, shared pages counted once (PSS)."""
    kib = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
    return kib / 1024


def fsyncs(trace: Path, begin: float, end: float) -> int:
    """Count the fsyncs that `strace -ttt` saw between two times."""
    count = 0
    for line in trace.read_text(errors="replace").splitlines():
        parts = line.split(maxsplit=2)
        if len(parts) == 3 and "sync(" in parts[2] and begin <= float(parts[1]) <= end:  # noqa: PLR2004
            count += 1
    return count


def wait_until(is_ready: Callable[[], bool], what: str, process: Process | None = None) -> None:
    """Return once `is_ready()`; RuntimeError if `process` ends before or it takes too long."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process is not None and process.ended:
            break
        if is_ready():
            return
        time.sleep(0.05)
    raise RuntimeError(f"{what} did not start")


def answers(url: str) -> bool:
    """Tell whether anything answers HTTP there, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False

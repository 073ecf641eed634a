"""Keeps one helper process running: starts it again as asked, and never leaves it behind."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import wattkeep
from wattkeep.tether import PARENT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RESET_EXIT = 75
# What a process writes to its watchdog to have its power cut.
POWER_CUT = b"!"
POWER_CUT_STATUS = -9
DOG_VARIABLE = "WATTKEEP_DOG"
CAUSE_VARIABLE = "WATTKEEP_RESET_CAUSE"
POLL_S = 0.1
RESTART_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, where, and with what added to the environment."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path


class Supervisor:
    """Runs a command on a thread of its own until stopped.

    The thread lives as long as its process may: the process is tethered to that very thread.
    `decide` gets each exit status and answers the next life's reset cause, or None to stay down.
    `vary` adds to each life's environment.
    """

    def __init__(
        self,
        command: Command,
        decide: Callable[[int | None], int | None],
        *,
        dog_s: float | None = None,
        vary: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._command = command
        self._decide = decide
        self._dog_s = dog_s
        self._vary = vary
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self.starts = 0
        self.last_status: int | None = None

    @property
    def pid(self) -> int | None:
        """The process of the present life."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        self._thread.start()

    def is_running(self) -> bool:
        return self._thread.is_alive() and not self._stopping.is_set()

    def stop(self) -> None:
        """Kill the process and wait until it is gone."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _supervise(self) -> None:
        cause: int | None = 0
        while cause is not None and not self._stopping.is_set():
            self.last_status = self._live_once(cause)
            cause = None if self._stopping.is_set() else self._decide(self.last_status)
            if cause is not None:
                self._stopping.wait(RESTART_PAUSE_S)

    def _live_once(self, cause: int) -> int | None:
        """Run the process to its end and return its exit status; None: the watchdog bit."""
        dog, dog_theirs = os.pipe()
        try:
            with self._command.log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  (our own interpreter)
                    self._command.arguments,
                    cwd=self._command.folder,
                    env=self._environment(cause, dog_theirs),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(dog_theirs,),
                    # Ctrl-C is for the parent, which then ends this one itself.
                    process_group=0,
                )
            self.starts += 1
            return self._watch(self._process, dog)
        finally:
            os.close(dog)
            os.close(dog_theirs)

    def _environment(self, cause: int, dog: int) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": python_path(),
            PARENT_VARIABLE: str(os.getpid()),
            DOG_VARIABLE: str(dog),
            CAUSE_VARIABLE: str(cause),
            **self._command.environment,
            **(self._vary() if self._vary else {}),
        }

    def _watch(self, process: subprocess.Popen[bytes], dog: int) -> int | None:
        fed_at: float | None = None
        try:
            while not self._stopping.is_set():
                if (status := process.poll()) is not None:
                    return status
                ready, _, _ = select.select([dog], [], [], POLL_S)
                if ready:
                    if POWER_CUT in os.read(dog, 4096):
                        return POWER_CUT_STATUS
                    fed_at = time.monotonic()
                elif self._is_starved(fed_at):
                    return None
            return 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def _is_starved(self, fed_at: float | None) -> bool:
        if fed_at is None or self._dog_s is None:
            return False
        return time.monotonic() - fed_at > self._dog_s


def python_path() -> str:
    """Return a search path with which a helper process finds this very package."""
    package_root = str(Path(wattkeep.__file__).resolve().parent.parent)
    return os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH", "")]))


def read_tail(log: Path, lines: int) -> str:
    """Return the last lines of a log; nothing where there is none yet."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])

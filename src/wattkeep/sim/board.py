"""A virtual board: a real MicroPython that runs the firmware unmodified on our pins."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from wattkeep.sim.supervisor import RESET_EXIT, Command, Supervisor, read_tail

if TYPE_CHECKING:
    from collections.abc import Mapping

SHIM = Path(__file__).resolve().parent / "shim"
PACKED_FIRMWARE = Path(__file__).resolve().parent / "_firmware"
REPOSITORY_FIRMWARE = Path(__file__).resolve().parents[3] / "firmware"
LOG_NAME = "board.log"
# What the board has, on a PC: twice as wide pointers, and our own modules in it as well.
HEAP = "71K"
SOFT_RESET = 4
WATCHDOG_RESET = 1
# The board's own dog bites after 3.2 s. A busy PC may hold a process up for that long.
DOG_S = 15.0


def firmware_path() -> Path:
    """Return the folder of the firmware: the installed package's, or the repository's."""
    for folder in (PACKED_FIRMWARE, REPOSITORY_FIRMWARE):
        if (folder / "main.py").is_file():
            return folder
    raise FileNotFoundError(
        f"the firmware is neither in {PACKED_FIRMWARE} nor in {REPOSITORY_FIRMWARE}"
    )


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the board's pins lead to: the meter's pty and the display's `host:port`."""

    uart: str
    oled: str | None = None


@dataclass(frozen=True, slots=True)
class BoardKind:
    """What the board is made of: its program, its heap, and how long its watchdog waits."""

    firmware: Path | None = None
    heap: str = HEAP
    dog_s: float = DOG_S


class VirtualBoard:
    """A board in a folder of its own, which is its flash: config.json, what it keeps, its log."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, object],
        wiring: Wiring,
        kind: BoardKind | None = None,
    ) -> None:
        kind = kind or BoardKind()
        self.folder = folder
        self.log = folder / LOG_NAME
        self._config = dict(config)
        command = Command(
            arguments=(
                *(sys.executable, "-P", "-m", "wattkeep.sim.micropython"),
                *("-X", f"heapsize={kind.heap}", str(SHIM / "power_on.py")),
            ),
            folder=folder,
            environment={
                "MICROPYPATH": os.pathsep.join(
                    (str(SHIM), str(kind.firmware or firmware_path()), ".frozen")
                ),
                "WATTKEEP_UART": wiring.uart,
                "WATTKEEP_OLED": wiring.oled or "",
            },
            log=self.log,
        )
        self._supervisor = Supervisor(command, _next_reset_cause, dog_s=kind.dog_s)

    @property
    def pid(self) -> int | None:
        """The process that is the board at present."""
        return self._supervisor.pid

    @property
    def starts(self) -> int:
        """How often the board has started: 1 after power on, one more for each reset."""
        return self._supervisor.starts

    def start(self) -> None:
        """Write the settings and switch the board on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.json").write_text(json.dumps(self._config), encoding="utf-8")
        # What survives a reset does not survive a power cut, and this is power on.
        (self.folder / "rtc_memory").unlink(missing_ok=True)
        self._supervisor.start()

    def is_running(self) -> bool:
        """Tell whether the board runs; False once it has dropped to its prompt."""
        return self._supervisor.is_running()

    def poll(self) -> int | None:
        """Return None while the board runs or restarts, else how its last life ended."""
        return None if self.is_running() else self._supervisor.last_status

    def log_tail(self, lines: int) -> str:
        """Return the last lines the board has logged."""
        return read_tail(self.log, lines)

    def stop(self) -> None:
        """Pull the plug."""
        self._supervisor.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _next_reset_cause(status: int | None) -> int | None:
    """Return why the board starts again after this exit status, or None if it does not."""
    if status == RESET_EXIT:
        return SOFT_RESET
    # None: the watchdog bit. Below zero: somebody killed it, which is a power cut and back.
    if status is None:
        return WATCHDOG_RESET
    return 0 if status < 0 else None

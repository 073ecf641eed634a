"""A virtual board: a real MicroPython that runs the firmware unmodified on our pins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from wattkeep.domain.romfs import build_romfs
from wattkeep.firmware import build_application, compile_module, firmware_path, fixed_files
from wattkeep.sim.micropython import ROM_VARIABLE
from wattkeep.sim.supervisor import RESET_EXIT, Command, Supervisor, python_path, read_tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SHIM = Path(__file__).resolve().parent / "shim"
MICROPYTHON = (sys.executable, "-P", "-m", "wattkeep.sim.micropython")
LOG_NAME = "board.log"
FLASH_NAME = "flash.bin"
ROM_NAME = "rom.bin"
# What MicroPython's image with ROMFS keeps for it: two slots.
ROM_BYTES = 320 * 1024
# What the board has, on a PC: twice as wide pointers, and our own modules in it as well.
HEAP = "71K"
SOFT_RESET = 4
WATCHDOG_RESET = 1
# The board's own dog bites after 3.2 s. A busy PC may hold a process up for that long.
DOG_S = 15.0


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the board's pins lead to: the meters' pty and the display's `host:port`.

    A `uart` that is itself a `host:port` is a stepped line: on it the board's sleep takes no time.
    """

    uart: str
    oled: str | None = None


@dataclass(frozen=True, slots=True)
class BoardKind:
    """What the board is made of: its program, its heap, and how long its watchdog waits.

    `cuts` gives, for each of its lives in turn, after how many operations on flash the power goes
    and how many bytes of that one arrive; None: not in this life.
    """

    firmware: Path | None = None
    heap: str = HEAP
    dog_s: float = DOG_S
    cuts: Callable[[], tuple[int, int] | None] | None = None


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
        self._kind = kind
        self.folder = folder
        self.log = folder / LOG_NAME
        self._config = dict(config)
        command = Command(
            arguments=(
                *MICROPYTHON,
                *("-X", f"heapsize={kind.heap}", str(SHIM / "power_on.py")),
            ),
            folder=folder,
            environment={
                "MICROPYPATH": os.pathsep.join((str(SHIM), ".frozen")),
                ROM_VARIABLE: str(folder / ROM_NAME),
                "WATTKEEP_UART": wiring.uart,
                "WATTKEEP_OLED": wiring.oled or "",
            },
            log=self.log,
        )
        self._supervisor = Supervisor(
            command, self._next_reset_cause, dog_s=kind.dog_s, vary=self._cut
        )

    @property
    def pid(self) -> int | None:
        """The process that is the board at present."""
        return self._supervisor.pid

    @property
    def starts(self) -> int:
        """How often the board has started: 1 after power on, one more for each reset."""
        return self._supervisor.starts

    def start(self) -> None:
        """Put firmware and settings onto its flash, where they are not, and switch it on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files = {"/config.json": json.dumps(self._config).encode()}
        application = None
        if not (self.folder / FLASH_NAME).exists():
            firmware = self._kind.firmware or firmware_path()
            files |= fixed_files(firmware)
            application = build_application(firmware)
        write_rom(self.folder, application)
        write_flash(self.folder, files)
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

    def _cut(self) -> dict[str, str]:
        cut = self._kind.cuts() if self._kind.cuts else None
        return {"WATTKEEP_CUT": f"{cut[0]}:{cut[1]}" if cut else ""}

    def _next_reset_cause(self, status: int | None) -> int | None:
        """Return why the board starts again after this exit status, or None if it does not."""
        if status == RESET_EXIT:
            return SOFT_RESET
        # None: the watchdog bit. Below zero: somebody killed it, which is a power cut and back.
        if status is None:
            return WATCHDOG_RESET
        if status < 0:
            (self.folder / "rtc_memory").unlink(missing_ok=True)
            return 0
        return None


def write_rom(folder: Path, application: bytes | None) -> None:
    """Write the ROM of the board in `folder`: an application if given, and what plays the chip."""
    path = folder / ROM_NAME
    slots = path.read_bytes()[:ROM_BYTES] if application is None else application
    chip = build_romfs({f"{file.stem}.mpy": compile_module(file) for file in SHIM.glob("*.py")})
    path.write_bytes(slots.ljust(ROM_BYTES, b"\xff") + chip)


def write_flash(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files onto the flash of the board in `folder`, which is made if there is none."""
    with tempfile.TemporaryDirectory() as sources:
        pairs = []
        for number, (target, content) in enumerate(files.items()):
            source = Path(sources) / str(number)
            source.write_bytes(content)
            pairs.append((str(source), target))
        (folder / "flash.json").write_text(json.dumps(pairs), encoding="utf-8")
        done = subprocess.run(  # noqa: S603  (our own interpreter)
            [*MICROPYTHON, "-X", "heapsize=4M", str(SHIM / "make_flash.py")],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": python_path(),
                "MICROPYPATH": os.pathsep.join((str(SHIM), ".frozen")),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        (folder / "flash.json").unlink()
        if done.returncode:
            raise RuntimeError(f"the flash could not be written: {done.stdout}{done.stderr}")

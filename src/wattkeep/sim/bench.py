"""The whole bench on one load: virtual meter, virtual display, and a board that posts."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from wattkeep.firmware import firmware_path
from wattkeep.sim.board import VirtualBoard, Wiring
from wattkeep.sim.micropython import has_micropython
from wattkeep.sim.oled import VirtualOled
from wattkeep.sim.pzem import VirtualPzem
from wattkeep.sim.supervisor import Command, Supervisor, read_tail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wattkeep.sim.load import Load

__all__ = ["Bench", "firmware_path", "start_bench"]


@dataclass(frozen=True, slots=True)
class Bench:
    """A running bench; close it, or use it as a context."""

    kind: Literal["micropython", "sender"]
    meter: VirtualPzem
    oled: VirtualOled | None
    log: Path
    folder: Path
    alive: Callable[[], bool]
    _stop: Callable[[], None]

    def log_tail(self, lines: int) -> str:
        """Return the last lines the board has logged."""
        return read_tail(self.log, lines)

    def close(self) -> None:
        """Switch everything off; nothing is left running."""
        self._stop()
        if self.oled is not None:
            self.oled.close()
        self.meter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_bench(  # noqa: PLR0913  (the bench's whole wiring, by keyword)
    *,
    url: str,
    api_key: str,
    load: Load,
    energy_wh: float,
    workdir: Path,
    interval_s: int = 10,
    signed: bool = True,
    meter_address: int = 1,
    force_sender: bool = False,
) -> Bench:
    """Start a meter on `load` and a board that posts to `url`, with its flash in `workdir`.

    Where there is no MicroPython for this machine, a plain Python sender stands in for the board.
    """
    config: dict[str, object] = {
        "wifi_ssid": "bench",
        "wifi_password": "bench",
        "server": url.rstrip("/"),
        "meters": [{"address": meter_address, "key": api_key}],
        "signed": signed,
        "interval_s": interval_s,
    }
    workdir.mkdir(parents=True, exist_ok=True)
    meter = VirtualPzem(load, address=meter_address, energy_wh=energy_wh)
    uart = meter.open()
    if force_sender or not has_micropython():
        return _start_sender(meter, uart, config, workdir)
    oled = VirtualOled()
    board = VirtualBoard(workdir, config, Wiring(uart=uart, oled=oled.open()))
    board.start()
    return Bench("micropython", meter, oled, board.log, workdir, board.is_running, board.stop)


def _start_sender(meter: VirtualPzem, uart: str, config: dict[str, object], workdir: Path) -> Bench:
    settings = workdir / "config.json"
    settings.write_text(json.dumps(config), encoding="utf-8")
    command = Command(
        arguments=(sys.executable, "-P", "-m", "wattkeep.sim.sender", str(settings), uart),
        folder=workdir,
        environment={},
        log=workdir / "sender.log",
    )
    # It has nothing to keep, so whatever ended it, the next life is as good.
    supervisor = Supervisor(command, lambda _: 0)
    supervisor.start()
    return Bench(
        "sender", meter, None, command.log, workdir, supervisor.is_running, supervisor.stop
    )

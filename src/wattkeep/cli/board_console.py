"""`wattkeep board console`: the board's prompt, or what it logs."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import click

from wattkeep.cli.board_tools import EXTRA, find_tool

BAUD = "115200"


@click.command()
@click.option("--port", required=True, help="Of the board, or with --log of the adapter on D4.")
@click.option("--log", "wants_log", is_flag=True, help="Show the log, which comes out of D4.")
def console(port: str, wants_log: bool) -> None:
    """Open MicroPython's prompt on a board, or with --log show what it writes.

    The firmware gives the board's serial line to the meter. For the prompt, press RST and then
    hold FLASH for two seconds: the firmware stops before it starts. The log comes out of D4
    (GPIO2); an adapter's RX has to be wired to it. Ctrl-] ends both.
    """
    if wants_log:
        if find_spec("serial") is None:
            raise click.ClickException(f"pyserial is missing. Install it: {EXTRA}")
        words = [sys.executable, "-m", "serial.tools.miniterm", "--raw", port, BAUD]
    else:
        click.echo("Press RST, then hold FLASH for two seconds. Then press Enter here.", err=True)
        words = [find_tool("mpremote"), "connect", port, "resume", "repl"]
    status = subprocess.run(words, check=False).returncode  # noqa: S603 - our own words, no shell
    if status:
        raise click.ClickException(
            f"{port} could not be used. `ls /dev/ttyUSB* /dev/ttyACM*` shows what is plugged in."
        )

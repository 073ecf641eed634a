"""`wattkeep board flash`: MicroPython and the firmware onto a board, step by step."""

from __future__ import annotations

import json
import shlex
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wattkeep.cli.board_steps import WIRES_HINT, Plan, plan_steps
from wattkeep.cli.board_tools import find_tool, run_tool
from wattkeep.cli.firmware_build import build_firmware

if TYPE_CHECKING:
    from wattkeep.cli.board_steps import Step

IMAGE_MAGIC = 0xE9
LEAST_IMAGE_BYTES = 500_000
STEP_S = 300.0
TRY_PAUSE_S = 2.0
SHOWN_LINES = 15
IMAGE_PAGE = "https://micropython.org/download/ESP8266_GENERIC/"


@click.command()
@click.option("--port", help="Where the board is plugged in, e.g. /dev/ttyUSB0.")
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="MicroPython, a file you downloaded: ESP8266_GENERIC-FLASH_2M_ROMFS-….bin.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default="config.json",
    show_default=True,
    help="The board's settings, from `wattkeep board new`.",
)
@click.option(
    "--source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The firmware's folder.  [default: the one that came with Wattkeep]",
)
@click.option("--files-only", is_flag=True, help="MicroPython is on the board: leave it there.")
@click.option("--flash-mode", type=click.Choice(["qio", "qout", "dio", "dout"]))
@click.option("--baud", type=int, default=460_800, show_default=True)
@click.option("--dry-run", is_flag=True, help="Print the steps and do nothing.")
def flash(
    port: str | None,
    image: Path | None,
    config: Path,
    source: Path | None,
    files_only: bool,
    flash_mode: str | None,
    baud: int,
    dry_run: bool,
) -> None:
    """Put MicroPython and Wattkeep's firmware onto a board, and check that it took them.

    Everything that was on the board is erased. docs/first-flash.md leads through it.
    """
    if files_only:
        image = None
    elif image is None:
        raise click.UsageError(
            "give --image, a file with MicroPython: download the newest one with FLASH_2M_ROMFS in "
            f"its name from {IMAGE_PAGE}. With --files-only the MicroPython on the board stays."
        )
    else:
        check_image(image)
    check_config(config)
    if port is None:
        port = "PORT" if dry_run else _only_port()
    plan = Plan(port, image, config, build_firmware(source), flash_mode, baud)
    with tempfile.TemporaryDirectory(prefix="wattkeep-flash-") as folder:
        steps = plan_steps(plan, Path(folder))
        if dry_run:
            _print_steps(steps, folder)
            return
        _run_steps(steps)
    click.echo(
        f"\nThe board has firmware {plan.build.version} and starts now. Look at the device's page: "
        "within a minute it says *Meter silent*. Then unplug the board and wire the meter; begin "
        "with the part about mains in docs/wiring.md."
    )


def check_image(image: Path) -> None:
    """Raise click.ClickException unless the file can be the MicroPython that the firmware needs."""
    with image.open("rb") as file:
        magic = file.read(1)
    where = f"Take the newest one with FLASH_2M_ROMFS in its name from {IMAGE_PAGE}."
    if magic != bytes((IMAGE_MAGIC,)) or image.stat().st_size < LEAST_IMAGE_BYTES:
        raise click.ClickException(f"{image} is no image of MicroPython for the ESP8266. {where}")
    # A file somebody has renamed is looked into on the board.
    if image.name.upper().startswith("ESP8266_GENERIC") and "ROMFS" not in image.name.upper():
        raise click.ClickException(
            f"{image} is MicroPython without a ROM partition, and Wattkeep's firmware does not fit "
            f"beside it. {where}"
        )


def check_config(config: Path) -> None:
    """Raise click.ClickException unless the file can be a board's settings."""
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
        is_whole = bool(settings["server"]) and all(one["key"] for one in settings["meters"])
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole or not settings["meters"]:
        raise click.ClickException(
            f"{config} is no board's settings file. `wattkeep board new NAME --user USER` makes it."
        )


def _only_port() -> str:
    """Return the one port something is plugged into."""
    patterns = ("ttyUSB*", "ttyACM*", "cu.usbserial*", "cu.wchusbserial*", "cu.SLAB*")
    found = sorted(str(path) for pattern in patterns for path in Path("/dev").glob(pattern))
    if len(found) == 1:
        return found[0]
    if not found:
        raise click.ClickException(f"no board is plugged in.\n{WIRES_HINT}")
    raise click.ClickException(f"say which with --port: {', '.join(found)}.")


def _print_steps(steps: list[Step], folder: str) -> None:
    click.echo("Nothing is done. Without --dry-run these are the steps:")
    told: dict[str, int] = {}
    for number, step in enumerate(steps, 1):
        click.echo(f"\n{number}. {step.title}\n   {step.why}\n     {_shown(step.words, folder)}")
        if step.hint in told:
            click.echo(f"   If it fails: as for step {told[step.hint]}.")
        else:
            told[step.hint] = number
            click.echo(f"   If it fails:\n{textwrap.indent(step.hint, '  ')}")


def _shown(words: list[str], folder: str) -> str:
    """Return a call as one could type it; a program for the board is named, not shown."""
    short = ["(a few lines)" if "\n" in word else word.replace(f"{folder}/", "") for word in words]
    return " ".join(word if word == "(a few lines)" else shlex.quote(word) for word in short)


def _run_steps(steps: list[Step]) -> None:
    # All of them before the first: nothing is erased that cannot be written again.
    tools = {step.words[0]: find_tool(step.words[0]) for step in steps}
    for number, step in enumerate(steps, 1):
        click.echo(f"{number}/{len(steps)} {step.title} … ", nl=False)
        problem, said = _try(step, [tools[step.words[0]], *step.words[1:]])
        if problem is None:
            click.echo("done")
            _print_notes(said)
            continue
        click.echo("failed")
        last = "\n".join(f"  | {line}" for line in said.strip().splitlines()[-SHOWN_LINES:])
        raise click.ClickException(
            f"step {number} of {len(steps)}, {step.title}: {problem}\n{last}\n"
            f"What to do:\n{step.hint}"
        )


def _print_notes(said: str) -> None:
    for line in said.splitlines():
        if line.startswith(("MicroPython ", "display:")):
            click.echo(f"    {line}")


def _try(step: Step, words: list[str]) -> tuple[str | None, str]:
    """Run a step; return what went wrong, if anything did, and what the tool said."""
    problem, said = None, ""
    for turn in range(step.tries):
        if turn:
            time.sleep(TRY_PAUSE_S)
        status, said = run_tool(words, timeout_s=STEP_S)
        problem = f"{step.words[0]} ended with {status}." if status else step.check(said)
        if problem is None:
            break
    return problem, said

"""The programs of others that flashing needs: finding them and running them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click

EXTRA = "pip install 'wattkeep[flash]'"


def find_tool(name: str) -> str:
    """Return where a program is: on the PATH, or beside this Python.

    Raises:
        click.ClickException: it is nowhere; the message says how to get it.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name) or shutil.which(name, path=beside)
    if found is None:
        raise click.ClickException(f"the program {name} is missing. Install it: {EXTRA}")
    return found


def run_tool(words: list[str], *, timeout_s: float) -> tuple[int, str]:
    """Run a program to its end; return its exit status and everything it said."""
    try:
        done = subprocess.run(  # noqa: S603 - words we made ourselves, no shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.output or b"").decode("utf-8", "replace")
        return 124, f"{said}\n(no end after {timeout_s:.0f} s)"
    return done.returncode, done.stdout.decode("utf-8", "replace")

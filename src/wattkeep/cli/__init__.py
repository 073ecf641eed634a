"""The `wattkeep` command."""

from __future__ import annotations

import os
import sys

import click

from wattkeep import __version__
from wattkeep.cli.accounts import device, user
from wattkeep.cli.backup import backup, restore
from wattkeep.cli.board import board
from wattkeep.cli.credentials import add_commands
from wattkeep.cli.db import db
from wattkeep.cli.demo import demo
from wattkeep.cli.doctor import doctor
from wattkeep.cli.export import export
from wattkeep.cli.firmware import firmware
from wattkeep.cli.import_ import import_
from wattkeep.cli.ledger import ledger
from wattkeep.cli.manage import manage
from wattkeep.cli.replay import replay
from wattkeep.cli.scaled import beat, worker
from wattkeep.cli.secrets import secrets
from wattkeep.cli.sim import sim
from wattkeep.cli.storage import storage
from wattkeep.cli.tokens import token
from wattkeep.cli.up import serve, up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wattkeep")
def wattkeep() -> None:
    """Wattkeep, an electricity monitor: every reading kept, every figure explained.

    Try it with `wattkeep demo`; run it for real with `wattkeep up`.
    """


for command in (
    demo,
    up,
    serve,
    worker,
    beat,
    user,
    device,
    token,
    board,
    firmware,
    import_,
    export,
    ledger,
    replay,
    sim,
    manage,
    backup,
    restore,
    storage,
    db,
    doctor,
    secrets,
):
    wattkeep.add_command(command)


add_commands()


def main() -> None:
    """Run the command; a user's mistake gets one line, not a traceback."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    try:
        wattkeep(prog_name="wattkeep")
    except (ImproperlyConfigured, DatabaseError, OSError, UnicodeError) as error:
        if isinstance(error, BrokenPipeError):  # e.g. `wattkeep device list | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)

"""`wattkeep manage`: Django's own commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, open_installation

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    }
)
@data_dir_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(data_dir: Path | None, arguments: tuple[str, ...]) -> None:
    """Run one of Django's commands, e.g. `wattkeep manage changepassword ada`."""
    open_installation(data_dir, up_to_date=False, may_be_new=True)
    from django.core.management import execute_from_command_line

    execute_from_command_line(["wattkeep manage", *arguments])

"""`wattkeep secrets`: the keys that passwords and addresses in the database are encrypted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, open_installation

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def secrets() -> None:
    """Change the keys that secrets in the database are encrypted with."""


@secrets.command()
@data_dir_option
def rotate(data_dir: Path | None) -> None:
    """Make a new key, encrypt every stored secret with it and drop the old one.

    Wattkeep may go on running. If this is broken off, call it again. Where WATTKEEP_ENCRYPTION_KEYS
    gives the keys, put a new one before the others and restart first; `new-key` makes one.
    """
    open_installation(data_dir)
    from django.conf import settings

    from wattkeep.monitoring.audit import Subject, note
    from wattkeep.monitoring.rotation import RotationError
    from wattkeep.monitoring.rotation import rotate as rotate_keys

    if len(settings.ENCRYPTION_KEYS) == 1:
        raise click.ClickException(
            "WATTKEEP_ENCRYPTION_KEYS has one key only. Put a new one before it (`wattkeep secrets"
            " new-key` makes one), restart every server, and call this again."
        )
    try:
        done = rotate_keys()
    except RotationError as error:
        raise click.ClickException(str(error)) from error
    note(None, Subject.ADMIN, "encryption keys replaced")
    click.echo(f"{done.moved} secrets are encrypted with the new key.")
    if done.unreadable:
        click.echo(
            f"{done.unreadable} were unreadable before, under a key that is lost: the devices and"
            " channels they belong to need new ones."
        )
    if settings.ENCRYPTION_KEYS:
        click.echo("Every key but the first can be taken out of WATTKEEP_ENCRYPTION_KEYS now.")
    else:
        click.echo(f"Old keys dropped: {done.dropped}. Backups made before hold theirs.")


@secrets.command("new-key")
def new_key() -> None:
    """Print a new encryption key, for WATTKEEP_ENCRYPTION_KEYS."""
    from cryptography.fernet import Fernet

    click.echo(Fernet.generate_key().decode())

"""`wattkeep user` and `wattkeep device`, where they are about what proves who somebody is."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from wattkeep.cli.accounts import check_password, device, user
from wattkeep.cli.installation import data_dir_option, find_device, find_user, open_installation

if TYPE_CHECKING:
    from pathlib import Path

SPAN = re.compile(r"(\d{1,4})([mhd]?)")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@click.command("password")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@data_dir_option
def set_password(name: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Give NAME a new password; they are logged out everywhere."""
    open_installation(data_dir)
    from wattkeep.monitoring.audit import Subject, note

    person = find_user(name)
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    check_password(person, password)
    person.set_password(password)
    person.save(update_fields=["password"])
    note(None, Subject.ACCOUNT, "password changed", on=person)
    click.echo(f"{name} has a new password.")


@click.command("drop-second-factor")
@click.argument("name")
@data_dir_option
def drop_second_factor(name: str, data_dir: Path | None) -> None:
    """Let NAME log in by password alone: authenticator, passkeys and recovery codes go."""
    open_installation(data_dir)
    from allauth.mfa.models import Authenticator

    from wattkeep.monitoring.audit import Subject, note

    person = find_user(name)
    deleted, _kinds = Authenticator.objects.filter(user=person).delete()
    if not deleted:
        raise click.ClickException(f"{name} has no second factor.")
    note(None, Subject.ACCOUNT, "second factor dropped", on=person)
    click.echo(f"{name} logs in by password alone now.")


@click.command("invite")
@click.option("--by", "by_name", required=True, help="Who invites; an administrator.")
@click.option("--email", default="", help="Whose link it is; nothing is sent.")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True)
@data_dir_option
def invite(by_name: str, email: str, days: int, data_dir: Path | None) -> None:
    """Make a link by which one person may make an account; it is all that is printed."""
    open_installation(data_dir)
    from django.conf import settings

    from wattkeep.api.audited import note_account_invitation
    from wattkeep.monitoring.invitations import invitations_are_used, make_invitation

    if not invitations_are_used():
        raise click.ClickException(
            "registration is closed. Start Wattkeep with WATTKEEP_REGISTRATION=invitation."
        )
    person = find_user(by_name)
    if not person.is_staff:
        raise click.ClickException(f"{by_name} is no administrator.")
    _made, token = make_invitation(person, email=email, days=days)
    note_account_invitation(None, email, by=person)
    if not settings.PUBLIC_URL:
        click.echo("Put the address people reach this Wattkeep by before it:", err=True)
    click.echo(f"{settings.PUBLIC_URL}/invited/{token}/")


@click.command("key")
@click.argument("name")
@click.option(
    "--keep-old",
    default="24h",
    show_default=True,
    help="How long the old key stays good: 30m, 24h, 7d; 0 ends it at once.",
)
@data_dir_option
def replace_device_key(name: str, keep_old: str, data_dir: Path | None) -> None:
    """Give the device NAME (or its number) a new key; it is the last line on standard output."""
    open_installation(data_dir)
    from wattkeep.monitoring.audit import Subject, note
    from wattkeep.monitoring.devices import LONGEST_OVERLAP, replace_key

    span = _span(keep_old)
    if span > LONGEST_OVERLAP:
        raise click.ClickException(
            f"an old key stays good for {LONGEST_OVERLAP.days} days at most."
        )
    found = find_device(name)
    key = replace_key(found, keep_old=span)
    note(None, Subject.KEY, "replaced", on=found)
    old = f"stays good for {keep_old}" if span else "has ended"
    click.echo(f"Device {found.pk}, {found.name}: the old key {old}. Its new one, once:", err=True)
    click.echo(key)


def add_commands() -> None:
    """Put them into their groups."""
    for command in (set_password, drop_second_factor, invite):
        user.add_command(command)
    device.add_command(replace_device_key)


def _span(text: str) -> timedelta:
    found = SPAN.fullmatch(text.strip())
    if found is None or not (found[2] or int(found[1]) == 0):
        raise click.ClickException(f"--keep-old {text!r}: write 30m, 24h, 7d or 0.")
    return timedelta(**{UNITS[found[2] or "m"]: int(found[1])})

"""`wattkeep user` and `wattkeep device`: who and what there is, and making more."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from wattkeep.cli.installation import data_dir_option, find_user, open_installation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from django.contrib.auth.models import User

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def user() -> None:
    """List people, add them, and help them in again."""


@user.command("add")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--admin", is_flag=True, help="Let them into /admin/ too.")
@click.option("--time-zone", default="", help="Of their home, e.g. Europe/Paris.")
@data_dir_option
def add_user(
    name: str,
    password_stdin: bool,
    admin: bool,
    time_zone: str,
    data_dir: Path | None,
) -> None:
    """Add a person called NAME, with a home; the password is asked for."""
    open_installation(data_dir)
    from django.contrib.auth import get_user_model

    from wattkeep.domain.calendar import is_time_zone
    from wattkeep.monitoring.accounts import create_account, forget_setup_code
    from wattkeep.monitoring.audit import Subject, note

    if time_zone and not is_time_zone(time_zone):
        raise click.ClickException(
            f"{time_zone!r} is not a time zone. Write one such as Europe/Paris."
        )
    _check_new_name(name)
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    check_password(get_user_model()(username=name), password)
    person = create_account(name, password, time_zone=time_zone, is_admin=admin)
    note(None, Subject.ACCOUNT, "made", on=person)
    forget_setup_code()
    click.echo(f"Added {name}.")


def _check_new_name(name: str) -> None:
    from django.contrib.auth import get_user_model
    from django.core.exceptions import ValidationError

    model = get_user_model()
    try:
        model._meta.get_field("username").clean(name, None)  # noqa: SLF001 - Django's public name for it
    except ValidationError as error:
        raise click.ClickException(" ".join(error.messages)) from None
    if model.objects.filter(username__iexact=name).exists():
        raise click.ClickException(f"there is a user {name!r} already.")


def check_password(person: User, password: str) -> None:
    """Hold a password to the rules of the page.

    Raises:
        click.ClickException: it is too weak; the message says why.
    """
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    try:
        validate_password(password, person)
    except ValidationError as error:
        raise click.ClickException(" ".join(error.messages)) from None


@user.command("list")
@json_option
@data_dir_option
def list_users(as_json: bool, data_dir: Path | None) -> None:
    """List people and how many devices each has."""
    open_installation(data_dir)
    from django.contrib.auth import get_user_model
    from django.db.models import Count

    people = get_user_model().objects.annotate(count=Count("devices")).order_by("username")
    rows = [
        {
            "id": person.pk,
            "name": person.get_username(),
            "admin": person.is_staff,
            "active": person.is_active,
            "devices": person.count,
        }
        for person in people
    ]
    print_rows(rows, as_json=as_json, empty="Nobody yet. `wattkeep user add NAME` adds the first.")


@click.group()
def device() -> None:
    """List devices, add them, and change their keys."""


@device.command("add")
@click.argument("name")
@click.option("--user", "user_name", required=True, help="Whose it is.")
@click.option("--location", default="", help="Where it is, in your words.")
@click.option(
    "--interval",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Seconds between posts.",
)
@data_dir_option
def add_device(
    name: str, user_name: str, location: str, interval: int, data_dir: Path | None
) -> None:
    """Add a device called NAME; its key is the last line on standard output."""
    open_installation(data_dir)
    from django.core.exceptions import ValidationError

    from wattkeep.monitoring.audit import Subject, note
    from wattkeep.monitoring.devices import create_device
    from wattkeep.monitoring.models import Device

    owner = find_user(user_name)
    draft = Device(user=owner, name=name.strip(), location=location, interval_s=interval)
    try:
        draft.clean_fields(exclude=["site"])
    except ValidationError as error:
        told = (f"{field}: {' '.join(words)}" for field, words in error.message_dict.items())
        raise click.ClickException(" ".join(told)) from None
    made, key = create_device(owner, draft.name, location=location, interval_s=interval)
    note(None, Subject.DEVICE, "added", on=made)
    click.echo(f"Added device {made.pk}, {name}. Its key, shown this once:", err=True)
    click.echo(key)


@device.command("list")
@json_option
@data_dir_option
def list_devices(as_json: bool, data_dir: Path | None) -> None:
    """List devices, whose they are and whether they are there."""
    open_installation(data_dir)
    from django.utils import timezone

    from wattkeep.api.payloads import device_rows
    from wattkeep.monitoring.models import Device

    devices = list(Device.objects.select_related("user").order_by("pk"))
    rows = [
        {
            "id": row["id"],
            "name": row["name"],
            "user": one.user.get_username(),
            "location": row["location"],
            "status": row["status"],
            "power_w": row["power"],
            "last_seen": row["last_seen"],
            "active": row["is_active"],
            "key": f"{row['key_prefix']}_…",
        }
        for one, row in zip(devices, device_rows(devices, timezone.now()), strict=True)
    ]
    print_rows(
        rows, as_json=as_json, empty="No device yet. `wattkeep device add NAME --user USER`."
    )


def print_rows(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print a table, or JSON; the words for an empty one go to standard error."""
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(empty, err=True)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*(name.replace("_", " ") for name in rows[0]), box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _shown(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)

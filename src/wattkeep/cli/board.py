"""`wattkeep board`: making a board's device and settings, putting the firmware on it, trying it."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import click

from wattkeep.cli.board_address import address
from wattkeep.cli.board_console import console
from wattkeep.cli.board_flash import flash
from wattkeep.cli.board_sim import sim
from wattkeep.cli.installation import data_dir_option, find_user, open_installation

ANY_ADDRESS = 248
MOST_METERS = 4
SHORTEST_WIFI_PASSWORD = 8
DEFAULT_CONFIG = "config.json"


@click.group()
def board() -> None:
    """Set boards up: make their settings, flash them, look at what they say."""


for command in (flash, console, address, sim):
    board.add_command(command)


@board.command()
@click.argument("name")
@click.option("--user", "user_name", required=True, help="Whose it is.")
@click.option("--server", help="How the board reaches Wattkeep, e.g. http://192.168.1.10:8000.")
@click.option("--wifi", "ssid", help="The wireless network's name.")
@click.option("--wifi-password-stdin", is_flag=True, help="Read its password from standard input.")
@click.option(
    "--meter",
    type=click.IntRange(1, ANY_ADDRESS),
    default=ANY_ADDRESS,
    help="The meter's address.  [default: any, right for one meter]",
)
@click.option("--interval", type=click.IntRange(1, 3600), default=10, show_default=True)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The board's settings file, to be written.",
)
@click.option("--add", is_flag=True, help="Add one more meter to the board of that file.")
@data_dir_option
def new(
    name: str,
    user_name: str,
    server: str | None,
    ssid: str | None,
    wifi_password_stdin: bool,
    meter: int,
    interval: int,
    config: Path,
    add: bool,
    data_dir: Path | None,
) -> None:
    """Make a device called NAME and the settings file of its board.

    What is not given is asked for. The key stands in the file and is shown once; the file is for
    the board and for nobody else.
    """
    settings = _settings_to_extend(config, meter) if add else None
    if settings is None and config.exists():
        raise click.ClickException(
            f"{config} is there already. Choose another --config, or say --add for one more "
            "meter on that board."
        )
    open_installation(data_dir)
    from django.db import transaction

    owner = find_user(user_name)
    if settings is None:
        settings = {
            "wifi_ssid": _asked(ssid, "Name of the wireless network (2.4 GHz)", ""),
            "wifi_password": _password(read_stdin=wifi_password_stdin),
            "server": _server(server),
            "interval_s": interval,
            "meters": [],
        }
    # Together: the key is in the file and nowhere else, so without it the device is of no use.
    with transaction.atomic():
        device_id, key = _make_device(owner, name, meter, interval)
        settings["meters"].append({"address": meter, "key": key})
        _write_private(config, settings)
    click.echo(f"Added device {device_id}, {name}. Its key, shown this once:", err=True)
    click.echo(key)
    click.echo(f"Wrote {config}. Next: `wattkeep board flash --config {config}`.", err=True)


def _settings_to_extend(config: Path, meter: int) -> dict[str, Any]:
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
        taken = [one["address"] for one in settings["meters"]]
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(f"{config} is no board's settings file.") from None
    if meter == ANY_ADDRESS or ANY_ADDRESS in taken:
        raise click.ClickException(
            "several meters on one wire need an address each: give --meter, and in "
            f"{config} too. `wattkeep board address` sets a meter's address."
        )
    if meter in taken:
        raise click.ClickException(f"there is a meter with the address {meter} in {config}.")
    if len(taken) >= MOST_METERS:
        raise click.ClickException(f"a board reads {MOST_METERS} meters at most.")
    return dict(settings)


def _asked(given: str | None, question: str, default: str | None) -> str:
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return default or ""
    return str(click.prompt(question, default=default or None))


def _password(*, read_stdin: bool) -> str:
    if read_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        return ""
    else:
        password = click.prompt("Its password", hide_input=True, default="", show_default=False)
    if 0 < len(password) < SHORTEST_WIFI_PASSWORD:
        raise click.ClickException(
            f"no wireless network has a password shorter than {SHORTEST_WIFI_PASSWORD} characters."
        )
    return str(password)


def _server(given: str | None) -> str:
    """Return the address the board posts to, once it can be one."""
    server = _asked(given, "Address of Wattkeep in your network", _own_address()).rstrip("/")
    if not re.fullmatch(r"http://[^\s:/]+(:\d{1,5})?(/\S*)?", server):
        raise click.ClickException(
            f"--server {server!r}: write http://HOST:PORT. The board has no room for TLS; it signs "
            "what it sends instead."
        )
    host = server.removeprefix("http://").partition("/")[0].partition(":")[0]
    if host in {"", "localhost", "0.0.0.0"} or host.startswith("127."):  # noqa: S104 - refused, not bound
        raise click.ClickException(
            f"--server {server!r}: that is this machine itself. The board needs the address that "
            "this machine has in your network, e.g. http://192.168.1.10:8000."
        )
    if not re.fullmatch(r"http://[^/]+:\d+", server):
        click.echo(
            f"Note: the board will post to {server}/api/energy-data/. Wattkeep itself is at port "
            "8000, with nothing behind it.",
            err=True,
        )
    return server


def _own_address() -> str:
    """Return this machine's address in its network as far as it knows; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return f"http://{probe.getsockname()[0]}:8000"
        except OSError:
            return ""


def _make_device(owner: Any, name: str, meter: int, interval_s: int) -> tuple[int, str]:
    from django.core.exceptions import ValidationError
    from django.db import transaction

    from wattkeep.boards.configuration import Setup, change_setup
    from wattkeep.monitoring.devices import create_device
    from wattkeep.monitoring.models import Device

    try:
        Device(user=owner, name=name.strip()).clean_fields(exclude=["site"])
    except ValidationError as error:
        raise click.ClickException(" ".join(error.messages)) from None
    with transaction.atomic():
        device, key = create_device(owner, name.strip(), interval_s=interval_s)
        if meter != ANY_ADDRESS:
            change_setup(device.pk, Setup(meters=(meter,)))
    return device.pk, key


def _write_private(config: Path, settings: dict[str, Any]) -> None:
    """Write a file that only its owner can read: a key and a password are in it."""
    draft = config.with_name(f".{config.name}.new")
    try:
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - the mode must hold from the first byte
            json.dump(settings, file, indent=2)
            file.write("\n")
        draft.replace(config)
    except OSError as error:
        raise click.ClickException(
            f"{config} cannot be written: {error.strerror}. No device was made."
        ) from error

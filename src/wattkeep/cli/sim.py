"""`wattkeep sim`: hardware that is not there."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, open_installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wattkeep.sim.fleet_count import FleetReport

DEFAULT_DEVICES = 1000
DEFAULT_USER = "fleet"
LINE_EVERY_S = 10

share = click.FloatRange(0, 1, max_open=True)


@click.group()
def sim() -> None:
    """Run virtual hardware against a Wattkeep."""


@sim.command()
@click.option(
    "--devices",
    type=click.IntRange(1, 100_000),
    help="How many.  [default: 1000, or all that --keys holds]",
)
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=10.0,
    show_default=True,
    help="Seconds between a device's posts.",
)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where to post.")
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds.  [default: until Ctrl-C]",
)
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Seconds the boards get after --duration to upload what they still hold.",
)
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file of keys, one a line. If there is none, it is written: carry it to the machine "
    "that the fleet is to run on.",
)
@click.option(
    "--user",
    "user_name",
    default=DEFAULT_USER,
    show_default=True,
    help="Whose the devices are that are made here, when no file of keys is read.",
)
@click.option("--outages", type=share, default=0.02, show_default=True, help="Share of time.")
@click.option(
    "--outage-windows",
    type=click.FloatRange(1),
    default=12.0,
    show_default=True,
    help="Intervals an outage lasts on average.",
)
@click.option(
    "--silent", type=share, default=0.005, show_default=True, help="Share without a meter's answer."
)
@click.option(
    "--lost",
    type=share,
    default=0.002,
    show_default=True,
    help="Share of posts whose answer is not waited for; they are sent again.",
)
@click.option(
    "--buffer",
    type=click.IntRange(1, 1_000_000),
    default=8640,
    show_default=True,
    help="Windows a board keeps while it cannot post.",
)
@click.option("--seed", type=int, help="The same homes and the same bad luck as another run's.")
@click.option("--signed", is_flag=True, help="Sign the bodies instead of sending the keys.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@data_dir_option
def fleet(
    devices: int | None,
    interval: float,
    url: str,
    duration: float | None,
    drain: float,
    keys_file: Path | None,
    user_name: str,
    outages: float,
    outage_windows: float,
    silent: float,
    lost: float,
    buffer: int,
    seed: int | None,
    signed: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Drive a fleet of virtual boards: a load test that loses and doubles nothing.

    Each board plays a real household and posts as the firmware does: numbered windows, kept until
    they are acknowledged, backlog after an outage. Without --keys the devices are made in this
    installation, or get new keys if they exist. Ctrl-C ends with the summary.
    """
    from wattkeep.sim.fleet import FleetPlan, run_fleet
    from wattkeep.sim.fleet_device import Faults
    from wattkeep.sim.fleet_keys import read_keys, write_keys
    from wattkeep.sim.fleet_wire import FleetError

    faults = Faults(
        outages=outages,
        outage_windows=outage_windows,
        silences=silent,
        lost_answers=lost,
        most_kept=buffer,
    )
    plan = FleetPlan(
        url=url,
        interval_s=interval,
        duration_s=duration,
        drain_s=drain,
        seed=seed,
        is_signed=signed,
        faults=faults,
    )
    try:
        if keys_file is not None and keys_file.exists():
            keys = read_keys(keys_file, devices)
        else:
            keys = _make_devices(data_dir, user_name, devices or DEFAULT_DEVICES, interval)
            if keys_file is not None:
                write_keys(keys_file, keys)
                click.echo(f"Wrote their keys to {keys_file}.", err=True)
        with _watching(as_json=as_json) as watch:
            report = run_fleet(plan, keys, watch)
    except FleetError as error:
        raise click.ClickException(str(error)) from error
    _print_summary(report, as_json=as_json)


def _make_devices(data_dir: Path | None, user_name: str, count: int, interval: float) -> list[str]:
    """Make the devices in this installation; return their keys."""
    open_installation(data_dir)
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from wattkeep.cli.installation import find_user
    from wattkeep.monitoring.accounts import create_account
    from wattkeep.monitoring.devices import provide_devices

    people = get_user_model().objects
    if user_name == DEFAULT_USER and not people.filter(username=user_name).exists():
        if not people.exists():
            click.echo(
                f"Nobody had an account in {settings.DATA_DIR}: user {user_name} is its first. "
                "Add your own with `wattkeep user add NAME`.",
                err=True,
            )
        # No password fits: nobody logs in as the fleet.
        create_account(user_name, "")
        user = find_user(user_name)
        user.set_unusable_password()
        user.save(update_fields=["password"])
    user = find_user(user_name)
    names = [f"fleet-{number:05d}" for number in range(1, count + 1)]
    keys = provide_devices(user, names, interval_s=max(round(interval), 1))
    click.echo(f"{count:,} devices of {user_name} in {settings.DATA_DIR} have new keys.", err=True)
    return keys


@contextmanager
def _watching(*, as_json: bool) -> Iterator[Callable[[FleetReport], None]]:
    """Show the figures while it runs: a live table on a terminal, else a line now and then."""
    from rich.console import Console
    from rich.live import Live

    from wattkeep.sim.fleet_table import line_of, table_of

    console = Console(stderr=as_json or not sys.stdout.isatty())
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda report: live.update(table_of(report), refresh=True)
        return
    next_line_s = LINE_EVERY_S

    def print_line(report: FleetReport) -> None:
        nonlocal next_line_s
        if report.elapsed_s >= next_line_s:
            next_line_s += LINE_EVERY_S
            click.echo(line_of(report), err=as_json)

    yield print_line


def _print_summary(report: FleetReport, *, as_json: bool) -> None:
    from wattkeep.sim.fleet_table import summary_of

    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        for line in summary_of(report):
            click.echo(line)
    if report.tally.made and not report.tally.acked + report.tally.silent:
        raise click.ClickException("not one reading was acknowledged.")

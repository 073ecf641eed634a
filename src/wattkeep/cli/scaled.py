"""`wattkeep worker` and `wattkeep beat`: the periodic tasks in processes of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, open_installation

if TYPE_CHECKING:
    from pathlib import Path

check_option = click.option(
    "--check",
    is_flag=True,
    help="Start nothing: tell whether the one on this machine shows signs of life.",
)


@click.command()
@click.option(
    "--queues",
    type=click.Choice(["all", "quick", "long"]),
    default="all",
    show_default=True,
    help="Which tasks: quick ones (alerts, messages, figures), or those that take minutes.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=7,
    show_default=True,
    help="Processes; up to five are busy with long tasks.",
)
@check_option
@data_dir_option
def worker(queues: str, concurrency: int, check: bool, data_dir: Path | None) -> None:
    """Do the periodic tasks that `wattkeep beat` asks for; as many of these as you like."""
    if check:
        _check("worker", data_dir)
        return
    _open(data_dir)
    from wattkeep.workers import run_worker

    run_worker(queues, concurrency, lambda: click.echo("Wattkeep's worker is running."))


@click.command()
@check_option
@data_dir_option
def beat(check: bool, data_dir: Path | None) -> None:
    """Say when periodic tasks are due; one is enough, and more do no harm."""
    if check:
        _check("beat", data_dir)
        return
    _open(data_dir)
    from wattkeep.workers import run_beat

    run_beat(lambda: click.echo("Wattkeep's beat is running."))


def _check(role: str, data_dir: Path | None) -> None:
    # Without Django: a health check asks all the time.
    from wattkeep.heartbeat import find_silence

    if data_dir is not None:
        os.environ["WATTKEEP_DATA_DIR"] = str(data_dir.expanduser().resolve())
    if silence := find_silence(role):
        raise click.ClickException(f"{silence}.")
    click.echo(f"The {role} shows signs of life.")


def _open(data_dir: Path | None) -> None:
    # The servers bring the tables up to date.
    open_installation(data_dir, up_to_date=False)
    from django.conf import settings

    if not settings.REDIS_URL:
        raise click.ClickException(
            "this needs WATTKEEP_REDIS_URL, an address such as redis://localhost:6379/0. "
            "Without it the server does the periodic tasks by itself."
        )

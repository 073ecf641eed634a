"""`wattkeep db`: moving to another database, distributing it, and what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, open_installation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wattkeep.moving.status import Part


@click.group()
def db() -> None:
    """Move to another database, spread one over several servers, look what is in it."""


@db.command()
@click.option("--to", "url", required=True, metavar="URL", help="The new, empty database.")
@click.option(
    "--give-up", is_flag=True, help="Forget a move that broke off; the old database goes on."
)
@data_dir_option
def move(url: str, give_up: bool, data_dir: Path | None) -> None:
    """Move everything from SQLite to PostgreSQL while Wattkeep goes on running.

    Readings go on being stored in the old database until the last second. Then, for as long as it
    says at the end, they are refused, and boards keep them. Restart Wattkeep when it is done: it
    finds the new address in its data folder. If it is broken off, run it again.
    """
    open_installation(data_dir, up_to_date=False)
    from django.conf import settings
    from django.db import connections

    from wattkeep.cli.installation import migrate
    from wattkeep.databases import UNLIMITED, PostgresChoices, parse_database, set_up_postgres
    from wattkeep.moving.run import MoveError, is_moved
    from wattkeep.moving.run import give_up as forget_move
    from wattkeep.moving.run import move as run_move

    if connections["default"].vendor != "sqlite":
        raise click.ClickException("this installation uses PostgreSQL already.")
    target = parse_database(url)
    if target["ENGINE"] != settings.POSTGRES:
        raise click.ClickException("a move goes to PostgreSQL: postgres://user:password@host/name.")
    # This is no page that somebody waits for.
    target.setdefault("OPTIONS", {}).setdefault("options", UNLIMITED)
    set_up_postgres(target, PostgresChoices())
    connections.settings["target"] = {**connections.settings["default"], **target}
    try:
        if give_up:
            forget_move()
            click.echo("The old database notes no changes any more. Nothing was moved.")
            return
        if not is_moved():
            migrate()
        for step in run_move(url):
            click.echo(step.text)
    except MoveError as error:
        raise click.ClickException(f"{error}.") from error
    click.echo("Now restart Wattkeep: it uses the new database from then on.")


@db.command()
@click.option(
    "--worker", "workers", multiple=True, metavar="HOST:PORT", help="A server for shards."
)
@click.option("--coordinator", metavar="HOST:PORT", help="This server, as the workers reach it.")
@click.option("--dry-run", is_flag=True, help="Only show the statements.")
@data_dir_option
def distribute(
    workers: tuple[str, ...], coordinator: str | None, dry_run: bool, data_dir: Path | None
) -> None:
    """Spread the telemetry over the servers of a Citus cluster.

    What is done already is left out, so it can be run again, and with more workers. Restart
    Wattkeep afterwards.
    """
    open_installation(data_dir)
    from django.db import connection

    from wattkeep.moving.distributing import DistributeError, Node, plan, run

    here = connection.settings_dict
    default = f"{here['HOST'] or 'localhost'}:{here['PORT'] or 5432}"
    try:
        steps = plan(Node.parse(coordinator or default), [Node.parse(one) for one in workers])
    except DistributeError as error:
        raise click.ClickException(f"{error}.") from error
    if not steps:
        click.echo("Everything is distributed already.")
    for step in steps if dry_run else run(steps):
        click.echo(f"-- {step.why}.")
        for statement in step.statements:
            click.echo(f"{statement};")


@db.command()
@data_dir_option
def status(data_dir: Path | None) -> None:
    """Show the tables, the partitions of the readings, and on a cluster the shards."""
    open_installation(data_dir)
    from wattkeep.moving.status import partitions, shards, tables

    _print_parts("Tables", tables())
    _print_parts("Partitions of the readings", partitions())
    _print_parts("Shards", shards(), "shards")


def _print_parts(title: str, parts: Iterable[Part], counted: str = "rows") -> None:
    rows = list(parts)
    if not rows:
        return
    click.echo(f"{title}:")
    width = max(len(one.name) for one in rows)
    for one in rows:
        size = "" if one.size_bytes is None else f" {one.size_bytes:>16,} bytes"
        click.echo(
            f"  {one.name:{width}} {one.rows or 0:>13,} {counted}{size}  {one.place}".rstrip()
        )

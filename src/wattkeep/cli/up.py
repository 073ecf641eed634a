"""`wattkeep up`: the real thing, in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, open_installation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

port_option = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    help="The TCP port to listen at.",
)


host_option = click.option(
    "--host",
    default="0.0.0.0",  # noqa: S104 - boards on the LAN must reach it
    show_default=True,
    help="The address to listen at; 127.0.0.1 keeps it to this machine.",
)


@click.command()
@host_option
@port_option
@data_dir_option
def up(host: str, port: int, data_dir: Path | None) -> None:
    """Run Wattkeep: bring the tables up to date, then serve pages, API and boards."""
    open_installation(data_dir, may_be_new=True)

    def announce() -> None:
        click.echo(f"Wattkeep is running at {address(host, port)}")
        _tell_setup_code(host, port)

    run_server(host, port, announce)


@click.command()
@host_option
@port_option
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    help="Processes that share the port: about one a core.",
)
@data_dir_option
def serve(host: str, port: int, workers: int, data_dir: Path | None) -> None:
    """Run Wattkeep in several processes, for PostgreSQL and many devices."""
    open_installation(data_dir, may_be_new=True)

    def announce() -> None:
        click.echo(f"Wattkeep is running at {address(host, port)} with {workers} workers")
        _tell_setup_code(host, port)

    run_server(host, port, announce, workers=workers)


def run_server(
    host: str, port: int, on_ready: Callable[[], None], *, workers: int | None = None
) -> None:
    """Serve until Ctrl-C, in this process, or in `workers` others.

    Raises:
        click.ClickException: the port is taken, or workers do not start.
    """
    from django.db import connections

    from wattkeep import server_workers, serving
    from wattkeep.service_manager import tell_ready
    from wattkeep.ticker_process import ticking_beside

    def announce() -> None:
        on_ready()
        tell_ready()

    try:
        serving.check_port(host, port)
        serving.allow_many_connections()
        connections.close_all()
        with ticking_beside(is_told_to_others=workers is not None) as ticker:
            if workers is None:
                serving.serve(host, port, announce)
            else:
                server_workers.serve_workers(host, port, workers, announce, ticker)
    except server_workers.FalseStartError as error:
        raise click.ClickException(f"{error}; the log above says why.") from error
    except serving.PortTakenError as error:
        raise click.ClickException(f"{error}. Choose another with --port or --host.") from error


def address(host: str, port: int) -> str:
    """Return where a browser on this machine finds the server."""
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 - shown only
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _tell_setup_code(host: str, port: int) -> None:
    from wattkeep.monitoring.accounts import awaits_first_account, setup_code

    if awaits_first_account():
        click.echo(
            f"Nobody has an account yet. Make the first one at {address(host, port)}/register/\n"
            f"with this one-time code: {setup_code()}"
        )

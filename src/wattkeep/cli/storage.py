"""`wattkeep storage`: how much room readings take, now and in a year; sealing and checking days."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, open_installation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wattkeep.ledger.disk import DiskState
    from wattkeep.ledger.forecast import Choice, DatabaseSize, DeviceSize, Forecast


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every figure in bytes.")
@data_dir_option
@click.pass_context
def storage(context: click.Context, as_json: bool, data_dir: Path | None) -> None:
    """Show how much room the database takes, what for, and how much it will take in a year.

    A year is told for every choice of how long single readings are kept; a home's page is where
    that is set. Quarter-hour figures are kept for good in any case.
    """
    if context.invoked_subcommand is not None:
        return
    open_installation(data_dir)
    from django.utils import timezone

    from wattkeep.ledger.disk import disk_state
    from wattkeep.ledger.forecast import make_forecast

    forecast, disk = make_forecast(timezone.now()), disk_state()
    if as_json:
        told = asdict(forecast) | {"disk": disk and disk._asdict()}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    _print_forecast(forecast, disk)


@storage.command()
@data_dir_option
def seal(data_dir: Path | None) -> None:
    """Seal finished days and delete what is kept no longer, now instead of within the hour."""
    open_installation(data_dir)
    from django.utils import timezone

    from wattkeep.ledger.retention import apply_retention
    from wattkeep.ledger.sealing import seal_due

    report = seal_due(timezone.now())
    click.echo(f"Sealed {_days(len(report.days))}.")
    if dropped := apply_retention(timezone.now()):
        readings = sum(day.readings for day in dropped)
        click.echo(f"Deleted {readings:,} single readings of {_days(len(dropped))}.")
    _fail_on(report.problems)


@storage.command()
@data_dir_option
def verify(data_dir: Path | None) -> None:
    """Read every sealed day and check that it is what was stored."""
    open_installation(data_dir)
    from wattkeep.ledger.blocks import verify_blocks
    from wattkeep.monitoring.models import ReadingBlock

    problems = list(verify_blocks())
    _fail_on(problems)
    click.echo(f"{_days(ReadingBlock.objects.count())}: every one can be read.")


@storage.command()
@data_dir_option
def shrink(data_dir: Path | None) -> None:
    """Write SQLite's file anew without its free room. Nothing can be stored meanwhile."""
    open_installation(data_dir)
    from django.db import OperationalError, connection

    from wattkeep.ledger.disk import disk_state
    from wattkeep.ledger.forecast import measure_database

    disk, before = disk_state(), measure_database()
    if disk is None:
        raise click.ClickException("PostgreSQL uses its free room by itself: nothing to do here.")
    needed = before.total_bytes - before.free_bytes
    # Once in the temporary file, once in the log.
    if disk.free_bytes < 2 * needed:
        raise click.ClickException(
            f"that needs {_size(2 * needed)} free on the disk, there are {_size(disk.free_bytes)}."
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except OperationalError as error:
        raise click.ClickException(f"the database is in use ({error}). Stop Wattkeep.") from error
    after = measure_database().total_bytes
    click.echo(f"From {_size(before.total_bytes)} to {_size(after)}.")


def _fail_on(problems: Sequence[Exception]) -> None:
    """End with every problem on a line of its own, if there are any."""
    if problems:
        raise click.ClickException("\n".join(map(str, problems)))


def _days(count: int) -> str:
    return f"{count:,} device-day{'' if count == 1 else 's'}"


# -- the tables -------------------------------------------------------------------------------


def _print_forecast(forecast: Forecast, disk: DiskState | None) -> None:
    _print_table(
        f"The database takes {_size(forecast.database.total_bytes)}",
        ("what", "how many", "room", "indexes", "bytes each"),
        _database_rows(forecast.database, forecast.devices),
    )
    if forecast.database.is_estimate:
        click.echo("This SQLite cannot measure its tables: their sizes come from counting rows.\n")
    if forecast.devices:
        _print_table(
            "Each device, in a year",
            ("device", "readings a day", "bytes a reading", "readings", "quarter-hours"),
            [_device_row(device) for device in forecast.devices],
        )
        if not all(device.is_measured for device in forecast.devices):
            click.echo("~ expected: nothing of this device is sealed yet.\n")
    _print_table(
        "The database in a year",
        ("if single readings are kept", "room"),
        [
            *map(_choice_row, forecast.choices),
            ("as it is set now", _size(forecast.bytes_in_a_year)),
        ],
    )
    if disk is not None:
        click.echo(f"On its disk {_size(disk.free_bytes)} are free.")
    if disk is not None and disk.is_almost_full:
        click.echo("The disk is almost full: readings are refused, and boards keep them.")


def _database_rows(database: DatabaseSize, devices: Sequence[DeviceSize]) -> list[tuple[str, ...]]:
    sealed = sum(device.sealed_readings for device in devices)
    tables = (
        ("readings of sealed days", sealed, database.blocks),
        ("readings not sealed yet", database.rows.rows, database.rows),
        ("quarter-hours", database.slots.rows, database.slots),
    )
    return [
        *(
            (
                what,
                f"{count:,}",
                _size(table.data_bytes),
                _size(table.index_bytes),
                f"{table.data_bytes / count:.1f}" if count else "",
            )
            for what, count, table in tables
        ),
        ("everything else", "", _size(database.other_bytes), "", ""),
        ("free, to be used again", "", _size(database.free_bytes), "", ""),
    ]


def _device_row(device: DeviceSize) -> tuple[str, ...]:
    about = "" if device.is_measured else "~"
    return (
        device.name,
        f"{about}{device.readings_a_day:,.0f}",
        f"{about}{device.bytes_a_reading:.1f}",
        about + _size(device.sealed_bytes_a_day * 365),
        _size(device.slots_bytes_a_day * 365),
    )


def _choice_row(choice: Choice) -> tuple[str, str]:
    kept = "for good" if choice.keep_raw_days is None else f"for {choice.keep_raw_days} days"
    return kept + (" (as now)" if choice.is_present else ""), _size(choice.bytes_in_a_year)


def _size(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} bytes"


def _print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)

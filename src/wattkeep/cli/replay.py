"""`wattkeep replay`: a file's readings, posted as a device would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, find_device, open_installation

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattkeep.sim.replay import ReplayProgress, ReplayReport


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--device", "device_name", help="One of this installation's devices, by name or id.")
@click.option("--key", help="A device's key; for another machine's Wattkeep.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    help="Times as fast as it was measured, reading by reading.  [default: as fast as it goes]",
)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where to post.")
@click.option(
    "--batch",
    type=click.IntRange(1, 10_000),
    default=500,
    show_default=True,
    help="Readings a request, without --speed.",
)
@click.option(
    "--shift-days",
    type=int,
    help="Days added to every time.  [default: 5117 for UCI data, whose years are refused]",
)
@data_dir_option
def replay(
    file: Path,
    device_name: str | None,
    key: str | None,
    speed: float | None,
    url: str,
    batch: int,
    shift_days: int | None,
    data_dir: Path | None,
) -> None:
    """Post the readings in FILE, with a progress bar; again if need be, nothing is stored twice.

    FILE is the UCI household data set (or a part of it, with its header), or Wattkeep's own CSV:
    timestamp, voltage, current, power, energy, frequency, power_factor. It may be packed with gzip
    or xz.
    """
    if (device_name is None) == (key is None):
        raise click.UsageError("say which device: either --device NAME or --key KEY.")
    from wattkeep.sim.formats import FormatError
    from wattkeep.sim.replay import ReplayError

    api_key = _fixed(key) if key is not None else _local_key(device_name or "", data_dir)
    try:
        report = _replay_with_bar(
            file, url=url, api_key=api_key, speed=speed, batch=batch, shift_days=shift_days
        )
    except (FormatError, ReplayError, ValueError, EOFError) as error:
        raise click.ClickException(str(error)) from error
    _print_report(report)


def _fixed(key: str) -> Callable[[], str]:
    return lambda: key


def _local_key(name: str, data_dir: Path | None) -> Callable[[], str]:
    """Return a maker of keys for a device of this installation, which stores no real ones."""
    open_installation(data_dir)
    from wattkeep.ingest.keys import local_key

    device_id = find_device(name).pk
    return lambda: local_key(device_id)


def _replay_with_bar(
    file: Path,
    *,
    url: str,
    api_key: Callable[[], str],
    speed: float | None,
    batch: int,
    shift_days: int | None,
) -> ReplayReport:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from wattkeep.sim.formats import Tally, count_rows, read_samples
    from wattkeep.sim.replay import replay as post

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    tally = Tally()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=count_rows(file))

        def show(progress: ReplayProgress) -> None:
            report = progress.report
            waiting = (
                f"{file.name} (waiting: {progress.waiting})" if progress.waiting else file.name
            )
            bar.update(task, completed=report.sent + report.skipped, description=waiting)

        return post(
            read_samples(file, shift_days=shift_days, tally=tally),
            url=url,
            api_key=api_key,
            speed=speed,
            batch=batch,
            progress=show,
            tally=tally,
        )


def _print_report(report: ReplayReport) -> None:
    click.echo(
        f"{report.rows:,} rows, {report.skipped:,} of them without values; "
        f"{report.sent:,} readings sent: {report.accepted:,} stored, "
        f"{report.duplicates:,} known already, {report.rejected:,} refused."
    )
    for reason in report.reasons:
        click.echo(f"  refused: {reason}", err=True)
    if report.rejected:
        raise click.exceptions.Exit(1)

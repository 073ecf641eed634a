"""`wattkeep export`: a device's readings or quarter-hours as CSV."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wattkeep.cli.installation import data_dir_option, find_device, open_installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from wattkeep.monitoring.models import Device


@click.command()
@click.option("--device", "device_name", required=True, help="Which device, by name or id.")
@click.option("--slots", is_flag=True, help="Quarter-hours with corrections, not readings.")
@click.option("--start", help="From here on: 2026-11-23, or 2026-11-23T10:00:00Z.  [default: all]")
@click.option("--end", help="Up to before here.  [default: now]")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; it must not exist yet.  [default: standard output]",
)
@data_dir_option
def export(
    device_name: str,
    slots: bool,
    start: str | None,
    end: str | None,
    output: Path | None,
    data_dir: Path | None,
) -> None:
    """Write a device's readings as CSV, every number bit for bit as it is stored.

    `wattkeep import` takes the file as it is. A date is the start of that day on the clock of the
    device's site.
    """
    open_installation(data_dir)
    from django.utils import timezone

    from wattkeep.api.spans import EARLIEST
    from wattkeep.history.export import readings_csv, slots_csv
    from wattkeep.ledger.blocks import BlockError

    device = find_device(device_name)
    first = EARLIEST if start is None else _instant(start, "start", device)
    last = timezone.now() if end is None else _instant(end, "end", device)
    if last <= first:
        raise click.ClickException("the end must lie after the start.")
    span = device, first, last
    try:
        _write(slots_csv(*span) if slots else readings_csv(*span), output)
    except BlockError as error:
        raise click.ClickException(f"{error} --start and --end leave that day out.") from error


def _instant(text: str, name: str, device: Device) -> datetime:
    from rest_framework.exceptions import ValidationError

    from wattkeep.api.spans import parse_time

    try:
        return parse_time(text, name, device.site.zone)
    except ValidationError as error:
        detail: Any = error.detail
        [words] = detail[name]
        raise click.ClickException(f"--{name}: {words}") from None


def _write(chunks: Iterator[str], output: Path | None) -> None:
    """Write it all, or leave no file behind that looks whole."""
    if output is None:
        for chunk in chunks:
            click.echo(chunk, nl=False)
        return
    if output.exists():
        raise click.ClickException(f"{output} is there already; choose another name.")
    if not output.absolute().parent.is_dir():
        raise click.ClickException(f"there is no folder {output.parent}.")
    draft = output.with_name(f".{output.name}.part")
    with ExitStack() as cleaning:
        cleaning.callback(draft.unlink, missing_ok=True)
        with draft.open("w", encoding="utf-8", newline="") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(output)
    click.echo(f"Wrote {output}.", err=True)

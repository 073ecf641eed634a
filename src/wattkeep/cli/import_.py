"""`wattkeep import`: history from a file into a device."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, find_device, open_installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from wattkeep.importing.sources import Source, Watch
    from wattkeep.importing.storing import Stored
    from wattkeep.importing.survey import Survey
    from wattkeep.monitoring.models import Device

FORMATS = ("auto", "wattkeep", "uci", "emoncms", "homeassistant")
UNITS = ("W", "kW", "Wh", "kWh")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--device", "device_name", required=True, help="Whose history it is: name or id.")
@click.option(
    "--format", "format_name", type=click.Choice(FORMATS), default="auto", show_default=True
)
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--zone", "zone_name", help="Where local times belong.  [default: the device's home]")
@click.option("--unit", type=click.Choice(UNITS), help="What the values are, if the file is mute.")
@click.option(
    "--column",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Which of several feeds side by side (emoncms).",
)
@click.option("--series", help="Which of several statistics, by its id (Home Assistant).")
@click.option(
    "--align",
    is_flag=True,
    help="Shift the imported counter so that it meets the device's own.",
)
@data_dir_option
def import_(
    file: Path,
    device_name: str,
    format_name: str,
    dry_run: bool,
    zone_name: str | None,
    unit: str | None,
    column: int,
    series: str | None,
    align: bool,
    data_dir: Path | None,
) -> None:
    """Store the history in FILE; run again if it was interrupted, nothing is stored twice.

    FILE is Wattkeep's own CSV, the UCI household data set, a feed from emoncms (CSV) or statistics
    from Home Assistant (CSV or JSON). It may be packed with gzip, xz or zip. The server may run
    meanwhile.
    """
    open_installation(data_dir)
    from wattkeep.importing.files import ImportFileError
    from wattkeep.importing.sources import Options, open_source
    from wattkeep.importing.storing import DayBusyError
    from wattkeep.ledger.blocks import BlockError

    device = find_device(device_name)
    options = Options(
        zone=_zone(zone_name, device),
        format=None if format_name == "auto" else format_name,
        unit=unit,
        column=column,
        series=series,
        now_ms=time.time_ns() // 1_000_000,
    )
    try:
        refused = _import(open_source(file, options), device, dry_run=dry_run, align=align)
    except (ImportFileError, DayBusyError, BlockError) as error:
        raise click.ClickException(str(error)) from error
    if refused:
        raise click.exceptions.Exit(1)


def _zone(name: str | None, device: Device) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    from wattkeep.domain.calendar import is_time_zone

    if name is None:
        return device.site.zone
    if not is_time_zone(name):
        raise click.BadParameter(f"{name!r} is no time zone; write one such as Europe/Paris.")
    return ZoneInfo(name)


def _import(source: Source, device: Device, *, dry_run: bool, align: bool) -> int:
    """Do it, and tell; return how many lines were refused."""
    from wattkeep.importing.storing import Target, store_file
    from wattkeep.importing.survey import survey_file
    from wattkeep.monitoring.audit import Subject, note

    now_ms = time.time_ns() // 1_000_000
    with _bar(source, "reading") as watch:
        survey = survey_file(source, device, now_ms, align=align, watch=watch)
    for line in describe_survey(source, device, survey, align=align):
        click.echo(line)
    for line in _refusals(survey):
        click.echo(line, err=True)
    if dry_run:
        click.echo("Nothing was stored: this was a dry run.")
        return survey.tally.refused
    with _bar(source, "storing") as watch:
        stored = store_file(source, Target(device.pk, now_ms, survey.shift_kwh), watch)
    for line in describe_stored(stored):
        click.echo(line)
    if stored.new:
        note(None, Subject.DEVICE, "history imported", on=device)
    # Also when nothing was new: an earlier run may have been ended before it came to this.
    _update_ledger(device)
    return survey.tally.refused


def _update_ledger(device: Device) -> None:
    from django.utils import timezone
    from rich.console import Console

    from wattkeep.ledger.update import update_device

    with Console(stderr=True).status("making quarter-hours"):
        update_device(device.pk, timezone.now())
    click.echo("Its quarter-hours, days and totals are up to date.")


@contextmanager
def _bar(source: Source, doing: str) -> Iterator[Watch]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{doing} {source.path.name}", total=source.path.stat().st_size)
        yield lambda position: bar.update(task, completed=position)


def describe_survey(source: Source, device: Device, survey: Survey, *, align: bool) -> list[str]:
    """Return what a file holds and how it joins the device's history, in lines."""
    tally = survey.tally
    lines = [f"{source.path.name}: {FORMAT_NAMES[source.format]}."]
    lines += [f"  {note}." for note in source.notes]
    lines.append(
        f"  {tally.readings:,} readings from {_moment(survey.first.at_ms)} "
        f"to {_moment(survey.last.at_ms)}, mostly {_length(survey.step_ms)} apart; "
        f"{tally.blank:,} lines without a value, {tally.refused:,} refused."
    )
    lines.append(f"  {survey.energy_kwh:,.3f} kWh in all.")
    if survey.falls:
        lines.append(
            f"  The counter falls {survey.falls:,} times in it: a reset, a rollover or a glitch "
            "each, which the ledger tells apart."
        )
    lines += _gaps(survey)
    lines += _joining(device, survey, align=align)
    return lines


def _gaps(survey: Survey) -> list[str]:
    lines = []
    if survey.step_ms > QUARTER_MS:
        lines.append(
            f"  Readings {_length(survey.step_ms)} apart: what is used between two of them is "
            "exact, the quarter-hours inside are estimated."
        )
    if not survey.gaps:
        return [*lines, f"  No gap over {_length(survey.gap_ms)}."]
    lines.append(
        f"  {survey.gaps:,} gaps over {_length(survey.gap_ms)}, {_length(survey.missing_ms)} in "
        "all. The longest:"
    )
    lines += [
        f"    {_length(one.length_ms)} from {_moment(one.start_ms)}" for one in survey.longest
    ]
    return lines


def _joining(device: Device, survey: Survey, *, align: bool) -> list[str]:
    lines = []
    if survey.overlapping:
        lines.append(
            f"  {device.name} has {survey.overlapping:,} readings of that time already; they stay "
            "as they are."
        )
    if align:
        lines.append(f"  Each counter is shifted by {survey.shift_kwh:+,.3f} kWh.")
    for join in survey.joins:
        whose = ("the file's", f"{device.name}'s own")
        earlier, later = whose if join.is_file_first else whose[::-1]
        counters = (
            f"{earlier} {join.before.kwh:,.3f} kWh at {_moment(join.before.at_ms)}, "
            f"{later} {join.after.kwh:,.3f} kWh at {_moment(join.after.at_ms)}"
        )
        if join.continues:
            lines.append(f"  The counters join: {counters}.")
            continue
        lines.append(
            f"  The counters do not join: {counters}. The ledger will take that for a reset, or "
            "for another meter."
        )
        if not align:
            lines.append("  --align shifts the file's counter so that they meet.")
    if not (survey.overlapping or survey.joins):
        lines.append(f"  {device.name} has no readings yet.")
    return lines


def describe_stored(stored: Stored) -> list[str]:
    """Return what was stored, in lines."""
    lines = [f"{stored.new:,} readings stored; {stored.known:,} were there already."]
    if stored.differing:
        lines.append(f"  {stored.differing:,} of those have another counter there, which stays.")
    if stored.too_old:
        lines.append(
            f"  {stored.too_old:,} are older than what this device keeps single readings for, and "
            "were left out."
        )
    return lines


def _refusals(survey: Survey) -> Iterator[str]:
    tally = survey.tally
    for one in tally.told:
        yield f"  refused: line {one.line}: {one.reason}"
    if tally.refused > len(tally.told):
        yield f"  and {tally.refused - len(tally.told):,} more:"
        for reason, count in tally.by_reason.most_common(8):
            yield f"    {count:,} × {reason}"


QUARTER_MS = 15 * 60_000
FORMAT_NAMES = {
    "wattkeep": "Wattkeep's own CSV",
    "uci": "the UCI household data set",
    "emoncms": "a feed from emoncms",
    "homeassistant": "statistics from Home Assistant",
}


def _moment(at_ms: int) -> str:
    from wattkeep.domain.instants import from_ms

    return f"{from_ms(at_ms):%Y-%m-%d %H:%M:%S} UTC"


def _length(length_ms: int) -> str:
    """Return a length of time as people say it."""
    seconds, ms = divmod(length_ms, 1000)
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds + ms / 1000:g} s"

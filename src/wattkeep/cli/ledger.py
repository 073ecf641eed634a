"""`wattkeep ledger`: how far the quarter-hours are, and making them again from the readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wattkeep.cli.installation import data_dir_option, find_device, open_installation

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from wattkeep.ledger.rebuild import Comparison

MOST_LINES = 20
MWH_PER_WH = 1000


@click.group()
def ledger() -> None:
    """Look after the figures per quarter-hour that every total is made of."""


@ledger.command()
@click.option(
    "--device",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this device, by name or number; may be given again.",
)
@click.option("--dry-run", is_flag=True, help="Compare and tell, but change nothing.")
@data_dir_option
def rebuild(names: tuple[str, ...], dry_run: bool, data_dir: Path | None) -> None:
    """Make everything again from the readings and tell what differs: nothing, as a rule.

    A server may run meanwhile. Corrections stay as they are.
    """
    open_installation(data_dir)
    from django.utils import timezone

    from wattkeep.ledger.blocks import BlockError
    from wattkeep.ledger.rebuild import compare_device, rebuild_device
    from wattkeep.monitoring.models import Device

    devices = [find_device(name) for name in names] or list(Device.objects.order_by("pk"))
    work = compare_device if dry_run else rebuild_device
    differing, unreadable = 0, []
    for device in devices:
        try:
            comparison = work(device.pk, timezone.now())
        except BlockError as error:  # the other devices' figures are not worse for it
            unreadable.append(f"{device.pk} {device.name}: {error}")
            continue
        differing += not comparison.is_same
        _tell(f"{device.pk} {device.name}", comparison, is_dry=dry_run)
    if unreadable:
        raise click.ClickException("\n".join(unreadable))
    if not devices:
        click.echo("There are no devices.")
    elif not differing:
        click.echo("Nothing differs.")


@ledger.command()
@data_dir_option
def status(data_dir: Path | None) -> None:
    """Show how far each device's figures are, what is marked to be made again, and the tasks."""
    open_installation(data_dir)
    from rich.console import Console

    console = Console()
    console.print(_devices_table(), _tasks_table(), sep="\n")


def _tell(name: str, comparison: Comparison, *, is_dry: bool) -> None:
    if comparison.is_same:
        click.echo(f"{name}: {comparison.made_slots} quarter-hours, all as stored")
        return
    what = "differ" if is_dry else "differed and are put right"
    total_mwh = sum(one.made_mwh - one.stored_mwh for one in comparison.slots)
    click.echo(
        f"{name}: {len(comparison.slots)} of {comparison.made_slots} quarter-hours and"
        f" {len(comparison.events)} events {what}, {total_mwh / MWH_PER_WH:+.3f} Wh in all"
    )
    for slot in comparison.slots[:MOST_LINES]:
        click.echo(
            f"  {slot.start:%Y-%m-%d %H:%M} stored {slot.stored_mwh / MWH_PER_WH:.3f} Wh,"
            f" made {slot.made_mwh / MWH_PER_WH:.3f} Wh"
        )
    for event in comparison.events[:MOST_LINES]:
        where = {(True, True): "otherwise", (True, False): "too much"}
        found = where.get((event.is_stored, event.is_made), "missing")
        click.echo(f"  {event.start:%Y-%m-%d %H:%M:%S} event {event.kind}: {found}")
    left = max(len(comparison.slots), len(comparison.events)) - MOST_LINES
    if left > 0:
        click.echo(f"  … and {left} more")


def _devices_table() -> Table:
    from django.db.models import Count, Min
    from rich.table import Table

    from wattkeep.monitoring.models import Device, LedgerMark, LedgerState

    table = Table("device", "name", "made up to (UTC)", "marked from (UTC)", "single readings from")
    states = LedgerState.objects.in_bulk()
    marks = {
        pk: (first, count)
        for pk, first, count in LedgerMark.objects.values_list("device_id").annotate(
            first=Min("start"), count=Count("start")
        )
    }
    for device in Device.objects.order_by("pk"):
        state = states.get(device.pk)
        first, count = marks.get(device.pk, (None, 0))
        table.add_row(
            str(device.pk),
            device.name,
            f"{state.done_to:%Y-%m-%d %H:%M:%S}" if state else "not begun",
            f"{first:%Y-%m-%d %H:%M} ({count})" if first else "",
            f"{state.raw_from:%Y-%m-%d}" if state and state.raw_from else "the first",
        )
    return table


def _tasks_table() -> Table:
    from rich.table import Table

    from wattkeep.monitoring.models import Lease
    from wattkeep.tasks import TASKS

    table = Table("task", "every", "last done (UTC)", "held until (UTC)", "by", "last error")
    leases = Lease.objects.in_bulk()
    # As a whole, where servers do it, and in shares where workers do.
    found = [
        (task, name)
        for task in TASKS
        for name in sorted(one for one in leases if one.partition("-")[0] == task.name)
        or [task.name]
    ]
    for task, name in found:
        lease = leases.get(name)
        table.add_row(
            name,
            str(task.every),
            f"{lease.done_at:%Y-%m-%d %H:%M:%S}" if lease and lease.done_at else "never",
            f"{lease.until:%Y-%m-%d %H:%M:%S}" if lease else "",
            lease.holder if lease else "",
            lease.error if lease else "",
        )
    return table

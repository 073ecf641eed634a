"""`wattkeep firmware`: building releases and giving them to boards, a few at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wattkeep.cli.accounts import json_option, print_rows
from wattkeep.cli.firmware_build import build_firmware, read_release, write_release
from wattkeep.cli.installation import data_dir_option, open_installation
from wattkeep.domain.firmware import ReleaseError, check_release

if TYPE_CHECKING:
    from wattkeep.monitoring.models import FirmwareRelease

percent = click.IntRange(0, 100)
folder_type = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def firmware() -> None:
    """Build releases of the firmware, and give them to boards a few at a time."""


@firmware.command()
@click.argument("source", type=folder_type, required=False)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to.  [default: firmware-VERSION]",
)
def build(source: Path | None, out: Path | None) -> None:
    """Compile the firmware in SOURCE, or the one that came with Wattkeep, into a release.

    The same sources make the same bytes.
    """
    made = build_firmware(source)
    release = made.release
    try:
        check_release(release)
    except ReleaseError as error:
        raise click.ClickException(str(error)) from None
    folder = out or Path(f"firmware-{made.version}")
    write_release(release, folder)
    click.echo(f"{folder}: version {release.version}, {release.size:,} bytes.")


@firmware.command()
@click.argument("folder", type=folder_type)
@click.option(
    "--share",
    type=percent,
    default=10,
    show_default=True,
    help="To how many of the devices, in percent.",
)
@data_dir_option
def publish(folder: Path, share: int, data_dir: Path | None) -> None:
    """Store the release in FOLDER and offer it to a share of the boards."""
    open_installation(data_dir)
    from wattkeep.api.audited import note_share
    from wattkeep.boards import releases

    release = read_release(folder)
    try:
        row = releases.publish(release, share)
    except ReleaseError as error:
        raise click.ClickException(str(error)) from None
    note_share(None, row.version, 0, row.share)
    click.echo(f"Published {row.version}. {_reach(row)}")


@firmware.command("share")
@click.argument("version")
@click.argument("percent_of_devices", metavar="PERCENT", type=percent)
@data_dir_option
def change_share(version: str, percent_of_devices: int, data_dir: Path | None) -> None:
    """Offer a release to PERCENT of the boards, also if it was halted or withdrawn."""
    open_installation(data_dir)
    from wattkeep.api.audited import note_share
    from wattkeep.boards import releases

    row = _find(version)
    before = row.share
    releases.change_share(row, percent_of_devices)
    note_share(None, row.version, before, row.share)
    click.echo(_reach(row))


@firmware.command()
@click.argument("version")
@data_dir_option
def withdraw(version: str, data_dir: Path | None) -> None:
    """Offer a release to nobody any more; boards that run it go on with it."""
    open_installation(data_dir)
    from wattkeep.boards import releases
    from wattkeep.monitoring.audit import Subject, note

    row = _find(version)
    releases.withdraw(row)
    note(None, Subject.FIRMWARE, "withdrawn", name=row.version)
    click.echo(f"{row.version} is offered to nobody any more.")


@firmware.command("list")
@json_option
@data_dir_option
def list_releases(as_json: bool, data_dir: Path | None) -> None:
    """List releases and what became of them on the boards."""
    open_installation(data_dir)
    from django.utils import timezone

    from wattkeep.boards.releases import Tally, state_of, tallies
    from wattkeep.monitoring.models import FirmwareRelease

    found = list(FirmwareRelease.objects.defer("manifest"))
    counted = tallies(found, timezone.now())
    rows = []
    for row in found:
        tally = counted.get(row.pk, Tally())
        rows.append(
            {
                "version": row.version,
                "share": row.share,
                "state": state_of(row),
                "bytes": row.size,
                "offered": tally.offered,
                "running": tally.confirmed,
                "failed": tally.failed,
                "missing": tally.missing,
                "note": row.halt_reason,
            }
        )
    empty = "No release yet. `wattkeep firmware build` and `wattkeep firmware publish` make one."
    print_rows(rows, as_json=as_json, empty=empty)


def _find(version: str) -> FirmwareRelease:
    from wattkeep.monitoring.models import FirmwareRelease

    row = FirmwareRelease.objects.filter(version=version).first()
    if row is None:
        raise click.ClickException(
            f"there is no release {version!r}. `wattkeep firmware list` shows what there is."
        )
    return row


def _reach(row: FirmwareRelease) -> str:
    """Say how many boards a release goes to now."""
    from wattkeep.boards.releases import count_covered

    covered, boards = count_covered(row)
    words = f"{row.version} goes to {row.share} %: {covered} of {boards} known boards."
    if row.share < 100:  # noqa: PLR2004 - percent
        words += f" `wattkeep firmware share {row.version} 100` gives it to all."
    return words

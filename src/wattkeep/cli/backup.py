"""`wattkeep backup` and `wattkeep restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from wattkeep.cli.installation import (
    data_dir_option,
    migrate,
    open_installation,
    require_installation,
)

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose first line is the passphrase. [env: WATTKEEP_BACKUP_PASSPHRASE]",
)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--make-folder", is_flag=True, help="Make FOLDER if it is not there.")
@click.option("--keep", metavar="RULE", help='Then drop old ones, e.g. "7d 4w 12m".')
@passphrase_option
@data_dir_option
def backup(
    folder: Path | None,
    make_folder: bool,
    keep: str | None,
    passphrase_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Back everything up into FOLDER while Wattkeep goes on running.

    The file holds the database as of one instant and the installation's secret key; it is read
    back and checked before it gets its name. With a passphrase it is encrypted. Without FOLDER it
    goes where WATTKEEP_BACKUP_DIR says. The folder has to be there, so that a disk that is not
    mounted is noticed.
    """
    # Of an empty installation there is nothing to keep, and --keep might drop the real one's.
    if data_dir is None:
        require_installation()
    open_installation(data_dir, up_to_date=False)
    from django.conf import settings

    from wattkeep.backups.archive import BackupError
    from wattkeep.backups.making import make_backup
    from wattkeep.backups.rotation import Keep, drop_old, owner_mark

    folder = folder or settings.BACKUP_DIR
    if folder is None:
        raise click.ClickException("name a folder, or set WATTKEEP_BACKUP_DIR.")
    migrate()
    if make_folder:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        rule = Keep.parse(keep) if keep else None
        path = make_backup(folder, datetime.now(UTC), _passphrase(passphrase_file))
    except (BackupError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Written and checked: {path} ({path.stat().st_size:,} bytes)")
    for dropped in drop_old(folder, rule, owner_mark(settings.SECRET_KEY)) if rule else ():
        click.echo(f"Dropped: {dropped.name}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@passphrase_option
@data_dir_option
def restore(file: Path, passphrase_file: Path | None, data_dir: Path | None) -> None:
    """Bring a backup back into an empty place; whatever fails leaves the place as it was."""
    open_installation(data_dir, up_to_date=False, may_be_new=True)
    from wattkeep.backups.archive import BackupError, is_encrypted
    from wattkeep.backups.restoring import restore_backup

    passphrase = _passphrase(passphrase_file)
    if not passphrase and is_encrypted(file):
        passphrase = click.prompt("Passphrase", hide_input=True)
    try:
        manifest = restore_backup(file, passphrase)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    migrate()
    rows = sum(manifest.rows.values())
    click.echo(f"Brought back: {rows:,} rows as of {manifest.taken_at}, checked.")


def _passphrase(file: Path | None) -> str:
    if file is None:
        from django.conf import settings

        passphrase: str = settings.BACKUP_PASSPHRASE
        return passphrase
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise click.ClickException(f"{file} has no passphrase in its first line.")
    return lines[0]

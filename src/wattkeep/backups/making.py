"""Makes a backup while everything goes on: one consistent state, checked after it was written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from wattkeep import __version__
from wattkeep.backups.archive import BackupError, Manifest, extract, writing
from wattkeep.backups.rotation import file_name, owner_mark
from wattkeep.monitoring import keyring

if TYPE_CHECKING:
    import psycopg

    from wattkeep.backups.archive import ArchiveWriter

DATABASE_MEMBER = "database.sqlite3"
SECRET_MEMBER = "secret-key"  # noqa: S105 - a name
# What secrets in the database are encrypted with, where that is not made from the secret key.
KEYS_MEMBER = "encryption-keys"
SCRATCH = ".backup-"
# No backup takes so long: a scratch folder that is older was left behind by a power cut.
STALE_S = 2 * 86_400
# Sessions are worth nothing elsewhere, and a stolen backup should not hold any. Ordered files are
# made again of what is in it.
EXPORTS = frozenset({"monitoring_exportchunk", "monitoring_exportpart", "monitoring_export"})
LEFT_OUT = EXPORTS | {"django_session", "usersessions_usersession", "monitoring_lease"}


def make_backup(folder: Path, now: datetime, passphrase: str = "") -> Path:
    """Write a backup into `folder` and return its path; a failed one leaves nothing behind.

    It holds the database as of one instant, and the installation's secret key, without which
    signed posts could not be checked after a restore. On PostgreSQL it is read in one snapshot.

    Raises:
        BackupError: it could not be written, or what was written is not what was read.
    """
    if not folder.is_dir():
        raise BackupError(
            f"there is no folder {folder}. If its disk is mounted and the name is right, make it"
            " first (mkdir)"
        )
    name = file_name(now, owner_mark(settings.SECRET_KEY))
    target = folder / name
    if target.exists():
        raise BackupError(f"{target} exists already")
    # What is not encrypted yet stays here: the folder may be on somebody else's machine.
    open_folder = settings.DATA_DIR if passphrase else folder
    for place in {folder, open_folder}:
        _sweep_scratch(place)
    with (
        # Beside the target: the last step is a rename, which no power cut leaves half done.
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as beside,
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=open_folder) as scratch,
    ):
        draft = Path(beside) / name
        try:
            with writing(draft, _manifest(now), passphrase) as archive:
                before = keyring.key_names()
                _add_database(archive, Path(scratch))
                archive.add_bytes(SECRET_MEMBER, settings.SECRET_KEY.encode())
                # Both: the keys may be changed while the database is copied.
                keys = dict.fromkeys([*keyring.key_names(), *before])
                archive.add_bytes(KEYS_MEMBER, "\n".join(keys).encode())
            _check(draft, Path(scratch), passphrase)
            draft.rename(target)
        except (OSError, sqlite3.Error, keyring.KeyringError) as error:
            raise BackupError(f"the backup could not be written: {error}") from error
    sync_folder(folder)
    return target


def _sweep_scratch(folder: Path) -> None:
    """Delete what backups that were broken off by force left behind."""
    for left in folder.glob(f"{SCRATCH}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left)


def _manifest(now: datetime) -> Manifest:
    applied = MigrationRecorder(connection).applied_migrations()
    newest = {app: max(n for a, n in applied if a == app) for app in {app for app, _ in applied}}
    return Manifest(__version__, connection.vendor, now.astimezone(UTC).isoformat(), newest, {})


def _add_database(archive: ArchiveWriter, scratch: Path) -> None:
    if connection.vendor == "sqlite":
        _add_sqlite(archive, scratch)
    else:
        _add_postgres(archive, scratch)


def _add_sqlite(archive: ArchiveWriter, scratch: Path) -> None:
    """Add the database as one file: compact, and consistent without stopping a writer."""
    copy = scratch / DATABASE_MEMBER
    source = sqlite3.connect(_uri(Path(connection.settings_dict["NAME"])), uri=True, timeout=20)
    try:
        source.execute("VACUUM INTO ?", (str(copy),))
    finally:
        source.close()
    copied = sqlite3.connect(copy)
    try:
        left_out = LEFT_OUT & set(_sqlite_tables(copied))
        holds_exports = any(_count(copied, table) for table in EXPORTS & left_out)
        for table in left_out:
            copied.execute(f'DELETE FROM "{table}"')  # noqa: S608 - a name of our own
        copied.commit()
        if holds_exports:
            # What was deleted would go along on pages that are free.
            copied.execute("VACUUM")
        check_sqlite(copied)
        archive.manifest.rows = {t: _count(copied, t) for t in _sqlite_tables(copied)}
    finally:
        copied.close()
    archive.add(DATABASE_MEMBER, copy)
    copy.unlink()


def check_sqlite(db: sqlite3.Connection) -> None:
    """Raise BackupError unless SQLite finds its own file sound."""
    if (verdict := db.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
        raise BackupError(f"the database is damaged: {verdict}")


def _sqlite_tables(db: sqlite3.Connection) -> list[str]:
    rows = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return [name for (name,) in rows]


def _count(db: sqlite3.Connection, table: str) -> int:
    count: int = db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608
    return count


def _add_postgres(archive: ArchiveWriter, scratch: Path) -> None:
    """Add each table as PostgreSQL's own binary copy, all of them from one snapshot."""
    import psycopg

    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    with psycopg.connect(**parameters) as db:
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        db.read_only = True
        # What has grown for years takes its time.
        db.execute("SET LOCAL statement_timeout = 0")
        db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        # Before the snapshot is taken: a day whose partition goes after that would be missing,
        # for its block is younger than the snapshot.
        db.execute("LOCK TABLE monitoring_energyreading IN ACCESS SHARE MODE")
        for table, columns in db.execute(TABLES).fetchall():
            path = scratch / f"{table}.pgcopy"
            archive.manifest.rows[table] = _copy_table(db, table, columns, path)
            archive.manifest.columns[table] = columns
            archive.add(path.name, path)
            path.unlink()


TABLES = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND c.relnamespace = current_schema()::regnamespace
GROUP BY c.relname ORDER BY c.relname
"""


def _copy_table(db: psycopg.Connection, table: str, columns: list[str], path: Path) -> int:
    """Write a table's rows to a file and return how many."""
    from psycopg.sql import SQL, Identifier

    query = SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT (FORMAT binary)").format(
        SQL(", ").join(map(Identifier, columns)), Identifier(table), SQL(str(table not in LEFT_OUT))
    )
    with path.open("wb") as file, db.cursor() as cursor:
        with cursor.copy(query) as pieces:
            for piece in pieces:
                file.write(piece)
        return cursor.rowcount


def _check(draft: Path, scratch: Path, passphrase: str) -> None:
    """Read back what was written, from the disk, to its last byte."""
    unpacked = scratch / "check"
    unpacked.mkdir()
    extract(draft, unpacked, passphrase)
    shutil.rmtree(unpacked)


def _uri(path: Path) -> str:
    return path.resolve().as_uri() + "?mode=rw"


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

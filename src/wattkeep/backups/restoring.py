"""Brings a backup back into an empty installation, or leaves it as it was."""

from __future__ import annotations

import hmac
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from wattkeep.backups.archive import COPY_BYTES, PRIVATE, BackupError, extract
from wattkeep.backups.making import (
    DATABASE_MEMBER,
    KEYS_MEMBER,
    SECRET_MEMBER,
    check_sqlite,
    sync_folder,
)
from wattkeep.monitoring import keyring

if TYPE_CHECKING:
    from wattkeep.backups.archive import Manifest


def restore_backup(path: Path, passphrase: str = "") -> Manifest:
    """Bring a backup back into this installation, which must be empty, and return its manifest.

    Everything is unpacked and checked first; the last step is one rename, or one commit. The
    tables are as old as the backup afterwards: bring them up to date as at every start.

    Raises:
        BackupError: the backup or the place is not fit for it; the place is as it was.
    """
    _require_empty()
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.DATA_DIR) as scratch:
        unpacked = Path(scratch)
        manifest = extract(path, unpacked, passphrase)
        if manifest.database != connection.vendor:
            raise BackupError(
                f"this backup is of {manifest.database}, this installation uses {connection.vendor}"
            )
        _require_known(manifest)
        if connection.vendor == "sqlite":
            database = unpacked / DATABASE_MEMBER
            _check_sqlite(database, manifest)
            _place_secrets(unpacked)
            _place_sqlite(database)
        else:
            _place_secrets(unpacked)
            _load_postgres(unpacked, manifest)
    return manifest


def _require_empty() -> None:
    if connection.vendor == "sqlite":
        database = Path(connection.settings_dict["NAME"])
        if database.exists() or _wal(database).exists():
            raise BackupError(
                f"{database} exists already; a backup is brought back into an empty place only."
                " Choose another with --data-dir, or move that file away first."
            )
        return
    if tables := connection.introspection.table_names():
        raise BackupError(
            f"the database {connection.settings_dict['NAME']} has {len(tables)} tables already;"
            " a backup is brought back into an empty one only"
        )


def _require_known(manifest: Manifest) -> None:
    """Raise BackupError if the backup's tables are newer than this program."""
    known = MigrationExecutor(None).loader.disk_migrations
    unknown = [f"{a}.{n}" for a, n in manifest.migrations.items() if (a, n) not in (known or {})]
    if unknown:
        raise BackupError(
            f"this backup was made by Wattkeep {manifest.version}, which is newer"
            f" ({', '.join(unknown)}): update first"
        )


def _check_sqlite(database: Path, manifest: Manifest) -> None:
    db = sqlite3.connect(database)
    try:
        check_sqlite(db)
        for table, count in manifest.rows.items():
            (found,) = db.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608
            if found != count:
                raise BackupError(f"{table} has {found} rows, the backup says {count}")
    except sqlite3.Error as error:
        raise BackupError(f"the database in the backup cannot be read: {error}") from error
    finally:
        db.close()


def _place_secrets(unpacked: Path) -> None:
    """Make the backup's keys this installation's; nothing is encrypted under others yet."""
    _place_secret((unpacked / SECRET_MEMBER).read_text(encoding="utf-8"))
    # Backups of earlier versions have no such member: all was made from the secret key.
    found = unpacked / KEYS_MEMBER
    names = found.read_text(encoding="ascii").split() if found.exists() else [keyring.DERIVED]
    if missing := set(names) - set(settings.ENCRYPTION_KEYS) if settings.ENCRYPTION_KEYS else ():
        raise BackupError(
            f"WATTKEEP_ENCRYPTION_KEYS lacks {len(missing)} of the keys this backup was made under:"
            " add them, or unset it to use the backup's."
        )
    if not settings.ENCRYPTION_KEYS and names != [keyring.DERIVED]:
        keyring.write_keys(names)


def _place_secret(secret: str) -> None:
    if settings.SECRET_KEY_IS_GIVEN:
        if not hmac.compare_digest(secret.encode(), settings.SECRET_KEY.encode()):
            raise BackupError(
                "WATTKEEP_SECRET_KEY is not the one this backup was made under: signed posts and"
                " notification channels would not work. Set the old one, or unset it to use the"
                " backup's."
            )
        return
    target = settings.DATA_DIR / "secret-key"
    draft = settings.DATA_DIR / ".secret-key.restored"
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w") as file:  # noqa: PTH123 - the mode must hold from the first byte
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)


def _place_sqlite(database: Path) -> None:
    target = Path(connection.settings_dict["NAME"])
    connection.close()
    # Not replaced: whoever started a server here meanwhile keeps what it wrote.
    try:
        target.hardlink_to(database)
    except FileExistsError:
        raise BackupError(f"{target} was made meanwhile; nothing was brought back") from None
    sync_folder(target.parent)


def _load_postgres(unpacked: Path, manifest: Manifest) -> None:
    """Make the tables as they were and fill them, in one transaction."""
    with transaction.atomic():
        executor = MigrationExecutor(connection)
        executor.migrate(list(manifest.migrations.items()))
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            tables = connection.introspection.table_names(cursor)
            if missing := set(manifest.rows) - set(tables):
                raise BackupError(f"no table for {', '.join(sorted(missing))} of the backup")
            quoted = ", ".join(map(connection.ops.quote_name, tables))
            cursor.execute(f"TRUNCATE {quoted} CASCADE")
            # Migrations that change rows leave constraints immediate; tables come in any order.
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            for table, count in manifest.rows.items():
                _load_table(cursor, table, manifest.columns[table], unpacked)
                _require_count(cursor, table, count)
            cursor.execute(SET_SEQUENCES)
    connection.close()


def _load_table(cursor: Any, table: str, columns: list[str], unpacked: Path) -> None:
    quote = connection.ops.quote_name
    into = f"{quote(table)} ({', '.join(map(quote, columns))})"
    with (
        (unpacked / f"{table}.pgcopy").open("rb") as file,
        cursor.copy(f"COPY {into} FROM STDIN (FORMAT binary)") as copy,
    ):
        while piece := file.read(COPY_BYTES):
            copy.write(piece)


def _require_count(cursor: Any, table: str, count: int) -> None:
    cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
    (found,) = cursor.fetchone()
    if found != count:
        raise BackupError(f"{table} got {found} rows, the backup says {count}")


def _wal(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


# Copied rows bring their numbers along; the next new one must get a higher one.
SET_SEQUENCES = """
DO $$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT quote_ident(c.relname) AS tab, quote_ident(a.attname) AS col,
           pg_get_serial_sequence(quote_ident(c.relname), a.attname) AS seq
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
      AND NOT a.attisdropped
      AND pg_get_serial_sequence(quote_ident(c.relname), a.attname) IS NOT NULL
  LOOP
    EXECUTE format('SELECT setval(%L, coalesce((SELECT max(%s) FROM %s), 0) + 1, false)',
                   one.seq, one.col, one.tab);
  END LOOP;
END $$
"""

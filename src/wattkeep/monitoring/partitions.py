"""The readings' table on PostgreSQL: a partition for each UTC day, and one for what is left over.

A finished day's rows then go with their partition, which costs next to nothing: deleting them and
vacuuming after it costs the server as much as storing them did.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import IntegrityError, OperationalError, connection, transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

TABLE = "monitoring_energyreading"
# Where a row goes whose day has no partition: late, far ahead, or nobody made one in time.
STRAYS = f"{TABLE}_strays"
# Each partition is one more index to look into, so there are no more than are needed.
DAYS_AHEAD = 1
# While such a lock is waited for nobody can store or read: better another try later.
LOCK_TIMEOUT_MS = 200
# Rows are only added and then go all at once, so there is nothing to clean up after.
NO_VACUUM = "autovacuum_vacuum_insert_threshold = -1"
_DAY_OF_NAME = re.compile(rf"{TABLE}_d(\d{{8}})")


class Partition(NamedTuple):
    """A day's part of the readings' table."""

    name: str
    day: datetime

    @property
    def end(self) -> datetime:
        return self.day + timedelta(days=1)


def partition_of(day: datetime) -> Partition:
    """Return the partition a UTC day has or would have."""
    return Partition(f"{TABLE}_d{day:%Y%m%d}", day)


def is_partitioned(db: Any = connection) -> bool:
    """Tell whether readings have partitions: not on SQLite, nor where they are distributed."""
    if db.vendor != "postgresql":
        return False
    with db.cursor() as cursor:
        cursor.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)", [TABLE])
        row = cursor.fetchone()
    return bool(row and row[0])


def is_distributed(db: Any = connection) -> bool:
    """Tell whether readings are spread over several servers by Citus."""
    if db.vendor != "postgresql":
        return False
    db.ensure_connection()
    # Not by Django's cursor: who counts a page's statements is not to find these among them.
    row = db.connection.execute("SELECT to_regclass('pg_dist_partition') IS NOT NULL").fetchone()
    if not row[0]:
        return False
    spread = "SELECT count(*) FROM pg_dist_partition WHERE logicalrelid = to_regclass(%s)"
    return bool(db.connection.execute(spread, [TABLE]).fetchone()[0])


def day_partitions(db: Any = connection) -> list[Partition]:
    """Return the days' partitions, oldest first."""
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass(%s) ORDER BY 1",
            [TABLE],
        )
        names = [name for (name,) in cursor.fetchall()]
    found = ((name, _DAY_OF_NAME.fullmatch(name)) for name in names)
    return [
        Partition(name, datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC))
        for name, match in found
        if match
    ]


def make_partitions(now: datetime, db: Any = connection) -> list[Partition]:
    """Make today's partition and those of the days ahead, where they are missing.

    A day whose rows are among the strays already keeps them there; they are sealed from there.
    """
    if not is_partitioned(db):
        return []
    known = {one.day for one in day_partitions(db)}
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
    return [one for one in map(partition_of, days) if one.day not in known and _attach(one, db)]


def _attach(partition: Partition, db: Any) -> bool:
    with db.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {STRAYS} WHERE timestamp >= %s AND timestamp < %s)",  # noqa: S608 - constants only
            [partition.day, partition.end],
        )
        if cursor.fetchone()[0]:
            return False
    try:
        with transaction.atomic(using=db.alias), db.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            for statement in attach_statements(partition):
                cursor.execute(statement)
    except (IntegrityError, OperationalError) as error:
        # Rows of that day arrived just now, or the table is in use for long: tried again.
        logger.warning("no partition for %s yet: %s", f"{partition.day:%Y-%m-%d}", error)
        return False
    return True


def attach_statements(partition: Partition) -> Sequence[str]:
    """Return what makes a day's partition; the strays are looked through under a lock."""
    return (
        f"CREATE TABLE {partition.name} (LIKE {TABLE} INCLUDING ALL) WITH ({NO_VACUUM})",
        (
            f"ALTER TABLE {TABLE} ATTACH PARTITION {partition.name} FOR VALUES"
            f" FROM ('{partition.day.isoformat()}') TO ('{partition.end.isoformat()}')"
        ),
    )


def partition_statements() -> Sequence[str]:
    """Return what makes a plain table the strays of a partitioned one; no row is moved."""
    return (
        f"ALTER TABLE {TABLE} RENAME TO {STRAYS}",
        f"ALTER INDEX {TABLE}_pkey RENAME TO {STRAYS}_pkey",
        (
            f"CREATE TABLE {TABLE} (LIKE {STRAYS} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
            " PARTITION BY RANGE (timestamp)"
        ),
        f"ALTER TABLE {TABLE} ADD PRIMARY KEY (device_id, timestamp)",
        f"ALTER TABLE {TABLE} ATTACH PARTITION {STRAYS} DEFAULT",
    )


def flatten_statements() -> Sequence[str]:
    """Return what makes a partitioned readings' table a plain one; its rows are copied once."""
    return (
        f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE",
        f"CREATE TABLE {TABLE}_flat (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"INSERT INTO {TABLE}_flat SELECT * FROM {TABLE}",  # noqa: S608 - constants only
        f"DROP TABLE {TABLE}",
        f"ALTER TABLE {TABLE}_flat RENAME TO {TABLE}",
        f"ALTER TABLE {TABLE} ADD PRIMARY KEY (device_id, timestamp)",
    )

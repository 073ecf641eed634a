"""What is in the database: tables, their partitions, and on a Citus cluster their shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from wattkeep.moving.tables import TELEMETRY, name_of, other_models, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class Part(NamedTuple):
    """A table, or a part of one, and where it is; None: the database cannot tell."""

    name: str
    rows: int | None
    size_bytes: int | None
    place: str = ""


# A table without partitions is in no tree.
POSTGRES_TABLES = """
    SELECT c.relname, greatest(c.reltuples, 0)::bigint
             + coalesce((SELECT sum(greatest(p.reltuples, 0))::bigint
                         FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid
                         WHERE t.level > 0), 0),
           pg_total_relation_size(c.oid)
             + coalesce((SELECT sum(pg_total_relation_size(relid))
                         FROM pg_partition_tree(c.oid) WHERE level > 0), 0)::bigint
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname = ANY(%s)
      AND c.relnamespace = current_schema()::regnamespace
    ORDER BY 3 DESC, 1
"""
PARTITIONS = """
    SELECT c.relname, greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('monitoring_energyreading') ORDER BY 1
"""
SHARDS = """
    SELECT table_name::text, count(*), sum(shard_size)::bigint, nodename || ':' || nodeport
    FROM citus_shards WHERE table_name::text LIKE 'monitoring\\_%' GROUP BY 1, 4 ORDER BY 1, 4
"""


def tables() -> Iterator[Part]:
    """Yield our tables; on PostgreSQL the largest first, and as many rows as it believes."""
    models = [one.model for one in TELEMETRY] + other_models()
    if connection.vendor == "sqlite":
        for model in models:
            yield Part(name_of(model), rows_of(model, "default").count(), None)
        return
    with connection.cursor() as cursor:
        cursor.execute(POSTGRES_TABLES, [[name_of(model) for model in models]])
        for row in cursor.fetchall():
            yield Part(*row)


def partitions() -> list[Part]:
    """Return the parts of the readings' table."""
    return [] if connection.vendor == "sqlite" else _ask(PARTITIONS)


def shards() -> list[Part]:
    """Return how many shards of each table each server has, and what they take there."""
    if connection.vendor == "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('citus_shards') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return []
    return _ask(SHARDS)


def _ask(sql: str) -> list[Part]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [Part(*row) for row in cursor.fetchall()]

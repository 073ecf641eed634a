"""Which store fits the PostgreSQL that is configured: plain, behind PgBouncer, or distributed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.db import connection as django_connection

from wattkeep.ingest.distributed_store import DistributedStore
from wattkeep.ingest.postgres_store import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 3
# What Django understands and libpq does not.
DJANGO_ONLY = frozenset(
    {
        "pool",
        "server_side_binding",
        "cursor_factory",
        "isolation_level",
        "assume_role",
        "prepare_threshold",
    }
)
IS_DISTRIBUTED = """
    SELECT EXISTS (SELECT FROM pg_dist_partition
                   WHERE logicalrelid = to_regclass('monitoring_energyreading'))
"""


def open_postgres_store() -> PostgresStore:
    """Return the store for Django's PostgreSQL; the distributed one if the table is."""
    parameters = connection_parameters(django_connection.settings_dict)
    kind = DistributedStore if _is_distributed(parameters) else PostgresStore
    return kind(parameters, is_bounced=settings.IS_BOUNCED)


def connection_parameters(database: Mapping[str, Any]) -> dict[str, Any]:
    """Return Django's settings of a database as what psycopg connects with."""
    names = {
        "NAME": "dbname",
        "USER": "user",
        "PASSWORD": "password",
        "HOST": "host",
        "PORT": "port",
    }
    return {
        **{to: database[name] for name, to in names.items() if database[name]},
        **{
            name: value
            for name, value in database.get("OPTIONS", {}).items()
            if name not in DJANGO_ONLY
        },
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "wattkeep ingest",
    }


def _is_distributed(parameters: dict[str, Any]) -> bool:
    """Tell whether readings are a Citus table; a server that is away is taken for a plain one."""
    try:
        with psycopg.connect(**parameters) as db:
            row = db.execute("SELECT to_regclass('pg_dist_partition') IS NOT NULL").fetchone()
            found = db.execute(IS_DISTRIBUTED).fetchone() if row and row[0] else None
            return bool(found and found[0])
    except psycopg.Error:
        logger.warning("PostgreSQL is away; taking it for one that is not distributed")
        return False

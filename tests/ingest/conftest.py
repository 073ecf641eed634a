"""Real databases with the product's own tables, for the stores to write to."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys

import psycopg
import pytest

from running import environment
from wattkeep.ingest.distributed_store import DistributedStore
from wattkeep.ingest.postgres_store import PostgresStore
from wattkeep.ingest.sqlite_store import SqliteStore

TABLES = (
    "monitoring_energyreading",
    "monitoring_deviceboot",
    "monitoring_meterevent",
    "monitoring_ledgermark",
)


def migrate(**settings):
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "-v0"], env=environment(**settings), check=True
    )


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    migrate(WATTKEEP_DATA_DIR=str(folder))
    with contextlib.closing(sqlite3.connect(folder / "wattkeep.sqlite3")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "wattkeep.sqlite3"


@pytest.fixture(scope="session")
def postgres_tables(postgres_url, tmp_path_factory):
    """Return the address of a PostgreSQL database of this folder's own, with the tables in it."""
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE DATABASE ingest_tests")
        parts = psycopg.conninfo.conninfo_to_dict(db.info.dsn) | {"dbname": "ingest_tests"}
    url = "postgresql://{user}@/{dbname}?host={host}".format(**parts)
    migrate(
        WATTKEEP_DATABASE_URL=url, WATTKEEP_DATA_DIR=str(tmp_path_factory.mktemp("postgres-data"))
    )
    return psycopg.conninfo.make_conninfo(**parts)


class Database:
    """A store under test and a look behind it."""

    def __init__(self, store, query):
        self.store = store
        self.query = query

    def readings(self):
        return self.query(
            "SELECT device_id, {ms}, voltage, current, power, energy, frequency, power_factor"
            " FROM monitoring_energyreading ORDER BY 1, 2",
            "timestamp",
        )

    def boots(self):
        return self.query(
            "SELECT device_id, boot, last_seq, ahead, {ms} FROM monitoring_deviceboot"
            " ORDER BY 1, 2",
            "last_seen",
        )

    def events(self):
        return self.query(
            "SELECT device_id, kind, {ms}, windows FROM monitoring_meterevent ORDER BY 1, 2, 3",
            "timestamp",
        )

    def marks(self):
        return self.query(
            "SELECT device_id, {ms}, {until}, touched FROM monitoring_ledgermark ORDER BY 1, 2",
            "start",
        )


def sqlite_database(path):
    def query(sql, column):
        with contextlib.closing(sqlite3.connect(path)) as db:
            return db.execute(sql.format(ms=column, until="until")).fetchall()

    return Database(SqliteStore(str(path)), query)


def postgres_database(kind, dsn):
    def query(sql, column):
        with psycopg.connect(dsn) as db:
            ms = "(extract(epoch FROM {}) * 1000)::bigint".format
            return db.execute(sql.format(ms=ms(column), until=ms("until"))).fetchall()

    with psycopg.connect(dsn) as db:
        db.execute(f"TRUNCATE {', '.join(TABLES)}")
    return Database(kind({"conninfo": dsn}, retry_s=5, pause=lambda _: None), query)


@pytest.fixture(params=["sqlite", "postgres", "distributed"])
def database(request, tmp_path):
    """Return each kind of store on empty tables."""
    if request.param == "sqlite":
        path = tmp_path / "wattkeep.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        made = sqlite_database(path)
    else:
        kind = {"postgres": PostgresStore, "distributed": DistributedStore}[request.param]
        made = postgres_database(kind, request.getfixturevalue("postgres_tables"))
    yield made
    made.store.close()

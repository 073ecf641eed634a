"""Databases and servers of their own for each storm."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from chaos.disks import FileLimit, Filler, small_disk
from chaos.installation import Installation, Postgres, Sqlite
from chaos.postgres import Cluster, find_binaries

SENDERS = 30
# In the long form there are four storms of a quarter of this each: half of it a database.
SECONDS = float(os.environ.get("WATTKEEP_CHAOS_SECONDS", "0"))
OUTAGE_S = 30.0 if SECONDS else 0.0
DISK_BYTES = (1024 if SECONDS else 128) * 1024 * 1024


@pytest.fixture
def seed():
    return int(os.environ.get("WATTKEEP_CHAOS_SEED") or int.from_bytes(os.urandom(4)))


@pytest.fixture
def tidy():
    """What must be ended after a test, whatever became of it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A data folder with a few dozen devices."""
    folder = tmp_path_factory.mktemp("template")
    return folder, Installation(folder, Sqlite(folder)).make_devices(SENDERS)


@pytest.fixture
def sqlite(sqlite_template, tmp_path, tidy):
    """Return a function: command → installation, its devices, and its disk."""

    def make(*command):
        template, devices = sqlite_template
        folder = tmp_path / "data"
        folder.mkdir()
        is_small = tidy.enter_context(small_disk(folder, DISK_BYTES))
        shutil.copytree(template, folder, dirs_exist_ok=True)
        made = Installation(folder, Sqlite(folder), command)
        tidy.callback(made.kill)
        made.start()
        return made, devices, Filler(folder) if is_small else FileLimit(made)

    return make


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL server with a template database; its tables on a small disk if possible."""
    if (binaries := find_binaries()) is None:
        pytest.skip("no packaged PostgreSQL for this machine")
    folder = Path(tempfile.mkdtemp(prefix="wattkeep-pg-data-"))
    with small_disk(folder, DISK_BYTES) as is_small:
        made = Cluster(binaries, folder)
        made.disk = Filler(folder) if is_small else None
        try:
            made.start()
            yield made
        finally:
            made.remove()
    folder.rmdir()


@pytest.fixture(scope="session")
def postgres_template(cluster, tmp_path_factory):
    """A data folder and a database with a few dozen devices."""
    with cluster.connect() as db:
        db.execute("CREATE DATABASE chaos_template")
    folder = tmp_path_factory.mktemp("template")
    made = Installation(folder, Postgres(cluster, "chaos_template"))
    return folder, made.make_devices(SENDERS)


@pytest.fixture
def postgres(cluster, postgres_template, tmp_path, tidy):
    """Return a function: command → installation, its devices, and its disk (None if shared)."""

    def make(*command):
        template, devices = postgres_template
        with cluster.connect() as db:
            db.execute("CREATE DATABASE chaos TEMPLATE chaos_template")
        tidy.callback(drop, cluster)
        folder = tmp_path / "data"
        shutil.copytree(template, folder)
        made = Installation(folder, Postgres(cluster, "chaos"), command)
        tidy.callback(made.kill)
        made.start()
        return made, devices, cluster.disk

    return make


def drop(cluster):
    cluster.start()
    with cluster.connect() as db:
        db.execute("DROP DATABASE chaos WITH (FORCE)")

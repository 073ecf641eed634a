"""Everything a storm rages over: a fresh installation, its devices and its disk."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chaos.disks import FileLimit, Filler, small_disk
from chaos.installation import Installation, Postgres, Sqlite
from chaos.postgres import Cluster, find_binaries

SENDERS = 30


class Scene(NamedTuple):
    """`disk` can be filled and emptied; None where only the whole machine's disk could be."""

    installation: Installation
    devices: list[Any]
    disk: Any


@contextmanager
def temporary_folder():
    """Yield a folder that other users may enter, as PostgreSQL's own user must."""
    with tempfile.TemporaryDirectory(prefix="wattkeep-chaos-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "disk").mkdir()
        yield folder


@contextmanager
def sqlite_scene(command, disk_bytes):
    with temporary_folder() as base, small_disk(base / "disk", disk_bytes) as is_small:
        folder = base / "disk"
        installation = Installation(folder, Sqlite(folder), command, base / "log")
        disk = Filler(folder) if is_small else FileLimit(installation)
        with running(installation) as devices:
            yield Scene(installation, devices, disk)


@contextmanager
def postgres_scene(command, disk_bytes):
    with temporary_folder() as base, small_disk(base / "disk", disk_bytes) as is_small:
        cluster = Cluster(find_binaries(), base, base / "disk")
        try:
            cluster.start()
            installation = Installation(
                base / "home", Postgres(cluster), command, base / "server-log"
            )
            with running(installation) as devices:
                disk = Filler(base / "disk") if is_small else None
                yield Scene(installation, devices, disk)
        finally:
            cluster.end()


@contextmanager
def running(installation):
    """Start the server, and yield its devices."""
    devices = installation.make_devices(SENDERS)
    try:
        installation.start()
        yield devices
    finally:
        installation.kill()

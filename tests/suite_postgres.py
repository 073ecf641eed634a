"""One real PostgreSQL for a whole run of the suite, whichever processes run the tests."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from chaos.postgres import Cluster, find_binaries

# What survives a power cut is of no interest here.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "max_prepared_transactions": "10",
}


def suite_url():
    """Return its address; the run's first process starts it, the others find it told."""
    if told := os.environ.get("SUITE_POSTGRES_URL"):
        return told
    folder = Path(tempfile.mkdtemp(prefix="wattkeep-suite-"))
    folder.chmod(0o755)
    (folder / "disk").mkdir()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if (binaries := find_binaries()) is None:
        raise RuntimeError("there is no PostgreSQL to run the suite on: `make setup` brings it")
    cluster = Cluster(binaries, folder, folder / "disk", OPTIONS)
    cluster.start()
    atexit.register(cluster.end)
    os.environ["SUITE_POSTGRES_URL"] = cluster.url
    return cluster.url

"""Two processes that write for one device at the same time, as after a board's restart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chaos.installation import Installation, Postgres
from chaos.postgres import Cluster, find_binaries
from chaos.scenes import temporary_folder
from wattkeep.ingest.batches import Batch, Board, Windows
from wattkeep.ingest.postgres_store import PostgresStore

NOW_MS = 1_790_000_000_000
COMMITS = 100


def write_silences(url, boot):
    """Commit silent windows of one boot, one by one."""
    store = PostgresStore({"conninfo": url})
    for seq in range(1, COMMITS + 1):
        windows = Windows(boot, NOW_MS + seq, Board(), silent=[(seq, NOW_MS + seq)])
        store.commit([Batch(1, [], [], windows=windows)], [])
    store.close()


@pytest.mark.skipif(find_binaries() is None, reason="no packaged PostgreSQL for this machine")
def test_silent_windows_of_two_boots_at_once_are_all_counted():
    with temporary_folder() as base:
        cluster = Cluster(find_binaries(), base, base / "disk")
        try:
            cluster.start()
            database = Postgres(cluster)
            Installation(base / "home", database, ["up"], base / "log").make_devices(1)
            # One silence to begin with, which both boots then prolong.
            write_silences(cluster.url, "before")
            with ThreadPoolExecutor(2) as writers:
                list(writers.map(write_silences, [cluster.url] * 2, ["old", "new"]))
            silences = database.silences()
        finally:
            cluster.end()

    assert silences == {1: 3 * COMMITS}

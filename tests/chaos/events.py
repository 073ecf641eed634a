"""What can happen to a server and its database while readings arrive."""

from __future__ import annotations

import asyncio


async def kill_server(storm):
    """SIGKILL every process of the server, and start it again."""
    storm.installation.kill()
    await asyncio.to_thread(storm.installation.start)


async def kill_worker(storm):
    """SIGKILL one process of several; its parent sees to it."""
    storm.installation.kill_worker(storm.rng)
    await asyncio.to_thread(storm.installation.start)


async def lock_sqlite(storm):
    """Another process keeps SQLite's write lock until readings are refused."""
    with storm.installation.database.locked():
        await storm.outage()


async def seal_days(storm):
    """Finished days become blocks, while readings of these days still arrive."""
    await asyncio.to_thread(storm.installation.seal_days)
    assert await asyncio.to_thread(storm.installation.database.sealed)


async def kill_postgres(storm):
    cluster = storm.installation.database.cluster
    cluster.kill()
    await asyncio.to_thread(cluster.start)


async def kill_backend(storm):
    cluster = storm.installation.database.cluster
    await asyncio.to_thread(cluster.kill_backend)
    await asyncio.to_thread(cluster.start)


async def kill_both(storm):
    cluster = storm.installation.database.cluster
    cluster.kill()
    storm.installation.kill()
    await asyncio.to_thread(cluster.start)
    await asyncio.to_thread(storm.installation.start)


async def stop_postgres(storm):
    """PostgreSQL is away until readings are refused."""
    cluster = storm.installation.database.cluster
    await asyncio.to_thread(cluster.stop)
    await storm.outage()
    await asyncio.to_thread(cluster.start)


async def freeze_postgres(storm):
    """PostgreSQL neither answers nor hangs up until readings are refused."""
    cluster = storm.installation.database.cluster
    cluster.freeze()
    try:
        await storm.outage()
    finally:
        cluster.thaw()


async def fill_disk(storm):
    """The disk is full until readings are refused."""
    if storm.disk is None:
        return
    storm.disk.fill()
    try:
        await storm.outage()
    finally:
        storm.disk.empty()

"""A server that cannot store says so at once, keeps its memory, and goes on when it can again."""

from __future__ import annotations

import asyncio
import threading
import time

from chaos.journal import Fate, Journal
from chaos.line import Line
from chaos.scenes import sqlite_scene
from chaos.senders import DAY_MS, reading
from wattkeep.ingest.batches import Batch, Board, Windows
from wattkeep.ingest.stores import StoreUnavailable
from wattkeep.ingest.writer import Writer

CONNECTIONS = 80
READINGS_EACH = 1000
REFUSALS = 400
MOST_GROWTH_KIB = 128 * 1024


class Flood:
    """One device's readings in many arrays at once, each posted again until it is taken."""

    def __init__(self, installation, device):
        self.journal = Journal()
        self.is_refused = asyncio.Event()
        self._refusals = 0
        self._book = self.journal.open(device.id, int(time.time() * 1000) - DAY_MS)
        self._lines = [Line(lambda: installation.port, device.key) for _ in range(CONNECTIONS)]

    async def pour(self):
        await asyncio.gather(*map(self._pour, self._lines))

    async def _pour(self, line):
        counters = [self._book.make() for _ in range(READINGS_EACH)]
        body = [reading(one, timestamp=self._book.instant_ms(one) / 1000) for one in counters]
        self._book.mark(counters, Fate.SENT)
        while (answer := await line.post(body)).status != 201:
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) > 0
            self._refusals += 1
            if self._refusals >= REFUSALS:
                self.is_refused.set()
        self._book.mark(counters, Fate.ACKED)
        await line.close()


async def flood(scene):
    """Pour more than may wait into a server whose database is locked; return its growth in KiB."""
    pouring = Flood(scene.installation, scene.devices[0])
    before_kib = scene.installation.memory_kib()
    async with asyncio.timeout(120):
        with scene.installation.database.locked():
            task = asyncio.create_task(pouring.pour())
            await pouring.is_refused.wait()
        grown_kib = scene.installation.memory_kib() - before_kib
        await task
    return pouring, grown_kib


def test_flood_is_refused_before_memory_grows():
    with sqlite_scene(["up"], MOST_GROWTH_KIB * 1024) as scene:
        pouring, grown_kib = asyncio.run(flood(scene))
        problems = pouring.journal.problems(scene.installation.database.rows(), {})

    assert problems == []
    assert grown_kib < MOST_GROWTH_KIB


class StuckStore:
    """A database that does not come back until it is told to."""

    def __init__(self):
        self.began = threading.Event()
        self.goes_on = threading.Event()

    def commit(self, _batches, _contacts):
        self.began.set()
        self.goes_on.wait()
        raise StoreUnavailable("stuck")

    def close(self):
        pass


def silent_envelope(count):
    windows = Windows("boot", 1, Board(), silent=[(seq, seq) for seq in range(1, count + 1)])
    return Batch(1, [], [], windows=windows)


async def write_silence(envelopes, windows_each):
    """Return how many of these were refused while the database is stuck."""
    store = StuckStore()
    writer = Writer(store)
    batch = silent_envelope(windows_each)
    tasks = [asyncio.create_task(writer.write(batch, 1)) for _ in range(envelopes)]
    for _ in range(10):
        await asyncio.sleep(0)
    refused = sum(task.done() for task in tasks)
    store.goes_on.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    await writer.drain()
    return refused


def test_silent_windows_count_as_waiting():
    refused = asyncio.run(write_silence(envelopes=30, windows_each=10_000))

    assert refused >= 20


async def write_behind_a_stuck_commit():
    """Return how those end who wait behind a commit that hangs, while it does."""
    store = StuckStore()
    writer = Writer(store, patience_s=0.01)
    first = asyncio.create_task(writer.write(silent_envelope(1), 1))
    await asyncio.to_thread(store.began.wait)
    behind = [asyncio.create_task(writer.write(silent_envelope(1), 1)) for _ in range(3)]
    ends = await asyncio.gather(*behind, return_exceptions=True)
    assert not first.done()
    store.goes_on.set()
    ends += await asyncio.gather(first, return_exceptions=True)
    await writer.drain()
    return [str(end) for end in ends]


def test_hanging_commit_keeps_nobody_waiting_behind_it():
    ends = asyncio.run(write_behind_a_stuck_commit())

    assert ends == ["a commit hangs"] * 3 + ["stuck"]

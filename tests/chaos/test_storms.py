"""Every acknowledged reading is stored exactly once, and nothing else is, whatever happens.

A few seconds each as part of the test suite. `make chaos` makes it minutes, with outages of half
a minute: WATTKEEP_CHAOS_SECONDS is for all storms together, WATTKEEP_CHAOS_SEED repeats one.
"""

from __future__ import annotations

import asyncio
import time

from chaos import events
from chaos.conftest import OUTAGE_S, SECONDS
from chaos.storm import Storm

STORMS = 4


async def rage(made, happenings, seed):
    """Let everything happen once, or for its share of the time; return what is wrong then."""
    installation, devices, _ = made
    async with Storm(installation, devices, seed, OUTAGE_S) as storm:
        deadline = time.monotonic() + SECONDS / STORMS
        await storm.progress()
        for name in storm.rng.sample(sorted(happenings), len(happenings)):
            await storm.do(name, happenings[name])
        while time.monotonic() < deadline:
            name = storm.rng.choice(sorted(happenings))
            await storm.do(name, happenings[name])
        await storm.settle()
        print(storm.story())
        return storm.problems(), set(storm.journal.answers) - {"nothing"}


def test_nothing_is_lost_or_doubled_on_sqlite(sqlite, seed):
    made = sqlite("up")
    happenings = {
        "server killed": events.kill_server,
        "server killed again": events.kill_server,
        "database locked": events.lock_sqlite,
        "disk full": events.fill_disk(made[2]),
    }

    problems, answers = asyncio.run(rage(made, happenings, seed))

    assert (problems, answers) == ([], {201, 503})


def test_nothing_is_lost_or_doubled_on_postgresql(postgres, seed):
    made = postgres("up")
    happenings = {
        "server killed": events.kill_server,
        "database killed": events.kill_postgres,
        "its backend killed": events.kill_backend,
        "both killed": events.kill_both,
        "database stopped": events.stop_postgres,
        "database frozen": events.freeze_postgres,
    }
    if made[2] is not None:
        happenings["disk full"] = events.fill_disk(made[2])

    problems, answers = asyncio.run(rage(made, happenings, seed))

    assert (problems, answers) == ([], {201, 503})

"""Every acknowledged reading is stored exactly once, and nothing else is, whatever happens.

All storms rage at the same time: once through everything that can happen, or for as many seconds
as CHAOS_SECONDS says (`make chaos`), with outages of half a minute. CHAOS_SEED
repeats the dice of an earlier run.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from chaos import events
from chaos.postgres import find_binaries
from chaos.scenes import postgres_scene, sqlite_scene
from chaos.storm import Storm
from wattkeep.cli import wattkeep

MIB = 1024 * 1024
LONG_OUTAGE_S = 30.0
ON_SQLITE = {
    "server killed": events.kill_server,
    "server killed again": events.kill_server,
    "days sealed": events.seal_days,
    "database locked": events.lock_sqlite,
    "disk full": events.fill_disk,
}
ON_POSTGRES = {
    "server killed": events.kill_server,
    "days sealed": events.seal_days,
    "database killed": events.kill_postgres,
    "its backend killed": events.kill_backend,
    "both killed": events.kill_both,
    "database stopped": events.stop_postgres,
    "database frozen": events.freeze_postgres,
    "disk full": events.fill_disk,
}
WORKERS = ["serve", "--workers", "2"]
KILLS = {"a worker killed": events.kill_worker, "all killed": events.kill_server}
STORMS = {
    "sqlite": (sqlite_scene, ["up"], ON_SQLITE),
    "postgresql": (postgres_scene, ["up"], ON_POSTGRES),
    "sqlite, two workers": (sqlite_scene, WORKERS, KILLS),
    "postgresql, two workers": (
        postgres_scene,
        WORKERS,
        {**KILLS, "its backend killed": events.kill_backend},
    ),
}


@dataclass
class Outcome:
    """What a storm left behind."""

    story: str = ""
    problems: list[str] = field(default_factory=list)
    answers: set[int] = field(default_factory=set)
    fault: Exception | None = None


async def rage(name, seed, seconds):
    """Let everything happen once, and go on with anything until the time is over."""
    make_scene, command, happenings = STORMS[name]
    outcome = Outcome()
    try:
        with ExitStack() as stack:
            disk_bytes = (512 if seconds else 128) * MIB
            scene = await asyncio.to_thread(stack.enter_context, make_scene(command, disk_bytes))
            hold_s = LONG_OUTAGE_S if seconds else 0.0
            async with Storm(scene, f"{seed} {name}", hold_s) as storm:
                await endure(storm, happenings, time.monotonic() + seconds)
                outcome.story = storm.story()
                outcome.problems = storm.problems()
                outcome.answers = set(storm.journal.answers) - {"nothing"}
    except Exception as fault:  # noqa: BLE001 - raised again in the test it belongs to
        outcome.fault = fault
    return outcome


async def endure(storm, happenings, deadline):
    await storm.progress()
    for name in storm.rng.sample(sorted(happenings), len(happenings)):
        await storm.do(name, happenings[name])
    while time.monotonic() < deadline:
        name = storm.rng.choice(sorted(happenings))
        await storm.do(name, happenings[name])
    await storm.settle()


def missing(name):
    """Return what a storm needs and this machine has not, or None."""
    make_scene, command, _ = STORMS[name]
    if make_scene is postgres_scene and find_binaries() is None:
        return "no packaged PostgreSQL for this machine"
    if command[0] not in wattkeep.commands:
        return f"no command {command[0]!r} yet"
    return None


@pytest.fixture(scope="module")
def outcomes(seed, chaos_seconds):
    names = [name for name in STORMS if missing(name) is None]

    async def rage_all():
        return await asyncio.gather(*(rage(name, seed, chaos_seconds) for name in names))

    return dict(zip(names, asyncio.run(rage_all()), strict=True))


@pytest.mark.parametrize("name", STORMS)
def test_acknowledged_readings_are_stored_once_and_nothing_else(outcomes, name):
    if name not in outcomes:
        pytest.skip(missing(name))
    outcome = outcomes[name]
    print(outcome.story)

    if outcome.fault is not None:
        raise outcome.fault
    assert outcome.problems == []
    assert outcome.answers <= {201, 503}

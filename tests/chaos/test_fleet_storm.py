"""A fleet's readings, figures, messages and open pages, while everything is restarted in turn.

PostgreSQL, Valkey, two servers, a worker, a beat and nginx: each is ended or killed under a
virtual fleet. Once through everything, or for as many seconds as CHAOS_SECONDS says, with as many
devices as CHAOS_DEVICES says (`make chaos-fleet`).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from chaos.many import Hook, many_processes
from chaos.postgres import find_binaries
from chaos.viewers import Viewer
from running import Site
from scaled.valkey import find_program
from wattkeep.sim.fleet import Fleet, FleetPlan, make_room_for
from wattkeep.sim.fleet_device import Faults

HAPPENS_WITHIN_S = 120
LONG_AWAY_S = 20.0
WATCHED = 6
VIEWERS = 4


class FleetStorm:
    """All that goes on at the same time, and what can be done to it."""

    def __init__(self, many, hook, made, seed, *, is_long):
        self.many = many
        self.hook = hook
        self.is_long = is_long
        self.rng = random.Random(seed)
        self.events = []
        self._made = made
        self._feeder = many.program("write_messages", made["channel"])
        self._tasks = []

    async def start(self, interval_s):
        many, keys = self.many, self._made["keys"]
        self._feeder.start()
        # A short buffer would lose windows in a long outage; that is a board's affair.
        faults = Faults(outages=0.01, lost_answers=0.01)
        make_room_for(len(keys) + 100)
        self.fleets = []
        doors = many.doors
        for number, door in enumerate(doors):
            plan = FleetPlan(door, interval_s=interval_s, drain_s=HAPPENS_WITHIN_S,
                             seed=self.rng.getrandbits(32), faults=faults)  # fmt: skip
            self.fleets.append(Fleet(plan, keys[number :: len(doors)], lambda _: None))
        self._running = [asyncio.create_task(fleet.run()) for fleet in self.fleets]
        cookie = await asyncio.to_thread(self._log_in, doors[0])
        self.viewers = [
            Viewer(doors[n % len(doors)], cookie, self._made["ids"][:WATCHED])
            for n in range(VIEWERS)
        ]
        self._tasks = [asyncio.create_task(viewer.run()) for viewer in self.viewers]
        await self.progress()

    def _log_in(self, door):
        site = Site(door)
        site.log_in("ada")
        site.close()
        return "; ".join(f"{name}={value}" for name, value in site._cookies.items())

    async def do(self, event):
        """Let something happen; return when readings and pages go on after it."""
        self.events.append(event.__name__)
        began = time.monotonic()
        await event(self)
        await self.progress()
        self.events.append(f"({time.monotonic() - began:.1f} s)")

    async def away(self):
        """Wait as long as something stays away."""
        await asyncio.sleep(LONG_AWAY_S if self.is_long else 1.0)

    async def progress(self):
        """Return when new readings are acknowledged and have been shown on every page."""
        since = datetime.now(UTC).isoformat()
        acked = [fleet._tally.acked for fleet in self.fleets]

        def goes_on():
            are_acked = all(
                fleet._tally.acked > before
                for fleet, before in zip(self.fleets, acked, strict=True)
            )
            return are_acked and all(
                any(at > since for at in viewer.shown.values()) for viewer in self.viewers
            )

        deadline = time.monotonic() + HAPPENS_WITHIN_S
        while not goes_on():
            for task in (*self._running, *self._tasks):
                if task.done():
                    task.result()
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing goes on. {self.events}\n{self.many.logs()}")
            await asyncio.sleep(0.05)

    async def settle(self):
        """Have everything delivered; return the fleets' reports and what is stored."""
        await asyncio.to_thread(self._feeder.end)
        for fleet in self.fleets:
            # As after a plan's time: the boards upload what they hold.
            fleet._stopped.set()
        reports = await asyncio.gather(*self._running)
        self.told_before = self.hook.subjects
        verdict = await asyncio.to_thread(self.many.run, "judge_fleet")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return reports, verdict

    def are_noted(self, subjects):
        """Tell whether all these messages are noted as delivered."""
        query = "SELECT subject FROM monitoring_notification WHERE delivered_at IS NOT NULL"
        with self.many.cluster.connect() as db:
            return set(subjects) <= {row[0] for row in db.execute(query)}

    def give_up(self):
        self._feeder.kill()


async def restart_valkey(storm):
    """It comes back empty: what was queued, published or cached is gone."""
    storm.many.valkey.kill()
    await storm.away()
    await asyncio.to_thread(storm.many.valkey.start)


async def restart_postgres(storm):
    await asyncio.to_thread(storm.many.cluster.stop)
    await storm.away()
    await asyncio.to_thread(storm.many.cluster.start)


async def kill_postgres(storm):
    storm.many.cluster.kill()
    await asyncio.to_thread(storm.many.cluster.start)


async def restart_server(storm):
    server = storm.rng.choice(storm.many.servers)
    await asyncio.to_thread(server.end)
    server.start()
    await asyncio.to_thread(server.wait_until_ready)


async def kill_server(storm):
    server = storm.rng.choice(storm.many.servers)
    server.kill()
    await storm.away()
    server.start()
    await asyncio.to_thread(server.wait_until_ready)


async def restart_worker(storm):
    await asyncio.to_thread(storm.many.worker.end)
    storm.many.worker.start()


async def kill_worker(storm):
    """In the middle of whatever it does, but never between a service's answer and its noting.

    That one moment cannot be made safe from this side: the service has the message, and nobody
    who lives knows. What is on its way then is not answered, so it is sent again.
    """
    await asyncio.to_thread(storm.hook.cut, storm.are_noted, storm.many.worker.kill)
    storm.many.worker.start()


async def restart_beat(storm):
    storm.many.beat.kill()
    await storm.away()
    storm.many.beat.start()


async def run_two_beats(storm):
    second = storm.many.second_beat()
    second.start()
    await asyncio.sleep(10)
    second.kill()


async def restart_nginx(storm):
    if storm.many.nginx is not None:
        storm.many.nginx.kill()
        storm.many.nginx.start()
        await asyncio.to_thread(storm.many.nginx.wait_until_ready)


EVENTS = (kill_worker, restart_valkey, kill_server, restart_postgres, restart_server, restart_beat,
          restart_nginx)  # fmt: skip
MORE_EVENTS = (*EVENTS, kill_postgres, restart_worker, run_two_beats)


async def rage(storm, seconds, interval_s):
    deadline = time.monotonic() + seconds
    await storm.start(interval_s)
    for event in EVENTS:
        await storm.do(event)
    while time.monotonic() < deadline:
        await storm.do(storm.rng.choice(MORE_EVENTS))
    return await storm.settle()


@pytest.mark.timeout(0 if os.environ.get("CHAOS_SECONDS") else 600)
@pytest.mark.skipif(find_binaries() is None, reason="no packaged PostgreSQL for this machine")
@pytest.mark.skipif(find_program() is None, reason="no Valkey here")
def test_a_fleet_loses_and_doubles_nothing(seed, chaos_seconds):
    pytest.importorskip("celery", reason="no wattkeep[scaled] here")
    devices = int(os.environ.get("CHAOS_DEVICES") or 20)
    with ExitStack() as stack:
        hook = stack.enter_context(Hook())
        many = stack.enter_context(many_processes())
        made = many.run("make_fleet", devices, hook.url)
        for part in many.parts:
            part.start()
        for part in many.parts:
            part.wait_until_ready()
        storm = FleetStorm(many, hook, made, seed, is_long=bool(chaos_seconds))
        stack.callback(storm.give_up)
        interval_s = 10.0 if chaos_seconds else 1.0
        reports, verdict = asyncio.run(rage(storm, chaos_seconds, interval_s))
        told = hook.subjects

    tallies = [report.tally for report in reports]
    connects = [viewer.connects for viewer in storm.viewers]
    print(f"seed {seed}; {storm.events}; {tallies}; connections {connects}; {len(told)} messages, "
          f"{verdict['attempts']} tries")  # fmt: skip
    assert verdict["problems"] == []
    assert sum(tally.backlog + tally.refused + tally.parked for tally in tallies) == 0
    assert verdict["readings"] == sum(tally.acked for tally in tallies)
    assert verdict["silences"] == sum(tally.silent for tally in tallies)
    messages, noted = Counter(told), Counter(verdict["subjects"])
    of_program = {one: count for one, count in messages.items() if one.startswith("Message ")}
    assert of_program == {one: n for one, n in noted.items() if one.startswith("Message ")}
    assert set(of_program.values()) == {1}
    # And incidents, if the machine was slow enough for some: nothing was told that is not noted.
    assert not Counter(storm.told_before) - noted
    assert min(connects) > 1

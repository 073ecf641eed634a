"""Load behind a bad network, while things are done to the server and its database."""

from __future__ import annotations

import asyncio
import random
import time

from chaos.journal import Fate, Journal
from chaos.proxy import ChaosProxy
from chaos.senders import KINDS, Once

HAPPENS_WITHIN_S = 120
LOOK_EVERY_S = 0.02


class Storm:
    """Runs the senders from entry until `settle`, which ends with everything delivered.

    `hold_s` is how long an outage lasts at least.
    """

    def __init__(self, scene, seed, hold_s=0.0):
        self.installation = scene.installation
        self.disk = scene.disk
        self.journal = Journal(strict_refusals=self.installation.database.knows_failures)
        self.hold_s = hold_s
        self.rng = random.Random(seed)
        self.events = []
        self._seed = seed
        self._devices = scene.devices
        self._tasks = []

    async def __aenter__(self):
        def find_server():
            return self.installation.port

        def find_proxy():
            return self._proxy.port

        self._proxy = ChaosProxy(find_server, random.Random(self.rng.random()))
        await self._proxy.__aenter__()
        self._senders = []
        for number, device in enumerate(self._devices):
            kind = KINDS[number % len(KINDS)]
            # What may be sent a single time has no use for a network that sends it twice.
            find_port = find_server if kind is Once else find_proxy
            rng = random.Random(self.rng.random())
            self._senders.append(kind(self.journal, device, find_port, rng))
        self._tasks = [asyncio.create_task(sender.run()) for sender in self._senders]
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._proxy.__aexit__()

    async def do(self, name, event):
        """Let something happen at a random moment, and see that all goes on after it."""
        self.events.append(name)
        await asyncio.sleep(self.rng.uniform(0, 0.3))
        began = time.monotonic()
        await event(self)
        await self.progress()
        self.events.append(f"(after {time.monotonic() - began:.1f} s)")

    async def progress(self):
        """Return when every sender has heard an answer 201 since."""
        before = [sender.heard for sender in self._senders]
        await self.until(
            lambda: all(
                sender.heard > count for sender, count in zip(self._senders, before, strict=True)
            ),
            "every sender is acknowledged",
        )

    async def outage(self):
        """Return when the server has said 503 since, and the outage lasted long enough."""
        before = self.journal.answers[503]
        await asyncio.sleep(self.hold_s)
        await self.until(lambda: self.journal.answers[503] > before, "the server says 503")

    async def until(self, happened, what):
        deadline = time.monotonic() + HAPPENS_WITHIN_S
        while not happened():
            for task in self._tasks:
                if task.done():
                    task.result()
            if self.installation.has_given_up():
                # As a service manager would.
                self.events.append("server started again after it gave up")
                await asyncio.to_thread(self.installation.start)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: never. {self.story()}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def settle(self):
        """Calm the network, deliver everything that is left, end the senders."""
        self._proxy.calm()
        for sender in self._senders:
            sender.end()
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            await asyncio.gather(*self._tasks)
            await self._proxy.settle()

    def problems(self):
        database = self.installation.database
        return self.journal.problems(database.rows(), database.silences())

    def story(self):
        """Return what it takes to understand and repeat a failure."""
        acked = sum(one.count(Fate.ACKED) for one in self.journal.devices.values())
        return (
            f"seed {self._seed}; events {', '.join(self.events)}; {acked} readings acknowledged; "
            f"answers {dict(self.journal.answers)}; network {dict(self._proxy.did)}\n"
            f"server:\n{self.installation.log_tail()}"
        )

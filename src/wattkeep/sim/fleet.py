"""A fleet of virtual boards in one process: the load test, and the crowd that a demo needs."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import time
from collections import deque
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import uvloop

from wattkeep.sim.fleet_count import RECENT_S, FleetReport, Latencies, Strain, Tally
from wattkeep.sim.fleet_device import Device, Faults, Street
from wattkeep.sim.fleet_house import sample_household
from wattkeep.sim.fleet_wire import FleetError, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LAG_EVERY_S = 0.05
SETTLE_S = 2.0
SPARE_FILES = 64
MADE_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What a fleet does: each device posts every `interval_s`, for `duration_s` or until stopped.

    After that it has `drain_s` to upload what it still holds. The same `seed` gives the same
    homes and the same chances of trouble.
    """

    url: str
    interval_s: float = 10.0
    duration_s: float | None = None
    drain_s: float = 30.0
    seed: int | None = None
    is_signed: bool = False
    faults: Faults = field(default_factory=Faults)


def run_fleet(
    plan: FleetPlan, keys: Sequence[str], watch: Callable[[FleetReport], None] = lambda _: None
) -> FleetReport:
    """Run a device for every key until the plan or Ctrl-C ends it; a second Ctrl-C ends it hard.

    `watch` is called every second, and must be quick.

    Raises:
        FleetError: it cannot start.
    """
    make_room_for(len(keys))
    fleet = Fleet(plan, keys, watch)

    async def run() -> FleetReport:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, fleet.stop)
        return await fleet.run()

    return uvloop.run(run())


def make_room_for(connections: int) -> None:
    """Raise this process's limit of open files as far as `connections` need it.

    Raises:
        FleetError: it may not be raised so far.
    """
    needed = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise FleetError(
            f"{connections:,} devices need as many connections, and a process may open {hard:,} "
            f"files here. Raise the limit (`ulimit -n {needed}` as root), or use fewer devices."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class Fleet:
    """The devices, and the clock that watches them."""

    def __init__(
        self, plan: FleetPlan, keys: Sequence[str], watch: Callable[[FleetReport], None]
    ) -> None:
        self._plan = plan
        self._keys = keys
        self._watch = watch
        self._tally = Tally()
        self._latencies = Latencies()
        self._strain = Strain()
        self._devices: list[Device] = []
        self._stops = 0
        self._stopped = asyncio.Event()
        self._started_s = self._ended_s = 0.0
        self._answers: deque[tuple[float, int]] = deque(maxlen=RECENT_S + 1)
        self._street = Street(
            Target.parse(plan.url),
            plan.interval_s,
            plan.faults,
            self._tally,
            self._latencies,
            is_signed=plan.is_signed,
        )

    def stop(self) -> None:
        """End soon; called again, end now."""
        self._stops += 1
        self._stopped.set()

    async def run(self) -> FleetReport:
        """Run until the plan is done or `stop` was called; return what came of it."""
        await self._street.target.resolve()
        await self._make_devices()
        clock = asyncio.create_task(self._tick())
        try:
            await self._measure()
            await self._drain()
        finally:
            self._ended_s = time.monotonic()
            clock.cancel()
            with suppress(asyncio.CancelledError):
                await clock
            for device in self._devices:
                device.hang_up()
            gc.unfreeze()
            await asyncio.sleep(0)  # let the transports close
        return self.report()

    async def _make_devices(self) -> None:
        seed = self._plan.seed if self._plan.seed is not None else time.time_ns()
        count, interval_s = len(self._keys), self._plan.interval_s
        sample_household()  # before the clock starts
        self._started_s = time.monotonic()
        self._strain = Strain()
        for index, key in enumerate(self._keys):
            random = Random(f"{seed}/{index}")  # noqa: S311 - homes and bad luck, not secrets
            # Evenly over the interval, counted from one start however long making them takes.
            due_s = self._started_s + interval_s * (index + 1) / count
            first_s = max(due_s - time.monotonic(), 0.0)
            self._devices.append(Device(self._street, key, random, first_s))
            if index % MADE_AT_ONCE == 0:
                await asyncio.sleep(0)
        # Thousands of devices that live to the end: nothing the collector should walk over again.
        gc.collect()
        gc.freeze()

    async def _measure(self) -> None:
        duration_s = self._plan.duration_s
        spent_s = time.monotonic() - self._started_s
        left_s = None if duration_s is None else max(duration_s - spent_s, 0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), left_s)

    async def _drain(self) -> None:
        """Let the boards upload what they hold; after Ctrl-C only what is in the air counts."""
        street = self._street
        street.is_draining = True
        street.is_stopping = bool(self._stops)
        for device in self._devices:
            device.end_windows()
        until_s = time.monotonic() + (SETTLE_S if street.is_stopping else self._plan.drain_s)
        while time.monotonic() < until_s and self._stops <= street.is_stopping:
            left = street.in_the_air if street.is_stopping else self._tally.backlog
            if not left:
                break
            await asyncio.sleep(LAG_EVERY_S)

    async def _tick(self) -> None:
        """Measure the loop's lag all the time, and show the figures every second."""
        next_second_s = time.monotonic()
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(LAG_EVERY_S)
            now_s = time.monotonic()
            self._strain.note_lag(now_s - before_s - LAG_EVERY_S)
            if now_s >= next_second_s:
                next_second_s = now_s + 1
                self._answers.append((now_s, self._tally.answers))
                self._strain.next_second()
                self._watch(self.report())
                self._latencies.next_second()

    def report(self) -> FleetReport:
        """Return the figures so far; a copy, whose counts stay."""
        elapsed_s = (self._ended_s or time.monotonic()) - self._started_s
        tally = copy(self._tally)
        tally.errors = self._tally.errors.copy()
        latency = self._latencies.since_start()
        return FleetReport(
            elapsed_s=round(elapsed_s, 1),
            devices=len(self._keys),
            offline=sum(device.is_offline for device in self._devices),
            rate=round(self._recent_rate(), 1),
            mean_rate=round(tally.answers / elapsed_s, 1) if elapsed_s else 0.0,
            tally=tally,
            latency=latency,
            latency_recent=self._latencies.recent(),
            client_cpu=round(self._strain.recent_cpu(), 2),
            client_cpu_mean=round(self._strain.cpu(), 2),
            client_lag=self._strain.lag(),
            client_is_bottleneck=self._strain.verdict(latency),
            refusal=self._street.refusal,
        )

    def _recent_rate(self) -> float:
        if len(self._answers) < 2:  # noqa: PLR2004 - a rate lies between two moments
            return 0.0
        (then_s, before), (now_s, now) = self._answers[0], self._answers[-1]
        return (now - before) / (now_s - then_s)

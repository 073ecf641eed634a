"""What a tick of the ledger costs a device, and what readings feel of it.

python benchmarks/ledger.py [--devices 1000] [--fleet 10000 --seconds 120] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from machine import describe_machine
from processes import Process, answers, cpu_s, wait_until
from report import put_into_readme

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTES = 15
STEP_S = 10
# So much history each device begins with.
HISTORY_S = 1800
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
WATTKEEP = [sys.executable, "-m", "wattkeep"]


class Tick(NamedTuple):
    """One run of the ledger over all devices: each had six new readings."""

    wall_s: float
    cpu_s: float
    # The longest that it kept the database's only writer.
    longest_s: float
    statements: int


class Statements:
    """Counts what is sent to the database, and how long write transactions are open."""

    def __init__(self) -> None:
        self.count = 0
        self.longest_s = 0.0
        self._since: float | None = None

    def __call__(self, execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        self.count += 1
        if sql.startswith("BEGIN"):
            result = execute(sql, params, many, context)
            self._since = time.perf_counter()
            return result
        return execute(sql, params, many, context)

    def end(self) -> None:
        if self._since is not None:
            self.longest_s = max(self.longest_s, time.perf_counter() - self._since)
            self._since = None


def run_ticks(devices: int, pause_s: int) -> Iterator[Tick]:
    """Yield the cost of a tick a minute, over a whole quarter-hour; then of one after a pause."""
    os.environ["WATTKEEP_LOG_LEVEL"] = "ERROR"
    from wattkeep.cli.installation import open_installation

    open_installation(None)
    from django.db import connection, transaction

    from wattkeep.ledger.update import update_each_due
    from wattkeep.monitoring.accounts import create_account
    from wattkeep.monitoring.devices import provide_devices
    from wattkeep.monitoring.models import Device, DeviceBoot

    user = create_account("bench", "a password nobody uses")
    provide_devices(user, [f"Device {number}" for number in range(devices)], interval_s=STEP_S)
    ids = list(Device.objects.order_by("pk").values_list("pk", flat=True))
    DeviceBoot.objects.bulk_create(
        [DeviceBoot(device_id=pk, boot="", first_seen=START, last_seen=START) for pk in ids]
    )
    now = START + timedelta(seconds=HISTORY_S)
    _put(ids, START, now)
    DeviceBoot.objects.update(last_seen=now)
    for _ in update_each_due(now):
        pass
    statements = Statements()
    commit = connection._commit  # noqa: SLF001 - there is no other place to see a commit from

    def timed_commit() -> None:
        commit()
        statements.end()

    connection._commit = timed_commit  # type: ignore[method-assign] # noqa: SLF001
    for minute in range(MINUTES + bool(pause_s)):
        if minute == MINUTES:
            now += timedelta(seconds=pause_s)
        before, now = now, now + timedelta(minutes=1)
        with transaction.atomic():
            _put(ids, before, now)
            DeviceBoot.objects.update(last_seen=now)
        statements.count, statements.longest_s = 0, 0.0
        wall_s, used_s = time.perf_counter(), time.thread_time()
        with connection.execute_wrapper(statements):
            done = sum(1 for _ in update_each_due(now))
        if done != devices:
            raise RuntimeError(f"{done} of {devices} devices were done")
        yield Tick(
            time.perf_counter() - wall_s,
            time.thread_time() - used_s,
            statements.longest_s,
            statements.count,
        )


def _put(ids: list[int], after: datetime, until: datetime) -> None:
    """Store a reading every ten seconds of every device, each a little otherwise."""
    from wattkeep.ledger.readings import COLUMNS
    from wattkeep.monitoring.models import EnergyReading

    seconds = range(STEP_S, int((until - after).total_seconds()) + 1, STEP_S)
    for first in range(0, len(ids), 50):
        rows = []
        for pk in ids[first : first + 50]:
            for second in seconds:
                at = after + timedelta(seconds=second, milliseconds=pk % 1000)
                power = 300.0 + (pk * 7 + second) % 900
                wh = 1000 + round((at - START).total_seconds() * 600 / 3600)
                volts = 230 + second % 70 / 10
                values = (volts, round(power / volts, 3), power, wh / 1000, 50.0, 0.99)
                named = dict(zip(COLUMNS, values, strict=True))
                rows.append(EnergyReading(device_id=pk, timestamp=at, **named))
        EnergyReading.objects.bulk_create(rows)


def tick_table(devices: int, ticks: list[Tick]) -> str:
    """Return what the ticks cost a device: on the average, and the dearest."""
    lines = [
        f"| {devices:,} devices, six new readings each | mean | dearest tick |",
        "|---|---:|---:|",
    ]
    for name, values, decimals in (
        ("CPU ms a device", [1000 * one.cpu_s / devices for one in ticks], 3),
        ("ms a device, waiting included", [1000 * one.wall_s / devices for one in ticks], 3),
        ("statements a device", [one.statements / devices for one in ticks], 2),
        ("longest write transaction, ms", [1000 * one.longest_s for one in ticks], 1),
    ):
        mean = sum(values) / len(values)
        lines.append(f"| {name} | {mean:,.{decimals}f} | {max(values):,.{decimals}f} |")
    return "\n".join(lines)


class FleetRun(NamedTuple):
    """How a fleet did against one server."""

    name: str
    report: dict[str, Any]
    cpu: float
    # How old the oldest slots of a device were at the end; None: one has none yet.
    behind_s: float | None
    load: float


def run_fleet(folder: Path, devices: int, seconds: int, ticker: str) -> FleetRun:
    """Drive a fleet against `wattkeep up`, with or without its ticker."""
    folder.mkdir()
    env = {**os.environ, "WATTKEEP_DATA_DIR": str(folder), "WATTKEEP_TICKER": ticker}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # The devices are made first: a fleet that makes its own would do so against the server.
    keys = folder / "keys"
    fleet = [*WATTKEEP, "sim", "fleet", "--url", url, "--keys", str(keys), "--json"]
    subprocess.run(
        [*fleet, "--devices", str(devices), "--duration", "0.1", "--drain", "0"],
        env=env, capture_output=True, check=False, cwd="/",
    )  # fmt: skip
    server = Process(
        [*WATTKEEP, "up", "--port", str(port), "--host", "127.0.0.1"],
        log=folder / "log",
        env=env,
    )
    try:
        wait_until(lambda: answers(url), "wattkeep up", server)
        before_s = cpu_s(server.pids())
        done = subprocess.run(
            [*fleet, "--duration", str(seconds), "--seed", "1"],
            env=env, stdout=subprocess.PIPE, check=True, cwd="/",
        )  # fmt: skip
        report = json.loads(done.stdout)
        used = (cpu_s(server.pids()) - before_s) / report["elapsed_s"]
        behind_s = _behind_s(folder)
    finally:
        server.stop()
    return FleetRun(
        "ticker on" if ticker == "1" else "ticker off", report, used, behind_s, os.getloadavg()[0]
    )


def _behind_s(folder: Path) -> float | None:
    """Return how old the oldest of the devices' slots are."""
    import sqlite3

    with sqlite3.connect(folder / "wattkeep.sqlite3") as db:
        [oldest_ms] = db.execute("SELECT min(done_to) FROM monitoring_ledgerstate").fetchone()
    # 0: a device that the ledger has met, but not come to.
    return None if not oldest_ms else time.time() - oldest_ms / 1000


def fleet_table(runs: list[FleetRun]) -> str:
    """Return latencies and errors of the runs side by side."""
    columns = "posts/s,p50 ms,p95 ms,p99 ms,max ms,errors,server's CPU,oldest slots s,load after"
    names = columns.split(",")
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for run in runs:
        latency, tally = run.report["latency"], run.report["tally"]
        behind = "–" if run.behind_s is None else f"{run.behind_s:.0f}"
        lines.append(
            f"| {run.name} | {run.report['mean_rate']:,.0f} | {latency['p50_ms']:.1f}"
            f" | {latency['p95_ms']:.1f} | {latency['p99_ms']:.1f} | {latency['max_ms']:.0f}"
            f" | {sum(tally['errors'].values())} | {run.cpu:.2f} | {behind}"
            f" | {run.load:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print the tables, and with --write put them into the README."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="wattkeep-bench-", dir=arguments.dir) as name:
        folder = Path(name)
        machine = describe_machine(folder)
        print(machine, flush=True)
        parts = []
        if arguments.fleet:
            runs = []
            for ticker in arguments.ticker.split(","):
                runs.append(run_fleet(folder / ticker, arguments.fleet, arguments.seconds, ticker))
                print(json.dumps(runs[-1].report), flush=True)
            parts = [
                f"{arguments.fleet:,} devices post every 10 s for {arguments.seconds} s:",
                fleet_table(runs),
            ]
        os.environ.setdefault("WATTKEEP_DATA_DIR", str(folder / "ticks"))
        pause_s = 60 * arguments.pause
        ticks = list(run_ticks(arguments.devices, pause_s)) if arguments.devices else []
        if ticks:
            parts.insert(0, tick_table(arguments.devices, ticks[:MINUTES]))
        for back in ticks[MINUTES:]:
            ms = 1000 * back.cpu_s / arguments.devices
            parts.append(f"All silent for {arguments.pause} min: {ms:.3f} CPU ms a device.")
    text = "\n\n".join(parts)
    print(f"\n{text}")
    if arguments.write:
        put_into_readme("ledger", f"Measured {machine}.\n\n{text}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, default=1000, help="for the ticks; 0: none")
    parser.add_argument("--pause", type=int, default=60, help="minutes of silence; 0: none")
    parser.add_argument("--fleet", type=int, default=0, help="devices of a fleet; 0: none")
    parser.add_argument("--seconds", type=int, default=120, help="how long the fleet runs")
    parser.add_argument("--ticker", default="1,0", help="1: with, 0: without; or both")
    parser.add_argument("--dir", help="where the databases are made; default: the temp folder")
    parser.add_argument("--write", action="store_true", help="put the tables into the README")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""How fast readings are taken, side by side: ours, the mission word for word, two databases.

python benchmarks/ingest.py [--seconds 8] [--only sqlite,influxdb] [--write]
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from contestants import CONTESTANTS, SINGLE_DEVICES, Contestant
from loads import BATCH, Sender
from machine import describe_machine, is_memory
from processes import cpu_s, fsyncs, memory_mib
from report import Row, Run, table, write_readme

if TYPE_CHECKING:
    from loads import Result

WARM_UP_S = 1.0
TRACED_S = 2.0
TRICKLE_PER_S = 100
TRICKLE_WARM_UP_S = 2.0
TRICKLE_S = 30.0
# How long a database may take to show what it has: VictoriaMetrics' index lags by seconds.
COUNT_S = 20.0
# What the loads left behind is done when this share of a core, or less, was used for so long; the
# ledger looks every 30 s, so a trickle that is measured lasts as long.
IDLE = 0.05
QUIET_S = 31.0
SETTLE_S = 240.0


@dataclass(frozen=True)
class Load:
    """A shape of load: `readings` a request over so many connections."""

    name: str
    readings: int
    connections: int


LOADS = (
    Load("1 connection", 1, 1),
    Load("64 connections", 1, 64),
    Load("512 connections", 1, 512),
    # More would queue more readings than one server accepts at once, and be told to come back.
    Load("batches of 1,000, 16 connections", BATCH, 16),
)
TRACED = LOADS[1]


@dataclass
class Bench:
    """One contestant under every load."""

    contestant: Contestant
    seconds: float
    row: Row
    _stored: int = 0
    _senders: dict[int, Sender] = field(default_factory=dict)

    def measure(self) -> None:
        """Fill the row; whatever happens, nothing of the contestant goes on running."""
        one = self.contestant
        try:
            one.prepare()
            one.start()
            self._stored = one.count()
            warm = 0
            for load in LOADS:
                if sender := self._sender(load.readings):
                    if load.readings != warm:
                        self._run(sender, load, WARM_UP_S)
                        warm = load.readings
                    self.row.runs[load.name] = self._run(sender, load, self.seconds)
            self.row.cpu_s = self._trickle()
            self.row.memory_mib = memory_mib(one.pids())
            one.stop()
            if shutil.which("strace"):
                self.row.fsyncs = self._trace()
        finally:
            one.stop()

    def _sender(self, readings: int) -> Sender | None:
        kind = self.contestant.kind(readings)
        if kind is None:
            return None
        if readings not in self._senders:
            # Batches have devices of their own, so that their times are new to each of them.
            names = self.contestant.devices
            mine = names[:SINGLE_DEVICES] if readings == 1 else names[SINGLE_DEVICES:]
            folder = self.contestant.folder / f"load-{readings}"
            self._senders[readings] = Sender(self.contestant.url, kind, mine, folder)
        return self._senders[readings]

    def _run(self, sender: Sender, load: Load, seconds: float) -> Run:
        before = cpu_s(self.contestant.pids())
        result = sender.saturate(load.connections, seconds)
        used_us = (cpu_s(self.contestant.pids()) - before) * 1e6
        stored = self._newly_stored(result)
        # What was under way at the end, and what failed after it was stored.
        most_beyond = (load.connections + result.errors) * load.readings
        is_exact = 0 <= stored - result.acknowledged <= most_beyond
        run = Run(result, stored, is_exact, used_us / max(result.acknowledged, 1))
        print(
            f"  {load.name:34}{result.readings_per_s:>9,.0f}/s  p50 {result.p50_ms:8.1f} ms"
            f"  p99 {result.p99_ms:8.1f} ms  CPU {run.cpu_us:7.1f} us  errors {result.errors}"
            f"  acknowledged {result.acknowledged:,} stored {stored:,}"
            f" {'ok' if is_exact else '<-- DO NOT AGREE'}",
            flush=True,
        )
        return run

    def _newly_stored(self, result: Result) -> int:
        """Count what the run added, once the requests it left behind have been finished."""
        deadline = time.monotonic() + COUNT_S
        before, last = self._stored, -1
        while True:
            time.sleep(0.3)
            now = self.contestant.count()
            if (now - before >= result.acknowledged and now == last) or (
                time.monotonic() > deadline
            ):
                self._stored = now
                return now - before
            last = now

    def _trickle(self) -> float:
        """Return the CPU-seconds of 1,000 readings that come 100 a second."""
        sender = self._senders[1]
        self._settle()
        sender.trickle(TRICKLE_PER_S, TRICKLE_WARM_UP_S)
        before = cpu_s(self.contestant.pids())
        kept = sender.trickle(TRICKLE_PER_S, max(self.seconds, TRICKLE_S))
        used = (cpu_s(self.contestant.pids()) - before) / kept * 1000
        print(f"  at {TRICKLE_PER_S}/s: {used:.2f} CPU-s per 1,000 readings ({kept} sent)")
        return used

    def _settle(self) -> None:
        """Wait until the server has done what the loads left behind: compaction, quarter-hours."""
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            before = cpu_s(self.contestant.pids())
            time.sleep(QUIET_S)
            if cpu_s(self.contestant.pids()) - before < IDLE * QUIET_S:
                return
        print("  it is still busy with what was sent before", flush=True)

    def _trace(self) -> float:
        """Return the fsyncs of 1,000 readings, from a run of its own under strace."""
        one = self.contestant
        one.start(traced=True)
        self._senders[1].saturate(TRACED.connections, WARM_UP_S)
        begin = time.time()
        result = self._senders[1].saturate(TRACED.connections, TRACED_S)
        end = time.time()
        one.stop()
        count = sum(fsyncs(trace, begin, end) for trace in one.traces)
        figure = count / max(result.acknowledged, 1) * 1000
        print(f"  {figure:,.1f} fsyncs per 1,000 readings ({TRACED.name}, under strace)")
        return figure


def main() -> None:
    """Measure, print the table, and with --write put it into the README."""
    arguments = _arguments()
    if not shutil.which("wrk"):
        print("wrk is not installed; on Debian: apt-get install wrk", file=sys.stderr)
        sys.exit(2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begin = time.monotonic()
    rows: list[Row] = []
    absent: list[str] = []
    with tempfile.TemporaryDirectory(prefix="wattkeep-bench-", dir=arguments.dir) as folder:
        if is_memory(Path(folder)):
            print(f"{folder} is in memory: fsync costs nothing there. Choose a disk with --dir.")
        machine = describe_machine(Path(folder))
        print(machine)
        for key in arguments.only:
            kind = CONTESTANTS[key]
            if why := kind.absence():
                absent.append(f"{kind.name} is left out: {why}.")
                print(absent[-1])
                continue
            home = Path(folder) / key
            home.mkdir()
            row = Row(kind.name)
            print(kind.name, flush=True)
            Bench(kind(home), arguments.seconds, row).measure()
            rows.append(row)
            shutil.rmtree(home)
    text = table(rows, [load.name for load in LOADS], absent)
    print(f"\n{text}\n\n{time.monotonic() - begin:.0f} s in all")
    if arguments.write:
        write_readme(machine, arguments.seconds, text)
    if not all(run.is_exact for row in rows for run in row.runs.values()):
        sys.exit("A server did not store what it acknowledged; see above.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8, help="how long each load lasts")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(CONTESTANTS),
        help=f"some of {','.join(CONTESTANTS)}",
    )
    parser.add_argument("--dir", help="where the databases are made; default: the temp folder")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - set(CONTESTANTS):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(CONTESTANTS)}")
    return arguments


if __name__ == "__main__":
    main()

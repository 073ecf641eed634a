"""What rules cost ingest: the same server with ten rules a device and with none, in turns.

Readings a second, and the server's processor time a reading, which a busy machine bends less.

python benchmarks/alert_rules.py [--seconds 6] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from contestants import SINGLE_DEVICES, OursOnSqlite
from loads import BATCH, Sender, json_kind
from processes import cpu_s

# Longer than a process takes to hear of changed rules.
HEARD_S = 7.0
# Each device's rules are read again after a change.
WARM_UP_S = 3.0
TEN = (
    "HIGH_POWER", "HIGH_VOLTAGE", "LOW_VOLTAGE", "HIGH_CURRENT", "LOW_PF", "FREQUENCY",
    "LONG_LOAD", "COUNTER_RESET", "METER_SILENT", "DEVICE_OFFLINE",
)  # fmt: skip
# Few enough devices that each is heard often: after a switch its rules are read anew, which in
# life happens once.
LOADS = (("64 connections", 1, 64), ("1 connection", 1, 1), ("batches of 1,000", BATCH, 16))
DEVICES, BATCH_DEVICES = 200, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", help="where the database is made; default: the temp folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        server = OursOnSqlite(Path(folder))
        try:
            server.prepare()
            server.start()
            _measure(server, given.seconds, given.rounds)
        finally:
            server.stop()


def _measure(server: OursOnSqlite, seconds: float, rounds: int) -> None:
    senders = {}
    for readings in (1, BATCH):
        names = server.devices
        first = 0 if readings == 1 else SINGLE_DEVICES
        mine = names[first : first + (DEVICES if readings == 1 else BATCH_DEVICES)]
        senders[readings] = Sender(
            server.url, json_kind(readings), mine, server.folder / f"{readings}"
        )
    found: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for with_rules in (True, False):
            _switch(server, with_rules=with_rules)
            for name, readings, connections in LOADS:
                senders[readings].saturate(connections, WARM_UP_S)
                before_s = cpu_s(server.pids())
                result = senders[readings].saturate(connections, seconds)
                us = (cpu_s(server.pids()) - before_s) * 1e6 / result.acknowledged
                found.setdefault((name, with_rules), []).append((result.readings_per_s, us))
    for name, _, _ in LOADS:
        for what, place in (("readings/s", 0), ("us of CPU a reading", 1)):
            ruled, bare = (
                statistics.median(run[place] for run in found[name, one]) for one in (True, False)
            )
            share = ruled / bare
            print(f"{name:18}{what:20} ten rules {ruled:>9,.1f}  none {bare:>9,.1f}  {share:.2f}")
    print(f"{DEVICES} devices one by one, {BATCH_DEVICES} in batches; median of {rounds} rounds")


def _switch(server: OursOnSqlite, *, with_rules: bool) -> None:
    """Switch the ten rules of every device on or off, as a person would, and let it be heard."""
    path = Path(server.env["WATTKEEP_DATA_DIR"]) / "wattkeep.sqlite3"
    marks = ", ".join("?" * len(TEN))
    with closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute("UPDATE monitoring_alertrule SET is_enabled = 0")
        if with_rules:
            database.execute(
                f"UPDATE monitoring_alertrule SET is_enabled = 1 WHERE alert_type IN ({marks})",
                TEN,
            )
        database.execute("UPDATE monitoring_rulechange SET number = number + 1")
    time.sleep(HEARD_S)


if __name__ == "__main__":
    main()

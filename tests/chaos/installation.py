"""A whole Wattkeep in processes of its own, on SQLite or PostgreSQL, and a look at its tables."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

from chaos.journal import Row
from chaos.line import PATH
from chaos.ports import quiet_port
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.blocks import open_block
from wattkeep.monitoring.models import ReadingBlock

SOURCE = Path(__file__).resolve().parents[2] / "src"
MAKE_DEVICES = Path(__file__).with_name("make_devices.py")
READY_WITHIN_S = 120
NAMES = ("voltage", "current", "power", "energy", "frequency", "power_factor")
VALUES = ", ".join(NAMES)
BLOCK = f"device_id, format, count, checksum, timestamps, {VALUES}"


class Device(NamedTuple):
    """What a sender needs to know of a device."""

    id: int
    key: str


def unsealed(row, day_ms):
    """Return the readings of a sealed day, of which `row` holds BLOCK."""
    block = ReadingBlock(**dict(zip(BLOCK.split(", "), row, strict=True)), day=from_ms(day_ms))
    day = open_block(block)
    columns = zip(*(day.values[name].tolist() for name in NAMES), strict=True)
    return [
        Row(block.device_id, at_ms, values)
        for at_ms, values in zip(day.timestamps.tolist(), columns, strict=True)
    ]


class Database:
    """Which one it is, and how to make, read, block and fill it."""

    environment: ClassVar[dict[str, str]] = {}
    # Whether a commit that failed is known to have stored nothing.
    knows_failures = True

    def rows(self):
        """Return every stored reading, whether it is a row or sealed."""
        # In this order: what is sealed meanwhile is found twice, not missed.
        rows = self._rows()
        known = {row[:2]: row for row in rows}
        # A day of very many readings is in its block before its last rows are deleted.
        return rows + [one for one in self.sealed() if known.get(one[:2]) != one]

    def _rows(self):
        raise NotImplementedError

    def sealed(self):
        """Return the readings of sealed days."""
        raise NotImplementedError

    def silences(self):
        """Return how many silent windows are kept of each device."""
        raise NotImplementedError


class Sqlite(Database):
    """The file in the data folder."""

    def __init__(self, data_folder):
        self._path = data_folder / "wattkeep.sqlite3"

    def _rows(self):
        with closing(self._connect()) as db:
            query = f"SELECT device_id, timestamp, {VALUES} FROM monitoring_energyreading"
            return [Row(row[0], row[1], row[2:]) for row in db.execute(query)]

    def sealed(self):
        with closing(self._connect()) as db:
            query = f"SELECT {BLOCK}, day FROM monitoring_readingblock"
            return [one for row in db.execute(query) for one in unsealed(row[:-1], row[-1])]

    def silences(self):
        with closing(self._connect()) as db:
            return dict(
                db.execute(
                    "SELECT device_id, sum(windows) FROM monitoring_meterevent"
                    " WHERE kind = 'silent' GROUP BY 1"
                )
            )

    @contextmanager
    def locked(self):
        """Hold the write lock as another program would, e.g. a backup gone wrong."""
        with closing(self._connect()) as db:
            db.execute("BEGIN EXCLUSIVE")
            yield
            db.execute("ROLLBACK")

    def _connect(self):
        return sqlite3.connect(self._path, isolation_level=None, timeout=READY_WITHIN_S)


class Postgres(Database):
    """The one database of a cluster."""

    # A server that dies before it could tell of its commit, and stays away, leaves it open.
    knows_failures = False

    def __init__(self, cluster):
        self.cluster = cluster
        self.environment = {"WATTKEEP_DATABASE_URL": cluster.url}

    def _rows(self):
        query = (
            "SELECT device_id, (extract(epoch FROM timestamp) * 1000)::bigint,"
            f" {VALUES} FROM monitoring_energyreading"
        )
        with self.cluster.connect() as db:
            return [Row(row[0], row[1], row[2:]) for row in db.execute(query)]

    def sealed(self):
        query = (
            f"SELECT {BLOCK}, (extract(epoch FROM day) * 1000)::bigint FROM monitoring_readingblock"
        )
        with self.cluster.connect() as db:
            return [one for row in db.execute(query) for one in unsealed(row[:-1], row[-1])]

    def silences(self):
        with self.cluster.connect() as db:
            return dict(
                db.execute(
                    "SELECT device_id, sum(windows)::bigint FROM monitoring_meterevent"
                    " WHERE kind = 'silent' GROUP BY 1"
                ).fetchall()
            )


class Installation:
    """A data folder, a database, and the server on them: `command` is `up`, or `serve …`."""

    def __init__(self, data_folder, database, command, log):
        self.data_folder = data_folder
        self.database = database
        self._log = log
        self.port = 0
        self._command = command
        self._is_ticked_beside = "serve" in command and not database.environment
        self._process = None
        self._groups = []

    def make_devices(self, count):
        """Return new devices in the order of their ids."""
        done = subprocess.run(
            [sys.executable, MAKE_DEVICES, str(count)],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=READY_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [Device(*pair) for pair in json.loads(done.stdout)]

    def seal_days(self):
        """Have every finished day sealed beside the server."""
        done = subprocess.run(
            [sys.executable, "-m", "wattkeep", "storage", "seal"],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=READY_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def start(self):
        """Start the server on a port of its own, and return once it answers."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            if self._process is None or self.has_given_up():
                self._launch()
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"the server does not start:\n{self.log_tail()}")
            time.sleep(0.02)

    def has_given_up(self):
        """Tell whether the server ended by itself, e.g. because its workers died too often."""
        return self._process is not None and self._process.poll() is not None

    def _launch(self):
        self.port = quiet_port()
        command = [sys.executable, "-m", "wattkeep", *self._command]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port)],
                env=self._environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._groups.append(self._process.pid)

    def _answers(self):
        if self._process is None:
            return False
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_WITHIN_S)
        with suppress(OSError, http.client.HTTPException), closing(asking):
            asking.request("POST", PATH)
            return asking.getresponse().status == 401
        return False

    def _environment(self):
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("WATTKEEP_")
        }
        return {
            **inherited,
            **self.database.environment,
            "PYTHONPATH": str(SOURCE),
            "WATTKEEP_DATA_DIR": str(self.data_folder),
            "WATTKEEP_DEVICE_RATE_PER_S": "0",
            # A full disk is what is wanted here, not its being avoided.
            "WATTKEEP_DISK_RESERVE_MB": "0",
            # Both ways: tasks on the servers' threads, and in a process that is killed as well.
            "WATTKEEP_TICKER": "beside" if self._is_ticked_beside else "auto",
        }

    def kill(self):
        """SIGKILL every process of the server, also those whose parent died before them."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None
        # Those that are no children of ours are gone a moment later.
        while self.pids():
            time.sleep(0.01)
        self._groups.clear()

    def kill_worker(self, rng):
        """SIGKILL one of several processes that answer requests."""
        workers = [pid for pid in self.pids() if b"spawn_main" in command_of(pid)]
        if workers:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)

    def pids(self):
        """Return every living process of the server."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
                if int(group) in self._groups and state != "Z":
                    found.append(int(stat.parent.name))
        return found

    def memory_kib(self):
        """Return the most resident memory that the server's processes ever had."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1])
        return total

    def limit_files(self, size):
        """Let no file of the server grow past `size` bytes; None for no limit."""
        soft = resource.RLIM_INFINITY if size is None else size
        for pid in self.pids():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def log_tail(self):
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""

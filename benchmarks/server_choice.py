"""Which HTTP server should carry the application: CPU at a trickle, and the rate when saturated.

    python benchmarks/server_choice.py [--uvicorn-python PATH] [--seconds 8]

uvicorn with uvloop and httptools is no dependency: name a Python that has them and Wattkeep.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from contestants import PYTHON_PATH, OursOnSqlite
from loads import Sender
from processes import answers, cpu_s, memory_mib, wait_until

GRANIAN = ["-m", "granian", "--interface", "asgi", "--workers", "1", "--log-level", "error"]
UVICORN = ["-m", "uvicorn", "--log-level", "error", "--no-access-log"]
APPLICATION = "wattkeep.asgi:application"
EMBEDDED = """
import sys, uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from wattkeep.asgi import application
server = Server(application, address="127.0.0.1", port=int(sys.argv[1]), websockets=False,
                interface=Interfaces.ASGI, log_level=LogLevels.error, backlog=1024)
uvloop.run(server.serve())
"""


def variants(uvicorn_python: str) -> dict[str, list[str]]:
    """Return each server's command, its port still to come."""
    found = {
        "granian, embedded in our process": [sys.executable, "-c", EMBEDDED],
        "granian, one worker process": [sys.executable, *GRANIAN, APPLICATION, "--port"],
        "granian, one worker, uvloop, single-threaded": [
            *[sys.executable, *GRANIAN, "--loop", "uvloop", "--runtime-mode", "st"],
            *["--task-impl", "asyncio", APPLICATION, "--port"],
        ],
    }
    if _has_uvicorn(uvicorn_python):
        for http, loop in (("httptools", "uvloop"), ("h11", "asyncio")):
            found[f"uvicorn, {loop}, {http}"] = [
                *[uvicorn_python, *UVICORN, "--http", http, "--loop", loop],
                *[APPLICATION, "--port"],
            ]
    else:
        print(f"{uvicorn_python} has no uvicorn with uvloop and httptools: left out.")
    return found


def _has_uvicorn(python: str) -> bool:
    check = [python, "-c", "import uvicorn, uvloop, httptools"]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


class Served(OursOnSqlite):
    """Ours on SQLite behind a server of choice."""

    command: tuple[str, ...] = ()

    def start(self, *, traced: bool = False) -> None:
        env = {**self.env, "DJANGO_SETTINGS_MODULE": "wattkeep.settings", "PYTHONPATH": PYTHON_PATH}
        command = [*self.command, str(self.port)]
        process = self._run("server", command, traced=traced, env=env)
        wait_until(lambda: answers(self.url + "/api/energy-data/"), self.name, process)


def measure(name: str, command: list[str], folder: Path, seconds: float) -> str:
    """Return one server's line of the table."""
    folder.mkdir()
    one = Served(folder)
    one.command = tuple(command)
    try:
        one.prepare()
        one.start()
        kind = one.kind(1)
        singles = Sender(one.url, kind, one.devices[:1000], folder / "load-1")
        batches = Sender(one.url, one.kind(1000), one.devices[1000:], folder / "load-1000")
        singles.saturate(64, 1)
        singles.trickle(100, 2)
        before = cpu_s(one.pids())
        kept = singles.trickle(100, seconds)
        trickle = (cpu_s(one.pids()) - before) / kept * 1000
        cells = [f"{trickle:.2f}"]
        for connections in (1, 64, 512):
            before = cpu_s(one.pids())
            result = singles.saturate(connections, seconds)
            used = (cpu_s(one.pids()) - before) / result.acknowledged * 1000
            cells.append(f"{result.readings_per_s:,.0f}/s p99 {result.p99_ms:.0f} ms {used:.2f}")
        cells.append(f"{batches.saturate(16, seconds).readings_per_s:,.0f}/s")
        cells.append(f"{memory_mib(one.pids()):.0f}")
    finally:
        one.stop()
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--uvicorn-python", default=sys.executable)
    parser.add_argument("--seconds", type=float, default=6)
    arguments = parser.parse_args()
    print(
        "| server | CPU-s/1,000 at 100/s | 1 connection | 64 (rate, p99, CPU-s/1,000) | 512", end=""
    )
    print(" | batches | MiB |\n|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="wattkeep-bench-") as folder:
        for number, (name, command) in enumerate(variants(arguments.uvicorn_python).items()):
            line = measure(name, command, Path(folder) / str(number), arguments.seconds)
            print(line, flush=True)


if __name__ == "__main__":
    main()

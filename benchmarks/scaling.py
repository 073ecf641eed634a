"""What a second server process brings, and what a reading costs each kind of process.

python benchmarks/scaling.py [--seconds 8] [--connections 256] [--boards 3000] [--write]

On PostgreSQL: one server process, two, and two behind nginx where it is installed; then boards that
post numbered windows. Periodic tasks run in a process of their own, so that their part can be told
from that of taking readings.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from contestants import SINGLE_DEVICES, OursOnPostgres, free_port
from loads import Sender, json_kind
from machine import describe_machine, is_memory
from narrowing import can_narrow, narrowed
from processes import answers, cpu_s, wait_until
from report import put_into_readme

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from loads import Result
    from processes import Process

WARM_UP_S = 2.0
# The ledger comes by every half minute: what it does for a run is waited for.
SETTLE_S = 45.0
DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
# Until each board has its first slots, which cost more than all later ones.
BOARDS_WARM_UP_S = 60
BOARDS_S = 60
# One process runs Python on one core at a time.
CORE_US = 1e6


@dataclass(frozen=True)
class Shape:
    """How many server processes, and whether nginx stands before them."""

    name: str
    processes: int
    has_nginx: bool = False
    # How much of a core each server process may have.
    share: float | None = None


# So much that two of them, the database and the sender have the cores they ask for, on two cores.
SHARE = 0.25
SHAPES = (
    Shape("1 process", 1),
    Shape("2 processes", 2),
    Shape("2 behind nginx", 2, has_nginx=True),
    Shape(f"1 process with {SHARE:.0%} of a core", 1, share=SHARE),
    Shape(f"2 processes with {SHARE:.0%} of a core each", 2, share=SHARE),
)


@dataclass
class Measured:
    """One shape under load: what came, and the CPU-seconds of each kind of process."""

    shape: Shape
    result: Result
    is_exact: bool
    seconds: float
    cpu_s: dict[str, float] = field(default_factory=dict)

    def us(self, kind: str) -> float:
        """Return the CPU-microseconds of a reading."""
        return self.cpu_s.get(kind, 0.0) / self.result.acknowledged * 1e6


class Fleet(OursOnPostgres):
    """Server processes, one for periodic tasks, and PostgreSQL."""

    name = "Wattkeep, PostgreSQL, several processes"

    def __init__(self, folder: Path, shape: Shape) -> None:
        super().__init__(folder)
        self._shape = shape
        self._kinds: dict[str, Process] = {}

    def start(self, *, traced: bool = False) -> None:
        self._start_database(traced=traced)
        self._kinds["PostgreSQL"] = self._running[-1]
        self._kinds["tasks"] = self._serve("tasks", free_port(), 1, ticker="1")
        port = free_port() if self._shape.has_nginx else self.port
        self._kinds["servers"] = self._serve("servers", port, self._shape.processes, ticker="0")
        if self._shape.has_nginx:
            self._kinds["nginx"] = self._start_nginx(port)

    def _serve(self, name: str, port: int, workers: int, *, ticker: str) -> Process:
        words = ["serve", "--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
        command = [sys.executable, "-m", "wattkeep", *words]
        env = {**self.env, "WATTKEEP_TICKER": ticker}
        process = self._run(name, command, traced=False, env=env)
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), name, process)
        # Every worker, not just the first.
        wait_until(lambda: len(process.pids()) > workers, name, process)
        return process

    def _start_nginx(self, behind: int) -> Process:
        """Start nginx with what the shipped configuration has for posts."""
        folder = self.folder / "nginx"
        folder.mkdir(exist_ok=True)
        upstream = (DEPLOY / "nginx-upstream.conf").read_text(encoding="utf-8")
        upstream = re.sub(r"127\.0\.0\.1:800[12]", f"127.0.0.1:{behind}", upstream, count=1)
        upstream = re.sub(r"\n *server 127\.0\.0\.1:8002[^\n]*", "", upstream)
        places = "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
            f"events {{ worker_connections 4096; }}\nhttp {{\naccess_log off;\n{places}{upstream}"
            f"server {{\nlisten 127.0.0.1:{self.port};\nkeepalive_requests 10000000;\n"
            "location / {\nproxy_http_version 1.1;\nproxy_set_header Host $http_host;\n"
            'proxy_set_header Connection "";\nproxy_pass http://wattkeep;\n}\n}\n}\n',
            encoding="utf-8",
        )
        command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        process = self._run("nginx", command, traced=False)
        wait_until(lambda: answers(self.url + "/healthz"), "nginx", process)
        return process

    def held_back(self) -> AbstractContextManager[None]:
        """Keep each server process to its share of a core."""
        if self._shape.share is None:
            return nullcontext()
        # The first one watches over the others.
        return narrowed(self._kinds["servers"].pids()[1:], self._shape.share)

    def post_as_boards(self, keys: Path, seconds: float) -> int:
        """Post as firmware does, each board every ten seconds; return how many were answered."""
        command = [sys.executable, "-m", "wattkeep", "sim", "fleet", "--url", self.url, "--json"]
        command += ["--keys", str(keys), "--duration", str(seconds), "--drain", "0"]
        done = subprocess.run(
            command, env={**os.environ, **self.env}, stdout=subprocess.PIPE, check=True, cwd="/"
        )
        report = json.loads(done.stdout)
        return round(report["mean_rate"] * report["elapsed_s"])

    def make_boards(self, keys: Path, count: int) -> None:
        """Make devices, and write their keys into a file."""
        command = [sys.executable, "-m", "wattkeep", "sim", "fleet", "--keys", str(keys)]
        command += ["--devices", str(count), "--duration", "0.1", "--drain", "0"]
        env = {**os.environ, **self.env}
        subprocess.run(command, env=env, capture_output=True, check=False, cwd="/")

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU-seconds so far of each kind of process."""
        return {kind: cpu_s(process.pids()) for kind, process in self._kinds.items()}


def measure(shape: Shape, folder: Path, connections: int, seconds: float) -> Measured:
    """Return what one shape takes at full load, and what that cost."""
    fleet = Fleet(folder, shape)
    try:
        fleet.prepare()
        fleet.start()
        sender = Sender(fleet.url, json_kind(1), fleet.devices[:SINGLE_DEVICES], folder / "load")
        sender.saturate(connections, WARM_UP_S)
        time.sleep(1)
        stored, before = fleet.count(), fleet.cpu_s()
        with fleet.held_back():
            result = sender.saturate(connections, seconds)
        after = fleet.cpu_s()
        newly = fleet.count() - stored
        is_exact = 0 <= newly - result.acknowledged <= connections + result.errors
        measured = Measured(shape, result, is_exact, seconds)
        measured.cpu_s = {kind: after[kind] - before[kind] for kind in after}
        time.sleep(SETTLE_S)
        # What followed, mostly the ledger; the database's part in it as well.
        for kind, used in fleet.cpu_s().items():
            if kind in {"tasks", "PostgreSQL"}:
                measured.cpu_s[kind] = used - before[kind]
        return measured
    finally:
        fleet.stop()


@dataclass
class Boards:
    """What boards posted, and the CPU-seconds of each kind of process."""

    count: int
    posts: int
    seconds: float
    cpu_s: dict[str, float]

    def text(self) -> str:
        """Return what a post and a board cost."""
        costs = {kind: used / self.posts * 1e6 for kind, used in self.cpu_s.items()}
        return (
            f"{self.count:,} boards that post numbered windows every 10 s,"
            f" {self.posts / self.seconds:,.0f} posts/s: CPU µs a post"
            f" {costs['servers']:.0f} in the servers, {costs['PostgreSQL']:.0f} in PostgreSQL,"
            f" {costs['tasks']:.0f} in tasks."
        )


def measure_boards(folder: Path, count: int) -> Boards:
    """Return what numbered windows cost two server processes."""
    fleet = Fleet(folder, SHAPES[1])
    keys = folder / "keys"
    try:
        fleet.prepare()
        fleet.start()
        fleet.make_boards(keys, count)
        fleet.post_as_boards(keys, BOARDS_WARM_UP_S)
        before, begin = fleet.cpu_s(), time.monotonic()
        posts = fleet.post_as_boards(keys, BOARDS_S)
        seconds = time.monotonic() - begin
        after = fleet.cpu_s()
        used = {kind: after[kind] - before[kind] for kind in after}
        return Boards(count, posts, seconds, used)
    finally:
        fleet.stop()


def table(rows: list[Measured]) -> str:
    """Return the figures, and what follows from them for more cores than there are here."""
    kinds = ("servers", "PostgreSQL", "tasks", "nginx")
    lines = [
        (
            "| | readings/s | p50 ms | p99 ms | errors | stored as told"
            " | CPU µs a reading: servers | PostgreSQL | tasks | nginx | servers' cores in use |"
        ),
        "|---|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        told = row.result
        costs = " | ".join(f"{row.us(kind):.0f}" if row.cpu_s.get(kind) else "–" for kind in kinds)
        lines.append(
            f"| {row.shape.name} | {told.readings_per_s:,.0f} | {told.p50_ms:.1f}"
            f" | {told.p99_ms:.1f} | {told.errors} | {'yes' if row.is_exact else 'NO'} | {costs}"
            f" | {row.cpu_s['servers'] / row.seconds:.2f} |"
        )
    one, two = rows[0], rows[1]
    most_one, most_two = CORE_US / one.us("servers"), 2 * CORE_US / two.us("servers")
    lines += [
        "",
        (
            f"A server process has one core's worth of Python: at these costs one takes"
            f" {most_one:,.0f} readings/s at most and two {most_two:,.0f}, which is"
            f" {most_two / most_one:.2f} × one, where PostgreSQL has"
            f" {most_two * two.us('PostgreSQL') / CORE_US:.1f} cores and the senders their own."
            f" Here, where {os.cpu_count()} cores carry servers, PostgreSQL and the sender, it was"
            f" {two.result.readings_per_s / one.result.readings_per_s:.2f} ×."
        ),
    ]
    held = [row.result.readings_per_s for row in rows if row.shape.share is not None]
    if held:
        lines += [
            "",
            (
                f"With {SHARE:.0%} of a core for each server process, so that nothing else is short"
                f" of cores, two take {held[1] / held[0]:.2f} × one."
            ),
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure each shape, print the table, and with --write put it into the README."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--boards", type=int, default=3000, help="0 leaves them out")
    parser.add_argument("--dir", help="a folder on the disk to measure on")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    arguments = parser.parse_args()
    if not shutil.which("wrk") or (why := OursOnPostgres.absence()):
        sys.exit(f"wrk and PostgreSQL are needed; {why if shutil.which('wrk') else 'no wrk'}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="wattkeep-bench-", dir=arguments.dir) as name:
        if is_memory(Path(name)):
            print(f"{name} is in memory: fsync costs nothing there. Choose a disk with --dir.")
        machine = describe_machine(Path(name))
        print(machine)
        for number, shape in enumerate(SHAPES):
            if shape.has_nginx and NGINX is None:
                print("nginx is not installed; left out.")
                continue
            if shape.share is not None and not can_narrow():
                print(f"{shape.name}: left out, processes cannot be held back here.")
                continue
            folder = Path(name) / str(number)
            folder.mkdir()
            rows.append(measure(shape, folder, arguments.connections, arguments.seconds))
            print(f"  {shape.name}: {rows[-1].result.readings_per_s:,.0f} readings/s", flush=True)
        boards = ""
        if arguments.boards:
            folder = Path(name) / "boards"
            folder.mkdir()
            boards = "\n\n" + measure_boards(folder, arguments.boards).text()
    text = table(rows) + boards
    print(f"\n{text}")
    if arguments.write:
        said = f"{arguments.connections} connections, {arguments.seconds:g} s each"
        put_into_readme("scaling", f"Measured {machine}; {said}.\n\n{text}")


if __name__ == "__main__":
    main()

"""A Wattkeep of many processes: PostgreSQL, Valkey, two servers, a worker, a beat, and nginx."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from alerts.receiving import Webhook
from chaos.ports import quiet_port
from chaos.postgres import Cluster, find_binaries
from chaos.scenes import temporary_folder
from running import SOURCE, command, environment
from scaled.valkey import Valkey

READY_WITHIN_S = 120
PROGRAMS = Path(__file__).parent
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
# Every window has a number: a post may go to the other server if nobody knows what became of it.
NGINX_CONF = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
worker_processes 1;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_kept {{ default upgrade; '' ''; }}
    upstream servers {{ {servers} keepalive 128; }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 2m;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_kept;
        proxy_next_upstream error timeout non_idempotent;
        location / {{ proxy_pass http://servers; }}
    }}
}}
"""


class Part:
    """One command in a process group of its own, which can be ended, killed and started again."""

    def __init__(self, words, settings, log, port=0):
        self._words = words
        self._settings = settings
        self._log = log
        self.port = port
        self._process = None

    def start(self):
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words,
                env=self._settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_WITHIN_S
        while self.port and not self._answers():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def _answers(self):
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_WITHIN_S)
        try:
            asking.request("GET", "/healthz")
            return asking.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asking.close()

    def end(self):
        """Stop it as its service would."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(READY_WITHIN_S)

    def kill(self):
        """SIGKILL it and all it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(READY_WITHIN_S)

    def log(self):
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""


class Hook(Webhook):
    """A web address that can be held still, so that its sender dies at a moment that is known."""

    @property
    def subjects(self):
        return [one["title"] for one in list(self.received)]

    def cut(self, are_noted, kill):
        """Answer nobody any more, wait until all that was answered is noted, and kill the sender.

        Who asks meanwhile gets no answer, and what it brought was not taken.
        """
        with self.gate:
            deadline = time.monotonic() + READY_WITHIN_S
            while not are_noted(self.subjects):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            kill()
            self.cuts += 1


class Many:
    """The parts by their names, and what is asked of the whole."""

    def __init__(self, base, cluster, valkey):
        self._base = base
        self.cluster = cluster
        self.valkey = valkey
        self._settings = environment(
            PYTHONPATH=os.pathsep.join([str(SOURCE), str(PROGRAMS.parent)]),
            WATTKEEP_DATA_DIR=str(base / "home"),
            WATTKEEP_DATABASE_URL=cluster.url,
            WATTKEEP_REDIS_URL=valkey.url,
        )
        ports = [quiet_port(), quiet_port()]
        self.servers = [
            self._wattkeep(f"server{number}", "serve", "--workers", 1, "--host", "127.0.0.1",
                           "--port", port, port=port)
            for number, port in enumerate(ports)
        ]  # fmt: skip
        self.worker = self._wattkeep("worker", "worker")
        self.beat = self._wattkeep("beat", "beat")
        self.nginx = self._make_nginx(ports) if NGINX else None

    @property
    def doors(self):
        """Return the addresses that devices and pages use."""
        parts = [self.nginx] if self.nginx else self.servers
        return [f"http://127.0.0.1:{part.port}" for part in parts]

    @property
    def parts(self):
        return [one for one in (*self.servers, self.worker, self.beat, self.nginx) if one]

    def _wattkeep(self, name, *words, port=0):
        return Part(command(*words), self._settings, self._base / f"{name}.log", port)

    def second_beat(self):
        return self._wattkeep("beat", "beat")

    def _make_nginx(self, ports):
        folder = self._base / "nginx"
        folder.mkdir()
        port = quiet_port()
        servers = " ".join(f"server 127.0.0.1:{one} max_fails=0;" for one in ports)
        conf = folder / "nginx.conf"
        text = NGINX_CONF.format(folder=folder, servers=servers, port=port)
        conf.write_text(f"user root;\n{text}" if os.geteuid() == 0 else text)
        words = [NGINX, "-c", str(conf), "-e", str(folder / "nginx.log")]
        return Part(words, self._settings, folder / "out.log", port)

    def run(self, name, *words):
        """Run one of the programs beside this to its end; return what it printed as JSON."""
        done = subprocess.run(
            [sys.executable, PROGRAMS / f"{name}.py", *map(str, words)],
            env=self._settings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def program(self, name, *words):
        return Part(
            [sys.executable, str(PROGRAMS / f"{name}.py"), *map(str, words)],
            self._settings,
            self._base / f"{name}.log",
        )

    def logs(self):
        logs = sorted(self._base.glob("*.log"))
        return "\n".join(
            f"-- {log.name}\n{log.read_text(errors='replace')[-2500:]}" for log in logs
        )


@contextmanager
def many_processes():
    """Yield all of it, running; `scaled` processes are started once the tables are made."""
    with temporary_folder() as base:
        cluster = Cluster(find_binaries(), base, base / "disk")
        valkey = Valkey(base, quiet_port())
        many = None
        try:
            cluster.start()
            valkey.start()
            many = Many(base, cluster, valkey)
            yield many
        finally:
            for part in many.parts if many else ():
                part.kill()
            valkey.kill()
            cluster.end()

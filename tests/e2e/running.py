"""A real server in a process of its own, and devices that post to it."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "lantern-orbit-7"
CODE = re.compile(r"one-time code: (\S+)")
READING = {
    "voltage": 230.5,
    "current": 2.345,
    "power": 540.7,
    "energy": 12.456,
    "frequency": 50.0,
    "power_factor": 0.98,
}


@dataclass(frozen=True)
class Device:
    """A device at a server: its page and its key."""

    address: str
    id: int
    key: str

    @property
    def page(self):
        return f"/devices/{self.id}/"

    def post(self, *readings, **values):
        """Post one reading with some values changed, or a list; return the answer's status."""
        body = list(readings) if readings else {**READING, **values}
        request = urllib.request.Request(
            f"{self.address}/api/energy-data/",
            data=json.dumps(body).encode(),
            headers={"X-API-Key": self.key, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code


class Running:
    """`wattkeep up` on a free port, in a folder of its own."""

    def __init__(self, data_dir: Path):
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        self._hand = None
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [*self._command("up"), "--host", "127.0.0.1", "--port", str(self.port)],
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self._process.stdout.readline()
        if self.address not in line:
            self.stop()
            raise AssertionError(f"the server did not start: {line!r} {self.log.read_text()}")

    def setup_code(self):
        """Return the code printed for the first account."""
        return next(filter(None, map(CODE.search, self._process.stdout)))[1]

    def add_user(self, name):
        self._ask(user=name, password=PASSWORD)

    def add_device(self, name, user):
        return Device(self.address, **self._ask(user=user, device=name))

    def list_users(self):
        return self._run("user", "list", "--json")

    def stop(self):
        if self._hand is not None:
            self._hand.communicate(timeout=30)
        self._process.terminate()
        self._process.communicate(timeout=30)

    def _ask(self, **asked):
        """Have users and devices made; return what is told of them."""
        if self._hand is None:
            self._hand = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("hand.py"))],
                env={
                    **self._environment(),
                    "DJANGO_SETTINGS_MODULE": "wattkeep.settings",
                    "WATTKEEP_DATA_DIR": str(self.data_dir),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        self._hand.stdin.write(json.dumps(asked) + "\n")
        self._hand.stdin.flush()
        answer = self._hand.stdout.readline()
        assert answer, "what makes users and devices has ended; its error is above"
        return json.loads(answer)

    def _command(self, *words):
        return [sys.executable, "-m", "wattkeep", *words, "--data-dir", str(self.data_dir)]

    def _run(self, *words, stdin=""):
        done = subprocess.run(
            self._command(*words),
            input=stdin,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    def _environment(self):
        source = Path(__file__).resolve().parents[2] / "src"
        return {**os.environ, "PYTHONPATH": str(source), "WATTKEEP_TIME_ZONE": "Europe/Paris"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

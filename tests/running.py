"""Wattkeep in processes of its own: the command, a server, and requests to it."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

SOURCE = Path(__file__).resolve().parents[1] / "src"
PASSWORD = "lantern-orbit-7"
PATIENCE_S = 60
READING = {
    "voltage": 230.5,
    "current": 2.345,
    "power": 540.67,
    "energy": 12.456,
    "frequency": 50.0,
    "power_factor": 0.98,
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(*words):
    return [sys.executable, "-m", "wattkeep", *map(str, words)]


def environment(**settings):
    return {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "WATTKEEP_TIME_ZONE": "Europe/Paris",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def run(*words, stdin="", **settings):
    """Run a command to its end, however it ends."""
    return subprocess.run(
        command(*words),
        input=stdin,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def make_installation(folder):
    """Make a data folder with its tables, as a first start does."""
    done = run("manage", "--data-dir", folder, "migrate", "-v0")
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


class Process:
    """A command that runs until told otherwise; its standard output comes line by line."""

    def __init__(self, *words, log: Path, **settings):
        self.log = log
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                command(*words),
                env=environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as out:
            for line in out:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self):
        """Return its next line."""
        line = self._lines.get(timeout=PATIENCE_S)
        assert line is not None, f"it ended: {self.log.read_text()}"
        return line

    def rest(self):
        """Return the lines nobody took yet, up to its end."""
        lines = []
        while (line := self._lines.get(timeout=PATIENCE_S)) is not None:
            lines.append(line)
        return lines

    def end(self, number=signal.SIGTERM):
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)


class Site:
    """A Wattkeep at an address, seen by one browser: cookies are kept."""

    def __init__(self, url):
        self.url = url
        self._cookies = {}
        self._http = urllib3.PoolManager(retries=False, timeout=PATIENCE_S)

    def request(self, method, path, body=None, headers=None):
        sent = {**(headers or {})}
        if self._cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if method not in {"GET", "HEAD"} and "csrftoken" in self._cookies:
            sent.setdefault("X-CSRFToken", self._cookies["csrftoken"])
        answer = self._http.request(
            method, self.url + path, body=body, headers=sent, redirect=False
        )
        for cookie in answer.headers.getlist("Set-Cookie"):
            self._cookies.update({k: v.value for k, v in SimpleCookie(cookie).items()})
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        content = json.loads(answer.data) if is_json and answer.data else answer.data
        return Answer(answer.status, content, dict(answer.headers.items()))

    def get(self, path):
        return self.request("GET", path)

    def post(self, key, body):
        """Post a reading, or readings, as a device does."""
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        return self.request("POST", "/api/energy-data/", json.dumps(body), headers)

    def log_in(self, name, password=PASSWORD):
        self.get("/login/")
        form = urlencode({"username": name, "password": password})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", "/login/", form, headers)

    def close(self):
        self._http.clear()


class Running(Site):
    """`wattkeep up` on a free port, in a folder of its own; it may be killed and come back."""

    def __init__(self, data_dir: Path, **settings):
        self.data_dir = data_dir
        self.port = free_port()
        self._settings = settings
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.start()

    def start(self):
        words = ("up", "--host", "127.0.0.1", "--port", self.port, "--data-dir", self.data_dir)
        log = self.data_dir.with_suffix(".log")
        self.process = Process(*words, log=log, **self._settings)
        try:
            line = self.process.line()
        except BaseException:
            self.process.end(signal.SIGKILL)
            raise
        assert line == f"Wattkeep is running at {self.url}"

    def kill(self):
        """End it as a power cut would."""
        self.process.end(signal.SIGKILL)

    def run(self, *words, stdin=""):
        done = run(*words, "--data-dir", self.data_dir, stdin=stdin, **self._settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_user(self, name):
        self.run("user", "add", name, "--password-stdin", stdin=f"{PASSWORD}\n")

    def add_device(self, name, user="ada"):
        """Return a new device's id and key."""
        words = ("device", "add", name, "--user", user, "--data-dir", self.data_dir)
        done = run(*words, **self._settings)
        assert done.returncode == 0, done.stderr
        return int(re.match(r"Added device (\d+),", done.stderr)[1]), done.stdout.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        if self.process.process.poll() is None:
            self.process.end()

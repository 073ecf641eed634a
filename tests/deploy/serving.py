"""`wattkeep serve` as a process, and senders that try nothing twice."""

import http.client
import json
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from running import PATIENCE_S, READING, Process, Running, free_port

JSON = {"Content-Type": "application/json"}


class Serve(Running):
    """`wattkeep serve` with some workers; `data_dir` may be another one's."""

    def __init__(self, data_dir, workers=2, log=None, **settings):
        self._workers = workers
        self._log = log or data_dir.with_suffix(".log")
        super().__init__(data_dir, **settings)

    def start(self):
        words = ("serve", "--workers", self._workers, "--host", "127.0.0.1", "--port", self.port)
        words = (*words, "--data-dir", self.data_dir)
        self.process = Process(*words, log=self._log, **self._settings)
        try:
            line = self.process.line()
        except BaseException:
            self.process.end(signal.SIGKILL)
            raise
        assert line == f"Wattkeep is running at {self.url} with {self._workers} workers"

    def workers(self):
        """Return the pids of the processes that serve."""
        parent = self.process.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return {int(pid) for pid in children if is_worker(pid)}

    def replace_workers(self):
        """Have every worker replaced, and return when none of the old ones is left."""
        old = self.workers()
        os.kill(self.process.process.pid, signal.SIGHUP)
        wait_until(lambda: not old & self.workers() and len(self.workers()) == self._workers)

    def restart(self):
        assert self.process.end(signal.SIGTERM) == 0
        self.start()


def is_worker(pid):
    with suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def wait_until(is_true, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not is_true():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


class Senders:
    """Threads that post until told to stop: some on connections they keep, some on new ones.

    Nothing is ever sent again: whatever is not answered by 201 is a failure.
    """

    def __init__(self, port, key, keeping=4, fresh=2):
        self._port = port
        self._key = key
        self._is_over = threading.Event()
        self.failures = []
        self.acknowledged = []
        self.last_answers = 0
        kinds = [True] * keeping + [False] * fresh
        self._threads = [threading.Thread(target=self._send, args=(keeps,)) for keeps in kinds]

    def _send(self, keeps):
        connection = None
        while not self._is_over.is_set():
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
            try:
                connection.request(
                    "POST",
                    "/api/energy-data/",
                    json.dumps(READING),
                    {**JSON, "X-API-Key": self._key},
                )
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection = None
                self._is_over.wait(0.05)
                continue
            if answer.status == 201:
                self.acknowledged.append(json.loads(body)["reading_id"])
            else:
                self.failures.append((answer.status, body))
            if answer.will_close:
                self.last_answers += 1
            if answer.will_close or not keeps:
                connection.close()
                connection = None
            # As boards do: a connection is idle most of the time.
            self._is_over.wait(0.02)
        if connection is not None:
            connection.close()

    def wait_for(self, more):
        """Return once so many more were acknowledged."""
        until = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= until or self.failures)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)


@contextmanager
def posting(port, key, **kinds):
    """Post while the block runs, which begins once all is well."""
    with Senders(port, key, **kinds) as senders:
        senders.wait_for(50)
        yield senders
        senders.wait_for(50)


def stored_ms(data_dir):
    with closing(sqlite3.connect(data_dir / "wattkeep.sqlite3")) as db:
        return sorted(ms for (ms,) in db.execute("SELECT timestamp FROM monitoring_energyreading"))


__all__ = ["Senders", "Serve", "free_port", "posting", "stored_ms", "wait_until"]

"""A small server of the tests' own that takes readings and remembers every word.

It keeps the protocol's promises to a board: numbers, acknowledgements, signatures, configuration,
files. What the real server makes of the same words is tested beside it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from wattkeep.domain.sequence import Arrived

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 60.0
KEY = "abcd2345_kmnpqrstuvwxyz23456789"
CHUNK = 1024
NAMES = ("voltage", "current", "power", "energy", "frequency", "power_factor")
STEPS = (10, 1000, 10, 1000, 10, 100)
WAITED = 4


class Row(NamedTuple):
    """One numbered window, as it was sent."""

    boot: str
    seq: int
    age_ms: int
    steps: tuple[int | None, ...]
    samples: int
    flags: int

    @property
    def values(self) -> dict[str, float | None]:
        return {
            name: None if value is None else value / step
            for name, value, step in zip(NAMES, self.steps, STEPS, strict=True)
        }


@dataclass(frozen=True, slots=True)
class Post:
    path: str
    headers: dict[str, str]
    raw: bytes
    body: Any
    status: int
    at_s: float

    @property
    def values(self) -> dict[str, Any]:
        """A single reading's values; of numbered windows, the last one's."""
        if "readings" in self.body:
            return self.rows[-1].values
        return {name: value for name, value in self.body.items() if name != "age_s"}

    @property
    def rows(self) -> list[Row]:
        return [
            Row(self.body["boot"], seq, age_ms, tuple(values), samples, flags)
            for seq, age_ms, *values, samples, flags in self.body["readings"]
        ]

    @property
    def is_backlog(self) -> bool:
        return bool(self.rows[0].flags & WAITED)


def choose_status(body: dict[str, Any]) -> int:
    return 400 if body.get("voltage", 0) is None else 201


def signing_key(api_key: str) -> bytes:
    return hmac.digest(api_key.encode(), b"wattkeep-sign", "sha256")


def sign(api_key: str, *parts: bytes) -> str:
    return "sha256=" + hmac.new(signing_key(api_key), b"".join(parts), "sha256").hexdigest()


@dataclass
class Device:
    """What the server knows of one key: what arrived, and what it wants of the board."""

    key: str = KEY
    arrived: dict[str, Arrived] = field(default_factory=dict)
    stored: dict[tuple[str, int], Row] = field(default_factory=dict)
    stamps_s: dict[tuple[str, int], float] = field(default_factory=dict)
    refuse: Callable[[Row], bool] = lambda _: False
    config_version: int = 1
    config: dict[str, Any] = field(default_factory=dict)
    commands: list[list[Any]] = field(default_factory=list)
    update: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    syncs: list[dict[str, Any]] = field(default_factory=list)
    signs_with: str = ""

    def take(self, rows: list[Row], now_s: float) -> dict[str, Any]:
        boot = self.arrived.setdefault(rows[0].boot, Arrived())
        if rows[0].flags & WAITED:
            boot.give_up_below(rows[0].seq)
        accepted, rejected = 0, []
        for index, row in enumerate(rows):
            if not boot.take(row.seq):
                continue
            if self.refuse(row):
                rejected.append({"index": index, "errors": {"power": ["no"]}})
                continue
            accepted += 1
            self.stored[row.boot, row.seq] = row
            self.stamps_s[row.boot, row.seq] = now_s - row.age_ms / 1000
        return {
            "status": "success",
            "message": "Data received successfully",
            "ack": boot.watermark,
            "accepted": accepted,
            "duplicates": len(rows) - accepted - len(rejected),
            "rejected": rejected,
            "reading_id": 1,
            "server_time_ms": int(now_s * 1000),
            "config_version": self.config_version,
        }

    def publish(self, version: str, files: dict[str, bytes]) -> None:
        """Offer a release to the board."""
        entries = [
            [name, len(data), hashlib.sha256(data).hexdigest()] for name, data in files.items()
        ]
        manifest = json.dumps({"version": version, "files": entries}).encode()
        self.files = {**files, "manifest.json": manifest}
        self.update = {
            "version": version,
            "size": sum(map(len, files.values())),
            "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        }
        self.config_version += 1

    def order(self, number: int, name: str) -> None:
        self.commands.append([number, name])
        self.config_version += 1

    def sync(self, body: dict[str, Any]) -> bytes:
        self.syncs.append(body)
        done = {number for number, _ in body["done"]}
        self.commands = [command for command in self.commands if command[0] not in done]
        offered = self.update
        if body["update"] and body["update"].startswith("rolled back"):
            self.update = None
        if offered and offered["version"] == body["firmware"]:
            offered = None
        return json.dumps(
            {
                "nonce": body["nonce"],
                "config_version": self.config_version,
                "config": self.config,
                "commands": self.commands,
                "update": offered,
            }
        ).encode()


class Collector:
    """Answers as the protocol says, or whatever `choose` says; `posts` grows in order.

    `now` is the clock it stamps by; a test that lets a board's days pass quickly gives its own.
    """

    def __init__(self, *devices: Device, now: Callable[[], float] = time.time) -> None:
        self.choose: Callable[[dict[str, Any]], int] = choose_status
        self.devices = list(devices) or [Device()]
        self.posts: list[Post] = []
        self.retry_after_s = 0
        self._now = now
        self._news = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def device(self) -> Device:
        return self.devices[0]

    def start(self) -> Collector:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                headers = dict(self.headers.items())
                status, answer, more = collector.answer(self.path, headers, raw)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                # What a real server says besides is more than a board has room for at once.
                self.send_header("Content-Security-Policy", "default-src 'self'; " * 30)
                for name, value in more.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Say nothing of boards whose power went in the middle of a post."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def answer(
        self, path: str, headers: dict[str, str], raw: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        body = json.loads(raw)
        now_s = self._now()
        with self._news:
            device = self._find(headers, raw)
            if path.endswith("/energy-data/"):
                status = self.choose(body)
                if status == 201 and device is None and "readings" in body:
                    status = 401
                post = Post(path, headers, raw, body, status, now_s)
                answer = b'{"status": "of the collector"}'
                if status == 201 and device is not None and "readings" in body:
                    answer = json.dumps(device.take(post.rows, now_s)).encode()
                self.posts.append(post)
                self._news.notify_all()
                return status, answer, {"Retry-After": str(self.retry_after_s)}
            if device is None:
                return 401, b"{}", {}
            status = self.choose(body)
            key = device.signs_with or device.key
            if status != 201:
                return status, b"{}", {}
            if path.endswith("/sync/"):
                answer = device.sync(body)
                self._news.notify_all()
                return 200, answer, {"X-Signature": sign(key, answer)}
            if path.endswith("/file/"):
                return self._send_file(device, key, body)
            return 404, b"{}", {}

    def _send_file(
        self, device: Device, key: str, body: dict[str, Any]
    ) -> tuple[int, bytes, dict[str, str]]:
        data = device.files.get(body["path"])
        if data is None:
            return 404, b"{}", {}
        chunk = data[body["offset"] : body["offset"] + CHUNK]
        signature = sign(key, body["nonce"].encode(), chunk)
        return 200, chunk, {"X-Signature": signature, "X-Total-Size": str(len(data))}

    def _find(self, headers: dict[str, str], raw: bytes) -> Device | None:
        for device in self.devices:
            if headers.get("X-API-Key") == device.key:
                return device
            if headers.get("X-Device") == device.key.split("_")[0]:
                return device if headers["X-Signature"] == sign(device.key, raw) else None
        return None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, seen: Callable[[list[Post]], object]) -> list[Post]:
        """Wait until `seen` is satisfied with the posts so far and return them."""
        with self._news:
            if not self._news.wait_for(lambda: seen(self.posts), PATIENCE_S):
                raise TimeoutError(f"not seen in {self.posts}")
            return list(self.posts)

    def stop(self) -> None:
        """Stop listening; the port is kept for another start."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

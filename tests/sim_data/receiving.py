"""A small HTTP server that takes readings by the protocol, or misbehaves as it is told."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Reply:
    """One answer given instead of the protocol's."""

    status: int
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class Dropped:
    """Take the request and hang up; with `stored`, after it was stored and half answered."""

    def __init__(self, *, stored: bool = False) -> None:
        self.stored = stored


@dataclass
class Receiver:
    """What the server was sent and keeps, and what it is to do next before behaving well."""

    url: str = ""
    script: list[Reply | Dropped] = field(default_factory=list)
    key: str | None = None
    requests: list[Any] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    stored: dict[int, dict[str, float]] = field(default_factory=dict)

    def take(self, body: Any) -> Reply:
        if isinstance(body, dict):
            verdict = self._take_one(body)
            if isinstance(verdict, dict):
                return Reply(400, verdict)
            return Reply(201, {"status": "success", "reading_id": round(body["timestamp"] * 1000)})
        verdicts = [self._take_one(one) for one in body]
        rejected = [
            {"index": index, "errors": verdict}
            for index, verdict in enumerate(verdicts)
            if isinstance(verdict, dict)
        ]
        return Reply(
            201,
            {
                "status": "success",
                "accepted": verdicts.count("stored"),
                "duplicates": verdicts.count("duplicate"),
                "rejected": rejected,
            },
        )

    def _take_one(self, reading: dict[str, float]) -> str | dict[str, list[str]]:
        if reading["voltage"] > 500:
            return {"voltage": ["Ensure this value is less than or equal to 500."]}
        reading_id = round(reading["timestamp"] * 1000)
        known = reading_id in self.stored
        self.stored.setdefault(reading_id, reading)
        return "duplicate" if known else "stored"


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes; waiting for the first one's receipt costs 40 ms each.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            assert self.path == "/api/energy-data/"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.requests.append(body)
            receiver.keys.append(self.headers["X-API-Key"])
            receiver.connections.add(self.client_address)
            step = receiver.script.pop(0) if receiver.script else None
            if isinstance(step, Dropped):
                self._drop(body, step)
            elif step is None and receiver.key not in (None, self.headers["X-API-Key"]):
                self._answer(Reply(401, {"error": "Invalid API key"}))
            else:
                self._answer(step or receiver.take(body))

        def _answer(self, reply: Reply) -> None:
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            content = text.encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _drop(self, body: Any, step: Dropped) -> None:
            self.close_connection = True
            if not step.stored:
                return
            content = json.dumps(receiver.take(body).body).encode()
            self.send_response(201)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""A small server of the tests' own that takes readings and remembers every word."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Post:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    status: int

    @property
    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.body.items() if name != "age_s"}


def choose_status(body: dict[str, Any]) -> int:
    return 400 if body["voltage"] is None else 201


class Collector:
    """Answers 201, or 400 for nulls, or whatever `choose` says; `posts` grows in order."""

    def __init__(self) -> None:
        self.choose: Callable[[dict[str, Any]], int] = choose_status
        self.posts: list[Post] = []
        self._news = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def start(self) -> Collector:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = collector.choose(body)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b'{"status": "of the collector"}')
                collector.take(Post(self.path, dict(self.headers.items()), body, status))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, post: Post) -> None:
        with self._news:
            self.posts.append(post)
            self._news.notify_all()

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

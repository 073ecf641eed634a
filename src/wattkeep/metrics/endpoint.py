"""`GET /metrics`: for this machine and for who has the token, and for nobody else."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings

from wattkeep.ingest.counts import Histogram
from wattkeep.metrics import sharing
from wattkeep.metrics.families import CONTENT_TYPE, exposition, histogram_figures, labelled
from wattkeep.metrics.process import process_figures
from wattkeep.metrics.stored import StoredFigures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wattkeep.ingest.counts import IngestCounts
    from wattkeep.metrics.families import Figures

PATH = "/metrics"
TELL_EVERY_S = 1.0
PAGE_BOUNDS_MS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
# A proxy sends one of these: who it speaks for is not on this machine.
FORWARDED = frozenset({b"x-forwarded-for", b"x-real-ip", b"forwarded", b"x-forwarded-proto"})
REFUSAL = b"Metrics are for this machine, or for who has WATTKEEP_METRICS_TOKEN.\n"


class PageCounts:
    """What pages and API count, on the event loop."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}
        self.ms = Histogram(PAGE_BOUNDS_MS)

    def note(self, status: int, seconds: float) -> None:
        """Count an answer; 0 is none, to a client that went away."""
        kind = f"{status // 100}xx" if status else "gone"
        self.answers[kind] = self.answers.get(kind, 0) + 1
        self.ms.note(seconds * 1000)


class Metrics:
    """Gathers this process's figures, tells the other workers, and answers who asks."""

    def __init__(
        self, ingest: IngestCounts, pages: PageCounts, gauges: Callable[[], Figures]
    ) -> None:
        self._ingest = ingest
        self._pages = pages
        self._gauges = gauges
        self._stored = StoredFigures()
        self._turn = asyncio.Lock()
        self._lag_s = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        """Answer one request."""
        if is_welcome(scope):
            status, body = 200, (await self._everything()).encode()
        else:
            status, body = 403, REFUSAL
        headers = [
            (b"content-type", CONTENT_TYPE.encode() if status == 200 else b"text/plain"),  # noqa: PLR2004
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def start(self) -> None:
        """Tell the other workers from now on, if there are any."""
        self._task = asyncio.get_running_loop().create_task(self._tell())

    def stop(self) -> None:
        """Tell them a last time."""
        if self._task is not None:
            self._task.cancel()
        if share := sharing.joined():
            sharing.tell(share, self.own_figures())

    def own_figures(self) -> Figures:
        """Return what this process counts, and how it is."""
        ingest, pages = self._ingest, self._pages
        return {
            **{labelled("wattkeep_posts_total", answer=str(k)): v for k, v in ingest.posts.items()},
            **{
                labelled("wattkeep_refused_posts_total", reason=k): v
                for k, v in ingest.refused.items()
            },
            labelled("wattkeep_readings_total", fate="stored"): ingest.stored,
            labelled("wattkeep_readings_total", fate="known"): ingest.known,
            labelled("wattkeep_readings_total", fate="rejected"): ingest.rejected,
            "wattkeep_failed_commits_total": ingest.failed_commits,
            **histogram_figures("wattkeep_post_seconds", ingest.post_ms, 1000),
            **histogram_figures("wattkeep_commit_seconds", ingest.commit_ms, 1000),
            **histogram_figures("wattkeep_commit_readings", ingest.commit_readings, 1),
            **{labelled("wattkeep_pages_total", answer=k): v for k, v in pages.answers.items()},
            **histogram_figures("wattkeep_page_seconds", pages.ms, 1000),
            "wattkeep_loop_lag_seconds": self._lag_s,
            **self._gauges(),
            **process_figures(),
        }

    async def _everything(self) -> str:
        async with self._turn:
            stored = await sync_to_async(self._stored.look, thread_sensitive=False)()
        if (share := sharing.joined()) is None:
            return exposition({0: self.own_figures()}, stored)
        sharing.tell(share, self.own_figures())
        return exposition(sharing.figures_of_all(share.folder), stored)

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + TELL_EVERY_S
            await asyncio.sleep(TELL_EVERY_S)
            self._lag_s = max(loop.time() - due_s, 0.0)
            if share := sharing.joined():
                sharing.tell(share, self.own_figures())


def is_welcome(scope: Any) -> bool:
    """Tell whether who asks may know: this machine itself, or anybody with the token."""
    headers = dict(scope["headers"])
    if token := settings.METRICS_TOKEN:
        given = headers.get(b"authorization", b"")
        return hmac.compare_digest(given, b"Bearer " + token.encode())
    client = (scope.get("client") or ("",))[0]
    return not FORWARDED & headers.keys() and _is_loopback(client)


def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback

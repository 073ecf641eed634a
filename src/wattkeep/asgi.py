"""The application: the ingest endpoint beside Django, wired together."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wattkeep.settings")

from channels.layers import get_channel_layer
from django.conf import settings

# The first import of all: it sets Django up, and the others import models.
from wattkeep.pages import HeldAnswer, Pages

# isort: split
from wattkeep import ticker_process
from wattkeep.alerts.watch import Watch
from wattkeep.api.live import PATH as LIVE_PATH
from wattkeep.api.live import LiveSocket, Lookout
from wattkeep.arrival import arrived
from wattkeep.bodies import Bodies
from wattkeep.crowds import Crowds, usual_most
from wattkeep.domain.readings import Run
from wattkeep.exchange import Exchange
from wattkeep.ingest.batches import Refused
from wattkeep.ingest.counts import IngestCounts
from wattkeep.ingest.endpoint import PATHS, Gone, IngestEndpoint, send_json
from wattkeep.ingest.keys import KeyCache
from wattkeep.ingest.limits import RateLimit, share_limits
from wattkeep.ingest.plain_posts import PlainPosts
from wattkeep.ingest.stores import open_store
from wattkeep.ingest.writer import Writer
from wattkeep.ledger.disk import DiskGuard
from wattkeep.live.fanout import Fanout
from wattkeep.live.hub import Hub
from wattkeep.logs import request_id
from wattkeep.memory import keep_memory_small
from wattkeep.metrics.endpoint import PATH as METRICS_PATH
from wattkeep.metrics.endpoint import Metrics, PageCounts
from wattkeep.readiness import Readiness
from wattkeep.tasks import TASKS
from wattkeep.tether import tether_to_parent
from wattkeep.ticker import Ticker
from wattkeep.tracing import traced_app, traced_store, traced_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.endpoint import Message, Receive, Send


PAGES_AT_ONCE = 4
# Files of readings take as long as somebody reads them, so they take nobody else's turn.
FILES_AT_ONCE = 2
FILE_SUFFIXES = (".csv", ".gz")
MOST_PAGES_WAITING = 500
RETRY_SOON = (b"retry-after", b"5")
# How long the writer's thread waits for the interpreter while the loop is busy; Python's 5 ms are
# as long as several commits.
SWITCH_S = 0.001
# Workers get no tasks while Redis is away; after so long the servers do them.
ALONE_AFTER_S = 30.0


class Application:
    """Routes a reading's way in past Django, and everything else to it."""

    def __init__(self) -> None:
        self._pages = Pages(PAGES_AT_ONCE), asyncio.Semaphore(PAGES_AT_ONCE)
        self._files = Pages(FILES_AT_ONCE), asyncio.Semaphore(FILES_AT_ONCE)
        self._pages_waiting = 0
        self._bodies = Bodies()
        self._watch = Watch()
        self._exchange = Exchange(get_channel_layer())
        self._hub = Hub()
        self._fanout = Fanout(self._hub, self._exchange)
        self._lookout = Lookout(self._hub, lambda: self._exchange.is_up)
        self._live_socket = LiveSocket.as_asgi(hub=self._hub, lookout=self._lookout)
        counts, self._page_counts = IngestCounts(), PageCounts()
        self._writer = Writer(
            traced_store(open_store()), after_commit=self._after_commit, counts=counts
        )
        self._metrics = Metrics(counts, self._page_counts, self._gauges)
        keys, disk = KeyCache(), DiskGuard()
        limit = RateLimit(settings.DEVICE_RATE_PER_S, settings.DEVICE_RATE_BURST)
        self._ingest = IngestEndpoint(keys, self._writer, limit, disk, counts=counts)
        most = settings.CONNECTIONS_PER_ADDRESS
        self.crowds = Crowds(usual_most() if most is None else most, settings.TRUSTED_PROXIES)
        self.plain_posts = PlainPosts(keys, self._writer, limit, disk)
        self._readiness = Readiness(keys, self._writer, disk)
        self._exchange.on("keys", lambda *_: keys.look_now())
        share_limits(limit, self._exchange)
        tasks = traced_tasks(TASKS) if settings.TICKER != "off" else ()
        self._ticker = Ticker(tasks, is_wanted=self._is_alone)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        if scope["type"] == "http":
            scope, number = arrived(scope, settings.TRUSTED_PROXIES)
            request_id.set(number)
            send = _numbered(send, number)
            if scope["path"] in PATHS:
                await self._ingest(scope, receive, send)
            elif scope["path"] == "/healthz":
                await send_json(send, 200, {"status": "ok"}, [])
            elif scope["path"] == "/readyz":
                await send_json(send, *await self._readiness.answer(), [])
            elif scope["path"] == METRICS_PATH:
                await self._metrics(scope, send)
            else:
                await self._answer_page(scope, receive, send)
        elif scope["type"] == "websocket":
            scope, number = arrived(scope, settings.TRUSTED_PROXIES)
            request_id.set(number)
            if scope["path"] == LIVE_PATH:
                await self._live_socket(scope, receive, send)  # type: ignore[arg-type]  # dicts
            else:
                await send({"type": "websocket.close"})
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise ValueError(f"Wattkeep does not speak {scope['type']}.")

    def _gauges(self) -> dict[str, float]:
        return {
            "wattkeep_waiting_readings": self._writer.waiting,
            "wattkeep_alerts_waiting_readings": self._watch.waiting,
            "wattkeep_waiting_pages": self._pages_waiting,
            "wattkeep_open_sockets": self._hub.open_count,
        }

    def _after_commit(self, readings: Sequence[Reading]) -> None:
        self._fanout.publish([readings.newest] if isinstance(readings, Run) else readings)
        self._watch.judge_later(readings)

    def _is_alone(self) -> bool:
        """Tell whether nobody else does the periodic tasks, as far as one knows here."""
        if ticker_process.does_all():
            return False
        if settings.TICKER in {"on", "beside"} or not self._exchange.exists:
            return True
        return self._exchange.silent_s > ALONE_AFTER_S

    async def _answer_page(self, scope: Any, receive: Receive, send: Send) -> None:
        """Let Django answer, a few requests at a time: readings come first.

        Each takes a thread, and a stranger's log-in attempts take its processor for long. Who sends
        or reads slowly holds none meanwhile, nor a place in the queue for one.
        """
        try:
            body = await self._bodies.read(scope, receive)
        except Gone:
            return
        except Refused as refusal:
            retry = [RETRY_SOON] if refusal.status in {429, 503} else []
            # The rest of the body may still be on its way: the connection ends with this answer.
            await send_json(send, refusal.status, refusal.body, [*retry, (b"connection", b"close")])
            return
        if self._pages_waiting >= MOST_PAGES_WAITING:
            await send_json(send, 503, {"error": "Too many requests wait."}, [RETRY_SOON])
            return
        self._pages_waiting += 1
        begun_s = time.perf_counter()
        answer = HeldAnswer(send)
        try:
            pages, turns = self._files if scope["path"].endswith(FILE_SUFFIXES) else self._pages
            async with turns:
                await pages(scope, _again(body, receive), answer.take)
        finally:
            self._pages_waiting -= 1
            self._page_counts.note(answer.status, time.perf_counter() - begun_s)
        await answer.let_go()

    async def _live(self, receive: Receive, send: Send) -> None:
        """Follow the server's start and stop; at the stop, finish what was accepted."""
        message: Message
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                tether_to_parent()
                keep_memory_small()
                sys.setswitchinterval(SWITCH_S)
                self._exchange.start()
                self._ticker.start()
                self._metrics.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._lookout.stop()
                await self._exchange.stop()
                await asyncio.to_thread(self._ticker.stop)
                await self._writer.drain()
                self._watch.close()
                self._metrics.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _numbered(send: Send, number: str) -> Send:
    """Return what sends an answer with the request's number, by which the log knows it."""
    header = (b"x-request-id", number.encode())

    async def send_numbered(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], header]
        await send(message)

    return send_numbered


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what receives a body that was read already, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read_again() -> Message:
        return messages.pop() if messages else await receive()

    return read_again


application = traced_app(Application())

"""OpenTelemetry: spans of requests, commits, tasks and messages, where WATTKEEP_TRACES_URL is set.

Where it is not, nothing here wraps anything. Spans hold routes, counts and outcomes; never an
address as it was asked for, a key, a body, or where a message goes.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import Resolver404, resolve

from wattkeep import __version__
from wattkeep.alerts.notify_send import send as send_message
from wattkeep.alerts.outbox import deliver_due
from wattkeep.ingest.batches import PartlyStored, Stored
from wattkeep.ingest.endpoint import PATHS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

    from wattkeep.alerts.notify_send import Message, Outcome
    from wattkeep.crowds import Crowds
    from wattkeep.domain.readings import Reading
    from wattkeep.ingest.plain_posts import Head, PlainPosts
    from wattkeep.ingest.stores import Store
    from wattkeep.ingest.writer import Answer
    from wattkeep.tasks import Task

logger = logging.getLogger(__name__)

EXPORTER_LOG = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
# A receiver that is away costs no more than this, also when a process ends.
TIMEOUT_S = 3.0
SAID_EVERY_S = 60.0
POST_ROUTE = "/api/energy-data/"
# Answered before Django.
OWN_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})
STATIC = "/static/"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FAILED_FROM = 500


class App(Protocol):
    """An application that takes plain posts past ASGI, and counts who is connected."""

    plain_posts: Any
    crowds: Crowds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@cache
def _find_provider() -> TracerProvider | None:
    if not settings.TRACES_URL:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        logger.warning(
            "nothing is traced: %s. WATTKEEP_TRACES_URL needs pip install 'wattkeep[tracing]'",
            error,
        )
        return None
    logging.getLogger(EXPORTER_LOG).addFilter(OnceAMinute())
    name = os.environ.get("OTEL_SERVICE_NAME", "wattkeep")
    resource = Resource.create({"service.name": name, "service.version": __version__})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=_endpoint(settings.TRACES_URL), timeout=TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def find_tracer() -> Tracer | None:
    """Return what makes spans; None where nobody asked for any, or the packages are missing."""
    provider = _find_provider()
    return None if provider is None else provider.get_tracer("wattkeep", __version__)


def end_tracing(**_: Any) -> None:
    """Send what waits to be sent; processes that end in their own time do so by themselves."""
    if (provider := _find_provider()) is not None:
        provider.shutdown()


def _endpoint(url: str) -> str:
    """Return where spans are sent: the receiver's usual path, unless another one is given."""
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1/traces"


class OnceAMinute(logging.Filter):
    """Lets the exporter say that nobody takes its spans once a minute, not with each batch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._again_s = -math.inf

    def filter(self, _record: logging.LogRecord) -> bool:
        is_due = self._clock() >= self._again_s
        if is_due:
            self._again_s = self._clock() + SAID_EVERY_S
        return is_due


# -- requests -------------------------------------------------------------------------------------


def traced_app(application: Any) -> Any:
    """Return the application as it is, or with a span for each of its requests."""
    tracer = find_tracer()
    return application if tracer is None else TracedApp(application, tracer)


class TracedApp:
    """Makes a span of each HTTP request: its route, its method and its status."""

    def __init__(self, application: App, tracer: Tracer) -> None:
        self._application = application
        self._tracer = tracer
        self.plain_posts = TracedPosts(application.plain_posts, tracer)
        self.crowds = application.crowds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        route = route_of(scope["path"])
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        attributes = {"http.request.method": method, "http.route": route}
        kind = _kinds().SERVER
        with _span(self._tracer, f"{method} {route}", attributes, kind=kind) as span:

            async def note(message: Any) -> None:
                if message["type"] == "http.response.start":
                    note_status(span, message["status"])
                await send(message)

            await self._application(scope, receive, note)


class TracedPosts:
    """Makes a span of each post that goes the short way."""

    def __init__(self, posts: PlainPosts, tracer: Tracer) -> None:
        self._posts = posts
        self._tracer = tracer

    def take(self, head: Head, body: bytes, answer: Answer) -> bool:
        """Take a post; a span is made of one that is taken."""
        begun_ns = time.time_ns()

        def tell(reading: Reading | None) -> None:
            span = self._tracer.start_span(
                f"POST {POST_ROUTE}",
                kind=_kinds().SERVER,
                attributes={"http.request.method": "POST", "http.route": POST_ROUTE},
                start_time=begun_ns,
            )
            note_status(span, 503 if reading is None else 201)
            span.end()
            answer(reading)

        return self._posts.take(head, body, tell)


def route_of(path: str) -> str:
    """Return the pattern behind a path: what stands in it may be a secret, or somebody's number."""
    if path in PATHS:
        return POST_ROUTE
    if path in OWN_ROUTES:
        return path
    if path.startswith(STATIC):
        return STATIC
    try:
        return f"/{resolve(path).route}"
    except Resolver404:
        return "/*"


def note_status(span: Any, status: int) -> None:
    """Write how a request was answered."""
    span.set_attribute("http.response.status_code", status)
    if status >= FAILED_FROM:
        _note_failure(span)


# -- commits --------------------------------------------------------------------------------------


def traced_store(store: Store) -> Store:
    """Return the store, which makes a span of each commit if spans are wanted."""
    tracer = find_tracer()
    if tracer is not None:
        # On this one store: where nobody traces, nothing stands in the way.
        setattr(store, "commit", _traced_commit(store.commit, tracer))  # noqa: B010 - a method's place
    return store


def _traced_commit(commit: Callable[..., Any], tracer: Tracer) -> Callable[..., Any]:
    def run(batches: Sequence[Any], contacts: Sequence[Any]) -> Any:
        counts = {
            "wattkeep.batches": len(batches),
            "wattkeep.readings": sum(batch.size for batch in batches),
            "wattkeep.contacts": len(contacts),
        }
        with _span(tracer, "commit", counts) as span:
            outcomes = commit(batches, contacts)
            stored = [one for one in outcomes if isinstance(one, (Stored, PartlyStored))]
            new = sum(sum(reading is not None for reading in one.readings) for one in stored)
            span.set_attribute("wattkeep.stored", new)
            if len(stored) < len(outcomes):
                _note_failure(span)
            return outcomes

    return run


# -- tasks and messages ---------------------------------------------------------------------------


def traced_tasks(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Return periodic tasks as they are, or with a span for each time one is done."""
    tracer = find_tracer()
    if tracer is None:
        return tuple(tasks)
    return tuple(task._replace(run=_traced_run(task, tracer)) for task in tasks)


def _traced_run(task: Task, tracer: Tracer) -> Callable[[datetime], Iterator[object]]:
    run = task.run
    if run is deliver_due:
        run = _traced_delivery(tracer)

    def steps(now: datetime) -> Iterator[object]:
        count = 0
        attributes = {"wattkeep.task": task.name}
        with _span(tracer, f"task {task.name}", attributes) as span:
            result = run(now)
            if isinstance(result, Iterator):
                for step in result:
                    count += 1
                    yield step
                span.set_attribute("wattkeep.steps", count)

    return steps


def _traced_delivery(tracer: Tracer) -> Callable[[datetime], int]:
    from opentelemetry import context

    def deliver(now: datetime) -> int:
        # Messages are sent on threads of their own, which know nothing of this one's span.
        around = context.get_current()

        def send(message: Message) -> Outcome:
            attributes = {
                "wattkeep.channel": message.channel_id,
                # json, mailto, tgram: the way, not the address.
                "wattkeep.service": message.url.partition(":")[0] or "browser",
            }
            with _span(
                tracer, "send message", attributes, kind=_kinds().CLIENT, context=around
            ) as span:
                outcome = send_message(message)
                if outcome.error:
                    _note_failure(span)
                return outcome

        return deliver_due(now, send)

    return deliver


@contextmanager
def _span(tracer: Tracer, name: str, attributes: Mapping[str, Any], **more: Any) -> Iterator[Any]:
    """Make a span of the block; of what it raises only that it did is written down."""
    with tracer.start_as_current_span(
        name,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
        **more,
    ) as span:
        try:
            yield span
        except Exception:
            _note_failure(span)
            raise


@cache
def _kinds() -> Any:
    from opentelemetry.trace import SpanKind

    return SpanKind


def _note_failure(span: Any) -> None:
    """Mark a span as failed, without the words: they may name what nobody else should know."""
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR)

"""Spans as a receiver of OpenTelemetry's gets them: what happened, and no secret."""

import gzip
import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from alerts.receiving import Webhook
from running import PASSWORD, PATIENCE_S, READING, Running, environment, run
from sim.patience import wait_until
from wattkeep import asgi, tasks
from wattkeep.asgi import Application
from wattkeep.tracing import OnceAMinute, find_tracer, route_of, traced_store, traced_tasks

MAKE_CHANNEL = """
import django; django.setup()
from django.contrib.auth import get_user_model
from django.utils import timezone
from alerts.telling import make_channel
from wattkeep.monitoring.models import Notification
channel = make_channel(get_user_model().objects.get(), {url!r})
now = timezone.now()
Notification.objects.create(channel=channel, kind="test", group_key="1", body="-",
    subject="A message for Ada", created_at=now, not_before=now)
"""
WANTED = {
    "POST /api/energy-data/",
    "GET /api/v1/devices/<int:device_id>/",
    "GET /v/<str:token>/",
    "GET /*",
    "commit",
    "task ledger",
    "task exports",
    "send message",
}


class Receiver(ThreadingHTTPServer):
    """Takes spans over OTLP, as protobuf."""

    daemon_threads = True

    def __init__(self):
        self.bodies = []
        super().__init__(("127.0.0.1", 0), _Taking)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def spans(self):
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
        return found

    def __enter__(self):
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join(PATIENCE_S)
        self.server_close()


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.bodies.append(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def attributes_of(span):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def make_channel(site, url):
    tests = str(asgi.__file__).replace("src/wattkeep/asgi.py", "tests")
    settings = environment(
        WATTKEEP_DATA_DIR=str(site.data_dir), DJANGO_SETTINGS_MODULE="wattkeep.settings"
    )
    settings["PYTHONPATH"] += f":{tests}"
    code = MAKE_CHANNEL.format(url=url)
    subprocess.run([sys.executable, "-c", code], env=settings, check=True, timeout=PATIENCE_S)


def test_what_happens_is_traced_and_no_secret_with_it(receiver, tmp_path):
    settings = {"WATTKEEP_TRACES_URL": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with Webhook() as hook, Running(tmp_path / "home", **settings) as site:
        site.add_user("ada")
        device, key = site.add_device("House")
        site.log_in("ada")
        plain = site.post(key, READING)
        many = site.post(key, [{**READING, "age_s": 10}, {**READING, "age_s": 20}])
        site.get(f"/api/v1/devices/{device}/?password=in-the-address")
        site.get("/v/a-secret-token/")
        site.get("/nowhere/secret-place/")
        make_channel(site, hook.url)

        wait_until(lambda: {span.name for span in receiver.spans} >= WANTED)
        cookies = dict(site._cookies)

    assert (plain.status, many.status) == (201, 201)
    spans = receiver.spans
    posts = [attributes_of(span) for span in spans if span.name == "POST /api/energy-data/"]
    assert posts == 2 * [
        {
            "http.request.method": "POST",
            "http.route": "/api/energy-data/",
            "http.response.status_code": 201,
        }
    ]
    stored = [attributes_of(span)["wattkeep.stored"] for span in spans if span.name == "commit"]
    assert sum(stored) == 3
    [sent] = [span for span in spans if span.name == "send message"]
    [task] = [span for span in spans if span.span_id == sent.parent_span_id]
    assert attributes_of(sent)["wattkeep.service"] == "json"
    assert task.name == "task notifications"
    everything = b"".join(receiver.bodies)
    secrets = [key, key.partition("_")[2], PASSWORD, "in-the-address", "a-secret-token",
               "secret-place", "secret-token", "A message for Ada", "127.0.0.1",
               *cookies.values()]  # fmt: skip
    assert [one for one in secrets if one.encode() in everything] == []


def test_nothing_stands_in_the_way_where_nobody_traces():
    store = SimpleNamespace(commit=print)

    assert find_tracer() is None
    assert type(asgi.application) is Application
    assert traced_store(store).commit is print
    assert all(a is b for a, b in zip(traced_tasks(tasks.TASKS), tasks.TASKS, strict=True))


def test_missing_packages_are_told_and_nothing_else_is_different(tmp_path):
    """A folder on the way to the packages that has none of them."""
    blocked = tmp_path / "blocked/opentelemetry"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('no opentelemetry here')")
    path = f"{environment()['PYTHONPATH']}:{blocked.parent}"
    settings = {"WATTKEEP_TRACES_URL": "http://127.0.0.1:9"}
    # In front of what is installed, behind ours.
    with Running(tmp_path / "home", PYTHONPATH=path, **settings) as site:
        assert site.get("/healthz").status == 200

    log = (tmp_path / "home.log").read_text()
    assert "nothing is traced: no opentelemetry here." in log
    assert "pip install 'wattkeep[tracing]'" in log


def test_address_that_is_none_is_refused(tmp_path):
    refused = run("manage", "check", WATTKEEP_DATA_DIR=str(tmp_path),
                  WATTKEEP_TRACES_URL="user:hidden@nowhere")  # fmt: skip

    assert refused.returncode != 0
    assert "WATTKEEP_TRACES_URL" in refused.stderr
    assert "hidden" not in refused.stderr


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/energy-data", "/api/energy-data/"),
        ("/healthz", "/healthz"),
        ("/static/dist/app.css", "/static/"),
        ("/devices/17/edit/", "/devices/<int:device_id>/edit/"),
        ("/join/secret/", "/join/<str:token>/"),
        ("/secret", "/*"),
    ],
)
def test_route_has_nothing_of_what_stands_in_the_path(path, route):
    assert route_of(path) == route


def test_receiver_that_is_away_is_told_of_once_a_minute():
    now = [0.0]
    filter_ = OnceAMinute(lambda: now[0])
    record = logging.makeLogRecord({"msg": json.dumps("gone")})

    said = []
    for now[0] in (0.0, 1.0, 59.0, 61.0, 62.0):
        said.append(filter_.filter(record))

    assert said == [True, False, False, True, False]

"""Django on threads that stay: connections are kept, and files are sent while they are written."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections
from django.db.backends.signals import connection_created
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from wattkeep.pages import Pages

pytestmark = pytest.mark.django_db(transaction=True)

threads = []
written = []
may_go_on = threading.Event()


def ask(_request):
    threads.append(threading.get_ident())
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")
        return HttpResponse(str(cursor.fetchone()[0]))


def stream(_request):
    async def chunks():
        for number in range(3):
            written.append(number)
            yield f"{number}\n"
            await sync_to_async(may_go_on.wait)(30)

    return StreamingHttpResponse(chunks(), content_type="text/plain")


urlpatterns = [path("ask", ask), path("stream", stream)]


async def get(pages, address, begun=None, gone=None):
    """Ask for a page; `begun` is set when its first bytes come, `gone` says the reader left."""
    asked, sent = asyncio.Event(), []

    async def receive():
        if asked.is_set():
            await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}
        asked.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)
        if begun is not None and len(sent) > 1:
            begun.set()

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": address,
        "query_string": b"", "headers": [(b"host", b"localhost")], "scheme": "http",
        "server": ("localhost", 80), "client": ("localhost", 1),
    }  # fmt: skip
    await pages(scope, receive, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


@contextmanager
def made():
    """Count the connections that are made."""
    count = []

    def note(**_):
        count.append(threading.get_ident())

    connection_created.connect(note)
    try:
        yield count
    finally:
        connection_created.disconnect(note)


async def close(pages):
    for context in pages._free:
        token = SyncToAsync.thread_sensitive_context.set(context)
        await sync_to_async(connections.close_all)()
        SyncToAsync.thread_sensitive_context.reset(token)


@pytest.fixture(autouse=True)
def _addresses():
    threads.clear()
    written.clear()
    may_go_on.clear()
    with override_settings(ROOT_URLCONF="test_pages_urls", MIDDLEWARE=[]):
        import sys

        sys.modules["test_pages_urls"] = sys.modules[__name__]
        yield
        del sys.modules["test_pages_urls"]


def test_requests_one_after_the_other_share_a_thread_and_a_connection():
    async def run():
        pages = Pages(1)
        answers = [await get(pages, "/ask") for _ in range(3)]
        await close(pages)
        return answers

    with made() as connections_made:
        answers = asyncio.run(run())

    assert answers == [(200, b"1")] * 3
    assert len(set(threads)) == 1
    assert connections_made == threads[:1]


def test_file_is_sent_while_it_is_written():
    async def run():
        pages = Pages(1)
        begun = asyncio.Event()
        task = asyncio.create_task(get(pages, "/stream", begun))
        await asyncio.wait_for(begun.wait(), 30)
        early = list(written)
        may_go_on.set()
        answer = await task
        await close(pages)
        return early, answer

    early, answer = asyncio.run(run())

    assert early == [0]
    assert answer == (200, b"0\n1\n2\n")


def test_thread_is_free_again_when_its_reader_has_left():
    async def run():
        pages = Pages(1)
        begun, gone = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(get(pages, "/stream", begun, gone))
        await asyncio.wait_for(begun.wait(), 30)
        gone.set()
        may_go_on.set()
        await asyncio.wait_for(task, 30)
        answer = await get(pages, "/ask")
        await close(pages)
        return answer

    assert asyncio.run(run()) == (200, b"1")

"""Pages beside each other: who is slow keeps nobody else waiting."""

import socket
from contextlib import ExitStack

import pytest

from running import READING, Site
from wattkeep.asgi import FILES_AT_ONCE, PAGES_AT_ONCE
from wattkeep.ingest.endpoint import MOST_BYTES

LARGE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
HALF_A_POST = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\na"
# More than the buffers of a connection hold.
ASK_FOR_MUCH = 4 * f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def connect(server):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(60)
    made.connect(("127.0.0.1", server.port))
    return made


@pytest.mark.parametrize(
    ("request_", "waits_for"),
    [
        pytest.param(HALF_A_POST, b"", id="sends slowly"),
        pytest.param(ASK_FOR_MUCH, b"HTTP/1.1 200", id="reads slowly"),
    ],
)
def test_slow_clients_keep_no_page_from_others(server, request_, waits_for):
    with ExitStack() as stack:
        for _ in range(2 * PAGES_AT_ONCE):
            slow = stack.enter_context(connect(server))
            slow.sendall(request_)
            assert slow.recv(len(waits_for)) == waits_for

        assert Site(server.url).get("/login/").status == 200


def test_a_page_takes_no_larger_body_than_a_post(server):
    answer = server.request("POST", "/login/", bytes(MOST_BYTES + 1))

    assert (answer.status, answer.body) == (
        413,
        {"error": "The body is larger than 2,097,152 bytes."},
    )


def test_slow_readers_of_large_files_keep_no_page_from_others(server):
    device, key = server.add_device("Long file")
    site = Site(server.url)
    site.log_in("ada")
    for part in range(5):
        readings = [{**READING, "age_s": 10 * (n + 8_000 * part)} for n in range(8_000)]
        assert server.post(key, readings).status == 201
    cookies = "; ".join(f"{name}={value}" for name, value in site._cookies.items())
    ask = (
        f"GET /api/v1/devices/{device}/readings.csv HTTP/1.1\r\n"
        f"Host: localhost\r\nCookie: {cookies}\r\n\r\n"
    ).encode()
    with ExitStack() as stack:
        for turn in range(PAGES_AT_ONCE + FILES_AT_ONCE):
            slow = stack.enter_context(connect(server))
            slow.sendall(ask)
            if turn < FILES_AT_ONCE:
                assert slow.recv(12) == b"HTTP/1.1 200"

        assert site.get("/devices/").status == 200

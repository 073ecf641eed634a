"""What the board puts on the wire, byte for byte, and what it makes of answers."""

from __future__ import annotations

import hmac
import json
import re
import socket
import threading
from pathlib import Path

import pytest

from sim.collector import sign, signing_key
from sim.on_micropython import needs_micropython, run_script

pytestmark = needs_micropython

PROTOCOL = Path(__file__).parents[2] / "docs/protocol.md"

POST = """
import time
from http import Http

http = Http("127.0.0.1", data["port"])
http.post(b"/there", b"X-API-Key: k\\r\\n", b"{}", 0)
now = 0
while not http.step(now):
    http.wait(20)
    now += data["step_ms"]
head = {name.decode(): value if isinstance(value, int) else value.decode()
        for name, value in http.head.items()}
answer([http.status, bytes(http.body()).decode(), head, http.why])
"""


def serve_once(answer, pieces=1, *, hang=False):
    """Answer one connection with these bytes, in so many pieces; return its port and request."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard = []

    def serve():
        with listener, listener.accept()[0] as line:
            request = b""
            while not request.endswith(b"{}"):
                request += line.recv(4096)
            heard.append(request)
            size = -(-len(answer) // pieces) or 1
            for at in range(0, len(answer), size):
                line.sendall(answer[at : at + size])
            if hang:
                line.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1], heard


def post(folder, answer, *, pieces=1, hang=False, step_ms=1):
    port, heard = serve_once(answer, pieces, hang=hang)
    result = run_script(folder, POST, {"port": port, "step_ms": step_ms})
    return result, heard


GOOD = (
    b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX-Frame-Options: DENY\r\n"
    b"Retry-After: 7\r\nx-signature: sha256=ab\r\n\r\nbody"
)


@pytest.mark.parametrize("pieces", [1, 7, len(GOOD)])
def test_answers_are_read_however_they_are_cut(tmp_path, pieces):
    result, heard = post(tmp_path, GOOD, pieces=pieces, hang=True)

    head = {"content-length": 4, "retry-after": 7, "x-signature": "sha256=ab"}
    assert result == [201, "body", head, ""]
    assert heard[0].startswith(b"POST /there HTTP/1.0\r\nHost: 127.0.0.1:")
    assert b"\r\nX-API-Key: k\r\nConnection: close\r\nContent-Length: 2\r\n\r\n" in heard[0]


def test_headers_beyond_the_boards_memory_are_let_pass(tmp_path):
    long = b"".join(b"X-Long-%d: %s\r\n" % (i, b"x" * 300) for i in range(30))

    result, _ = post(tmp_path, b"HTTP/1.0 200 OK\r\n" + long + b"Content-Length: 2\r\n\r\nok")

    assert result[:2] == [200, "ok"]


def test_an_answer_without_a_length_ends_with_the_connection(tmp_path):
    assert post(tmp_path, b"HTTP/1.0 200 OK\r\n\r\nwhole")[0][:2] == [200, "whole"]


def test_a_page_too_long_for_the_board_is_an_answer_all_the_same(tmp_path):
    status, body, _, _ = post(tmp_path, b"HTTP/1.0 500 Oh\r\n\r\n" + b"<p>" * 2000)[0]

    assert (status, len(body)) == (500, 1024)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"HTTP/1.0 4x9 Oh\r\n\r\n", "not HTTP"),
        (b"x" * 3000, "not HTTP"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nshort", "OSError('cut off',)"),
        (b"HTTP/1.0 200 OK\r\nConte", "OSError('cut off',)"),
        (b"", "OSError('cut off',)"),
    ],
    ids=["another protocol", "no status", "noise", "half a body", "half a head", "nothing"],
)
def test_what_is_no_answer_has_no_status(tmp_path, answer, why):
    status, _, _, told = post(tmp_path, answer)[0]

    assert (status, told) == (0, why)


def test_a_server_that_never_answers_is_left_after_a_while(tmp_path):
    assert post(tmp_path, b"", hang=True, step_ms=500)[0][::3] == [0, "no answer"]


def test_a_server_that_is_not_there_costs_nothing(tmp_path):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        data = {"port": reserved.getsockname()[1], "step_ms": 1}

        assert run_script(tmp_path, POST, data)[0] == 0


SIGN = """
from sign import derive, hmac, is_same, signature
import binascii
key = derive(data["key"])
answer([binascii.hexlify(key).decode(), signature(key, data["body"].encode()).decode(),
        [binascii.hexlify(hmac(bytes(k), bytes(b[:3]), bytes(b[3:]))).decode()
         for k, b in data["pairs"]],
        is_same(b"ab", b"ab"), is_same(b"ab", b"ac"), is_same(b"ab", b"abc")])
"""


def test_signatures_are_the_protocols_own_example_and_hmac_is_hmac(tmp_path):
    table = re.search(r"<!-- example: signature -->\n(.*?)\n\n", PROTOCOL.read_text(), re.DOTALL)
    key, signing, body, signature = re.findall(r"\| `([^`]+)` \|$", table[1], re.MULTILINE)
    pairs = [(b"k" * size, b"body" * size) for size in (1, 32, 63, 64, 65, 200)]

    told = run_script(
        tmp_path,
        SIGN,
        {"key": key, "body": body, "pairs": [(list(one), list(other)) for one, other in pairs]},
    )

    assert told == [
        signing,
        signature,
        [hmac.new(one, other, "sha256").hexdigest() for one, other in pairs],
        *(True, False, False),
    ]
    assert signing_key(key).hex() == signing
    assert sign(key, body.encode()) == signature


ENVELOPE = """
from clock import Clock
from store import Store, region_bytes
from uplink import Identity, Uplink

clock = Clock(0)
store = Store("queue", memoryview(bytearray(region_bytes(1))), 0x1c2d, clock)
up = Uplink(store, clock, Identity("abcd2345_secret", True), "", 0)
state = lambda: b'"uptime_s":5,'
buffer = bytearray(1100)
bodies = []

def window(*means):
    clock.ds += 100
    up.offer(means)

def choose():
    length = up.choose(buffer, state, 0)
    bodies.append(bytes(buffer[:length]).decode())

"""


def run_uplink(folder, steps):
    return run_script(folder, ENVELOPE + steps + "\nanswer(bodies)")


def test_windows_are_written_as_the_protocol_says(tmp_path):
    steps = """
window(2305, 2345, 5406, 12456, 500, 98, 94, 2); choose()
window(2800, 110000, 299000, 9999999, 700, 100, 36000, 1)
window(0, 0, 0, 0, 0, 0, 0, 0); choose(); clock.ds += 7; choose()
"""
    bodies = [json.loads(body) for body in run_uplink(tmp_path, steps)]

    first = [1, 0, 2305, 2345, 5406, 12456, 500, 98, 94, 2]
    large = [2, 10_000, 2800, 110_000, 299_000, 9_999_999, 700, 100, 36_000, 5]
    silent = [3, 0, *[None] * 6, 0, 4]
    waited = [1, 20_000, *first[2:9], 6]
    assert bodies[0] == {"boot": "00001c2d", "uptime_s": 5, "readings": [first]}
    # After a live one it is the backlog's turn, oldest first.
    assert bodies[1]["readings"] == [waited, large, silent]
    assert bodies[2]["readings"] == [[1, 20_700, *first[2:9], 6], [2, 10_700, *large[2:]],
                                     [3, 700, *silent[2:]]]  # fmt: skip


def test_four_batches_of_backlog_go_with_each_live_window_and_no_more(tmp_path):
    steps = """
for i in range(100):
    window(2300, 1000, 2300, i, 500, 100, 100, 0)
for _ in range(8):
    choose()
window(2300, 1000, 2300, 100, 500, 100, 100, 0)
choose()
"""
    bodies = [json.loads(body)["readings"] if body else [] for body in run_uplink(tmp_path, steps)]

    assert [row[0] for row in bodies[0]] == [100]
    assert [len(rows) for rows in bodies[1:]] == [12, 12, 12, 12, 0, 0, 0, 1]
    assert [row[0] for row in bodies[8]] == [101]
    # The flag that lets the server close holes is never on a live one sent past a backlog.
    assert [rows[0][9] for rows in bodies if rows] == [0, 4, 4, 4, 4, 0]

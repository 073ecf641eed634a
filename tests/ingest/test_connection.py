"""One connection, two ways: requests however they are cut, piled up or broken off."""

import asyncio
import json
import re
import socket
import sqlite3
import time
from contextlib import asynccontextmanager

import pytest
import uvicorn

from running import READING
from wattkeep.connection import Connection, Socket
from wattkeep.crowds import Crowds
from wattkeep.domain.readings import Reading

PATIENCE_S = 60
BODY = json.dumps(READING).encode()


def post(key, body=BODY, extra=b"", path=b"/api/energy-data/"):
    return (
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"X-API-Key: %b\r\n%bContent-Length: %d\r\n\r\n%b"
        % (path, key.encode(), extra, len(body), body)
    )


class Line:
    """A bare connection: bytes out, answers in."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
        self._file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """Return the next answer's status, headers and body."""
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, self._file.read(int(headers["content-length"]))

    def is_closed(self):
        return self._file.read(1) == b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self.socket.close()


@pytest.fixture(scope="module")
def device(server):
    """Return a device's id and its key, known to the server already."""
    device_id, key = server.add_device("Connection")
    assert server.post(key, READING).status == 201
    return device_id, key


@pytest.fixture
def key(device):
    return device[1]


@pytest.fixture
def line(server):
    with Line(server) as made:
        yield made


def stored(server, device):
    with sqlite3.connect(server.data_dir / "wattkeep.sqlite3") as db:
        query = "SELECT count(*) FROM monitoring_energyreading WHERE device_id=?"
        return db.execute(query, [device[0]]).fetchone()[0]


def test_both_ways_say_the_same(line, key):
    line.send(post(key))
    short = line.answer()
    line.send(post(key, extra=b"X-Anything: 1\r\n"))
    general = line.answer()

    without_id = [
        (status, headers | {"date": "", "x-request-id": ""}, re.sub(rb"\d{13}", b"", body))
        for status, headers, body in (short, general)
    ]
    assert without_id[0] == without_id[1]
    assert short[0] == 201
    assert short[1]["date"].endswith(" GMT")
    assert json.loads(short[2])["reading_id"] < json.loads(general[2])["reading_id"]


@pytest.mark.parametrize("cut", [1, 20, 60, 130, 180, 240])
def test_a_request_may_come_in_pieces(line, key, cut):
    data = post(key)
    line.send(data[:cut])
    time.sleep(0.05)  # only so that the pieces arrive apart; they may as well arrive together
    line.send(data[cut:])

    assert line.answer()[0] == 201
    line.send(post(key))
    assert line.answer()[0] == 201


def test_requests_may_pile_up_and_are_answered_in_order(server, device, line):
    before = stored(server, device)
    kinds = [post(device[1]), post("unknown_key"), post(device[1], extra=b"X-Other: 1\r\n")] * 5
    line.send(b"".join(kinds))

    statuses = [line.answer()[0] for _ in kinds]

    assert statuses == [201, 401, 201] * 5
    assert stored(server, device) == before + 10


def test_a_request_may_come_while_another_is_written(server, device, line):
    before = stored(server, device)
    for _ in range(50):
        line.send(post(device[1]))

    answers = [line.answer() for _ in range(50)]

    assert [status for status, _, _ in answers] == [201] * 50
    ids = [json.loads(body)["reading_id"] for _, _, body in answers]
    assert ids == sorted(set(ids))
    assert stored(server, device) == before + 50


def test_pages_and_posts_share_a_connection(line, key):
    page = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    statuses = []
    for data in (post(key), page, post(key), page, page, post(key)):
        line.send(data)
        statuses.append(line.answer()[0])

    assert statuses == [201, 200, 201, 200, 200, 201]


def test_what_the_short_way_does_not_take_is_refused_in_full(line, key):
    line.send(post(key, b'{"voltage": 230}'))
    status, _, body = line.answer()

    assert status == 400
    assert "current" in json.loads(body)
    line.send(post(key))
    assert line.answer()[0] == 201


def test_a_client_that_leaves_loses_nobody_elses_reading(server, device):
    for _ in range(20):
        with Line(server) as leaving:
            leaving.send(post(device[1]))
    with Line(server) as staying:
        staying.send(post(device[1]))
        assert staying.answer()[0] == 201


def test_a_head_that_never_ends_is_cut_off(line):
    line.send(b"GET / HTTP/1.1\r\nX-Long: ")

    with pytest.raises(ConnectionError):
        line.send(b"a" * 2**26)


def test_what_follows_a_chunked_body_is_cut_off_as_well(line):
    line.send(
        b"POST /api/energy-data/ HTTP/1.1\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    )

    with pytest.raises(ConnectionError):
        line.send(b"X-Trailer: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 2**20)


def test_a_large_post_before_it_makes_no_head_too_long(line, key):
    many = [{**READING, "timestamp": 1_790_000_000 + second} for second in range(1500)]
    following = post(key, extra=b"X-Other: 1\r\n")
    line.send(post(key, json.dumps(many).encode()) + following[:60])
    first = line.answer()
    line.send(following[60:])

    assert [first[0], line.answer()[0]] == [201, 201]


@pytest.mark.parametrize("extra", [b"", b"X-Other: 1\r\n"], ids=["plain", "general"])
def test_who_will_say_no_more_gets_an_answer(line, key, extra):
    line.send(post(key, extra=extra))
    line.socket.shutdown(socket.SHUT_WR)

    assert line.answer()[0] == 201
    assert line.is_closed()


def test_two_lengths_are_not_taken_for_one(line, key):
    body = b"Content-Length: 5\r\n"
    line.send(post(key, extra=body))

    assert line.answer()[0] == 400
    assert line.is_closed()


class Quick(Connection):
    idle_s = 0.2

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.timeout_keep_alive = self.idle_s


async def answer_ok(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
    await send({"type": "http.response.body", "body": b"ok"})


class SlowPosts:
    """Takes every plain post and answers it a little later."""

    def take(self, _head, _body, answer):
        asyncio.get_running_loop().call_later(0.02, answer, Reading(1, 1, 1, 1, 1, 1, 50, 1))
        return True


async def answer_much(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1000):
        await send({"type": "http.response.body", "body": bytes(2**16), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


answer_ok.plain_posts = answer_much.plain_posts = SlowPosts()
answer_ok.crowds = answer_much.crowds = Crowds(0)
LENGTH = [(b"content-length", b"2")]


@asynccontextmanager
async def impatient(application, connection=None, ws="none"):
    """Serve with connections that wait 0.2 s for the next request; yield a client's end of one."""
    config = uvicorn.Config(
        application,
        http=connection or Quick,
        ws=ws,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server._serve([listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        async with asyncio.timeout(PATIENCE_S):
            yield reader, writer
        writer.close()
        server.should_exit = True
        await serving


async def closed_after(first, second=b""):
    """Return what is answered before the server hangs up."""
    async with impatient(answer_ok) as (reader, writer):
        writer.write(first)
        if second:
            await reader.readuntil(b"ok")
            writer.write(second)
        return await reader.read()


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(b"", b"", id="never said anything"),
        pytest.param(b"GET / HT", b"", id="stopped in a head"),
        pytest.param(post("key")[:-1], b"", id="stopped in a plain post"),
        pytest.param(GET, b"GET /", id="stopped in a later request"),
    ],
)
def test_a_connection_without_requests_is_closed(first, second):
    assert asyncio.run(closed_after(first, second)) == b""


def test_plain_posts_keep_a_connection_open_that_began_with_another_request():
    async def post_again_and_again():
        async with impatient(answer_ok) as (reader, writer):
            writer.write(GET)
            await reader.readuntil(b"ok")
            answers = []
            for _ in range(30):
                writer.write(post("key"))
                answers.append(await reader.readuntil(b"}"))
            return answers

    assert len(asyncio.run(post_again_and_again())) == 30


def test_who_never_reads_an_answer_does_not_keep_the_connection():
    async def ask_and_look_away():
        async with impatient(answer_much, Noticed) as (reader, writer):
            writer.write(GET)
            await reader.readuntil(b"200 OK")
            writer.transport.pause_reading()
            await gone.wait()

    gone = asyncio.Event()

    class Noticed(Quick):
        def connection_lost(self, exc):
            gone.set()
            super().connection_lost(exc)

    asyncio.run(ask_and_look_away())


class Everybody(Crowds):
    """Counts this machine's connections too."""

    def group(self, client):
        return client[0]


async def answer_in_any_way(scope, receive, send):
    if scope["type"] == "http":
        await answer_ok(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    await receive()


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize(
    ("first", "answer"),
    [(b"", b""), (GET, b"ok"), (UPGRADE, b"\r\n\r\n")],
    ids=["idle", "page", "ws"],
)
def test_an_address_holds_so_many_connections_and_no_more(first, answer):
    async def come_and_go():
        async with impatient(answer_in_any_way, Connection, Socket) as (reader, writer):
            host, port = writer.get_extra_info("peername")
            writer.write(first)
            if answer:
                await reader.readuntil(answer)
            else:
                await until(lambda: crowds.has("127.0.0.1"))
            second, other = await asyncio.open_connection(host, port)
            refusal = await second.read()
            other.close()
            writer.close()
            await until(lambda: not crowds.has("127.0.0.1"))
            third, later = await asyncio.open_connection(host, port)
            later.write(GET)
            accepted = await third.readuntil(b"ok")
            later.close()
            await until(lambda: not crowds.has("127.0.0.1"))
            return refusal, accepted

    async def until(is_so):
        for _ in range(int(PATIENCE_S / 0.01)):
            if is_so():
                return
            await asyncio.sleep(0.01)

    crowds = answer_in_any_way.crowds = Everybody(1)
    answer_in_any_way.plain_posts = SlowPosts()
    refusal, accepted = asyncio.run(come_and_go())

    assert refusal.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 60\r\n" in refusal
    assert b"200 OK" in accepted

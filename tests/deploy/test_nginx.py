"""Two servers behind a real nginx with the shipped configuration."""

import json
import os
import signal
import socket
import ssl
import threading
from contextlib import ExitStack, closing

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from deploy.fronting import BINARY, Browser, Nginx
from deploy.serving import Serve, posting, stored_ms, wait_until
from running import READING, Site, free_port
from wattkeep.ingest.plain_posts import read_head

pytestmark = pytest.mark.skipif(BINARY is None, reason="no nginx here: apt-get install nginx-light")
SETTINGS = {
    "WATTKEEP_DEVICE_RATE_PER_S": "0",
    "WATTKEEP_BEHIND_TLS": "1",
    "WATTKEEP_TICKER": "0",
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Return nginx, the two servers behind it, a device and its key."""
    folder = tmp_path_factory.mktemp("fleet")
    port = free_port()
    (folder / "nginx").mkdir()
    trusted = {"WATTKEEP_TRUSTED_ORIGINS": f"https://localhost:{port}"}
    with ExitStack() as stack:
        first = Serve(folder / "data", workers=1, log=folder / "1.log", **SETTINGS, **trusted)
        stack.enter_context(first)
        second = Serve(folder / "data", workers=1, log=folder / "2.log", **SETTINGS, **trusted)
        stack.enter_context(second)
        first.add_user("ada")
        device, key = first.add_device("House")
        servers = [f"127.0.0.1:{one.port}" for one in (first, second)]
        nginx = stack.enter_context(Nginx(folder / "nginx", servers, tls_port=port))
        yield nginx, (first, second), device, key


@pytest.fixture
def browser(fleet):
    made = Browser(fleet[0])
    yield made
    made.close()


def heads_of(nginx_folder, requests):
    """Return the heads that a server behind nginx gets of requests."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(60)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        heads = []

        def answer():
            for _ in requests:
                with listener.accept()[0] as taken:
                    data = b""
                    while b"\r\n\r\n" not in data:
                        data += taken.recv(65536)
                    heads.append(data.partition(b"\r\n\r\n")[0])
                    taken.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with Nginx(nginx_folder, [address, address]) as nginx:
            for ask in requests:
                ask(nginx)
        thread.join(60)
    return heads


def test_configuration_is_good_without_a_warning(fleet):
    nginx = fleet[0]

    status, said = nginx.check()

    assert status == 0
    assert [line for line in said.splitlines() if "[" in line and "successful" not in line] == []


def test_head_of_a_post_stays_a_plain_one_and_clients_cannot_say_who_they_are(tmp_path):
    spoofed = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}

    post, page = heads_of(
        tmp_path,
        [
            lambda nginx: Site(f"http://127.0.0.1:{nginx.port}").post("a" * 40, READING),
            lambda nginx: Browser(nginx).request("GET", "/energy/", headers=spoofed),
        ],
    )

    assert read_head(post) is not None, post
    lines = page.lower().split(b"\r\n")
    assert [line for line in lines if line.startswith(b"x-forwarded")] == [
        b"x-forwarded-for: 127.0.0.1",
        b"x-forwarded-proto: https",
    ]
    assert any(line.startswith(b"x-request-id: ") for line in lines)
    assert not any(line.startswith((b"connection: upgrade", b"upgrade:")) for line in lines)


def test_posts_and_pages_come_through(fleet, browser):
    nginx, _, device, key = fleet
    plain = Site(f"http://127.0.0.1:{nginx.port}")

    assert plain.post(key, READING).status == 201
    assert browser.post(key, READING).status == 201
    moved = plain.get("/energy/?day=2026-11-23")
    assert (moved.status, moved.headers["Location"]) == (
        308, "https://127.0.0.1/energy/?day=2026-11-23"
    )  # fmt: skip
    assert browser.log_in("ada").status == 302
    page = browser.get(f"/devices/{device}/")
    assert (page.status, page.headers["strict-transport-security"]) == (200, "max-age=31536000")
    assert browser.get(f"/api/realtime/{device}/").body["power"] == READING["power"]
    plain.close()


def test_what_is_not_for_strangers_does_not_come_through(fleet, browser):
    assert {browser.get(path).status for path in ("/metrics", "/readyz")} == {404}
    plain = Site(f"http://127.0.0.1:{fleet[0].port}")
    assert {plain.get(path).status for path in ("/metrics", "/readyz")} == {308}
    plain.close()


def test_too_large_a_body_is_refused_at_the_door(fleet, browser):
    answer = browser.request("POST", "/api/energy-data/", bytes(2 * 1024 * 1024 + 1))

    assert (answer.status, answer.headers["Server"]) == (413, "nginx")


def test_files_are_kept_and_compressed(fleet, browser):
    page = browser.get("/login/").body.decode()
    style = page.partition('href="/static/')[2].partition('"')[0]

    first, second = (
        browser.request("GET", f"/static/{style}", headers={"Accept-Encoding": "br"})
        for _ in range(2)
    )

    assert (first.headers["content-encoding"], first.status) == ("br", 200)
    assert second.headers["cache-control"] == first.headers["cache-control"]
    zipped = browser.request("GET", "/login/", headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"


def open_sockets(server):
    lines = server.get("/metrics").body.decode().splitlines()
    return sum(float(x.split()[1]) for x in lines if x.startswith("wattkeep_open_sockets"))


def watch(browser, device):
    context = ssl.create_default_context(cafile=browser.certificate)
    address = browser.url.replace("https", "wss")
    return connect(
        f"{address}/ws/live/?device={device}",
        ssl=context,
        origin=browser.url,
        additional_headers={"Cookie": browser.cookie},
    )


def receive_until(page, is_it):
    """Return the first message that is it."""
    while True:
        message = json.loads(page.recv(timeout=60))
        if is_it(message):
            return message


def test_readings_reach_pages_that_are_connected_to_the_other_server(fleet, browser):
    _, (first, second), device, key = fleet
    browser.log_in("ada")
    with ExitStack() as stack:
        pages = [stack.enter_context(watch(browser, device)) for _ in range(4)]
        wait_until(lambda: open_sockets(first) + open_sockets(second) == 4)
        assert open_sockets(first) > 0
        assert open_sockets(second) > 0

        for server, power in ((first, 1234.5), (second, 2345.5)):
            assert server.post(key, {**READING, "power": power}).status == 201
            told = [receive_until(page, lambda m: m.get("power") == power) for page in pages]  # noqa: B023
            assert {message["device"] for message in told} == {device}


def test_a_page_is_told_to_come_back_when_its_worker_is_replaced(fleet, browser):
    _, (first, second), device, _ = fleet
    browser.log_in("ada")
    with ExitStack() as stack:
        pages = [stack.enter_context(watch(browser, device)) for _ in range(2)]
        for server in (first, second):
            server.close()
            os.kill(server.process.process.pid, signal.SIGHUP)

        for page in pages:
            with pytest.raises(ConnectionClosed) as closed:
                receive_until(page, lambda _: False)
            assert closed.value.rcvd.code == 1012
        with watch(browser, device) as page:
            assert receive_until(page, lambda m: m["type"] == "status")["device"] == device


def test_servers_are_restarted_one_after_the_other_and_no_post_is_lost_or_refused(fleet):
    nginx, servers, _, key = fleet
    before = set(stored_ms(servers[0].data_dir))
    for server in servers:
        server.close()

    with posting(nginx.port, key) as senders:
        for server in servers:
            server.replace_workers()
        for server in servers:
            server.restart()
            senders.wait_for(50)

    assert senders.failures == [], nginx.errors()
    stored = set(stored_ms(servers[0].data_dir)) - before
    assert sorted(stored) == sorted(senders.acknowledged)


def test_guessing_passwords_is_slowed_down(fleet):
    """Last of all: this address is out of attempts then."""
    # Without a form's token no password is looked at, so that guessing is as quick as it can be.
    guesser = Browser(fleet[0])
    statuses = [guesser.request("POST", "/login/", b"").status for _ in range(60)]

    assert set(statuses) == {403, 429}
    assert guesser.get("/login/").status == 200
    guesser.close()

"""What a real server answers to strangers' names, slow crowds, proxies and probes."""

import http.client
import json
import re
import socket
from contextlib import ExitStack

import pytest

from running import PASSWORD, READING, Running, Site


def ask(server, path="/login/", method="GET", body=None, **headers):
    """Ask with headers as they are given; return the status, the headers and the body."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        line.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            line.putheader(name.replace("_", "-"), value)
        if body is not None:
            line.putheader("Content-Length", str(len(body)))
        line.endheaders(body)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        line.close()


def test_a_strangers_name_that_points_here_gets_nothing(server):
    status, _, body = ask(server, Host="evil.example:8000")

    assert status == 400
    assert body.decode().startswith("Wattkeep does not answer to the name 'evil.example'.")
    assert ask(server, Host="wattkeep.local")[0] == 200
    assert ask(server, Host="192.168.77.5:8000")[0] == 200


def test_boards_post_and_probes_ask_under_any_name(server):
    _, key = server.add_device("Any name")
    body = json.dumps(READING).encode()
    sent = {"X_API_Key": key, "Content_Type": "application/json", "Host": "energy.example.org"}

    assert ask(server, "/api/energy-data/", "POST", body, **sent)[0] == 201
    assert ask(server, "/healthz", Host="10.0.0.9:8000")[0] == 200


def test_pages_carry_every_header(server):
    _, headers, _ = ask(server)

    assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert "camera=()" in headers["Permissions-Policy"]
    assert {
        name: headers[name]
        for name in (
            "X-Frame-Options",
            "X-Content-Type-Options",
            "Referrer-Policy",
            "Cross-Origin-Opener-Policy",
            "Cross-Origin-Resource-Policy",
        )
    } == {
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    assert "Strict-Transport-Security" not in headers
    assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"])


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """Return a server behind a proxy with TLS, which is this machine."""
    settings = {"WATTKEEP_BEHIND_TLS": "1", "WATTKEEP_PUBLIC_URL": "https://energy.example.org"}
    with Running(tmp_path_factory.mktemp("proxied"), **settings) as running:
        running.add_user("ada")
        yield running


def test_behind_tls_cookies_and_browsers_stay_with_it(proxied):
    said = {"Host": "energy.example.org", "X_Forwarded_Proto": "https"}

    status, headers, _ = ask(proxied, **said)

    assert status == 200
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "; Secure" in headers["Set-Cookie"]


def test_without_a_word_of_the_proxy_it_is_no_tls(proxied):
    assert "Strict-Transport-Security" not in ask(proxied, Host="energy.example.org")[1]


def test_a_form_of_another_site_is_refused(server):
    site = Site(server.url)
    site.log_in("ada", PASSWORD)

    answer = site.request(
        "POST", "/logout/", "", {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    )

    assert answer.status == 403


def test_only_named_sites_scripts_may_call_the_api(server):
    def allowed(origin):
        headers = ask(server, "/api/v1/devices/", Origin=origin)[1]
        return headers.get("access-control-allow-origin")

    assert allowed("http://localhost:8000") == "http://localhost:8000"
    assert allowed("http://evil.example") is None
    assert allowed("null") is None


def test_a_crowd_of_slow_senders_keeps_no_page_from_others(server):
    half = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\na"
    with ExitStack() as stack:
        slow = []
        for _ in range(600):
            slow.append(stack.enter_context(socket.create_connection(("127.0.0.1", server.port))))
            slow[-1].sendall(half)

        assert ask(server)[0] == 200
        # Of one address so many may be under way; the others are told at once.
        slow[-1].settimeout(60)
        assert slow[-1].recv(12) == b"HTTP/1.1 429"


def test_a_probe_learns_what_works(server):
    status, _, body = ask(server, "/readyz", Host="10.0.0.9")

    assert status == 200
    assert json.loads(body) == {
        "status": "ok",
        "checks": {"database": "ok", "writer": "ok", "disk": "ok"},
    }


def test_a_probe_is_told_of_a_full_disk(tmp_path):
    with Running(tmp_path / "data", WATTKEEP_DISK_RESERVE_MB="1e9") as running:
        status, _, body = ask(running, "/readyz")
        alive = ask(running, "/healthz")[0]

    assert (status, alive) == (503, 200)
    assert json.loads(body) == {
        "status": "unavailable",
        "checks": {"database": "ok", "writer": "ok", "disk": "failing"},
    }

"""The log: what it looks like, and that no secret ever stands in it."""

import asyncio
import json
import logging
import sqlite3
import sys
from urllib.parse import urlencode

import pytest
import websockets

from running import PASSWORD, READING, Running, Site
from wattkeep.domain.keys import new_key
from wattkeep.logs import HIDDEN, JsonFormatter, TextFormatter, request_id, without_secrets

WRONG = "wrong-but-somebodys-7"
MAIL = "tulip-harbour-31"
BOT = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
LINK = "ImFja25vd2xlZGdlIg:1vNabc:Zk3vQ9x7hTfLw2RbYc8NmJp5sGdXaE4uKoViW6tBqC1"
BEARER = "wkp_Zk3vQ9x7hTfLw2RbYc8NmJp5sGdXaE4u"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("X-API-Key: abcdefgh_secret", f"X-API-Key: {HIDDEN}"),
        ("[(b'x-api-key', b'whatever')]", f"[(b'x-api-key', b'{HIDDEN}')]"),
        ('{"password": "tulip"}', f'{{"password": "{HIDDEN}"}}'),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("Cookie: sessionid=abc; theme=dark", f"Cookie: {HIDDEN}; theme=dark"),
        ("postgres://ada:tulip@db/wattkeep", f"postgres://{HIDDEN}@db/wattkeep"),
        ("abcdefgh_" + "k" * 39, f"abcdefgh_{HIDDEN}"),
        (f"POST /bot{BOT}/sendMessage", f"POST /bot{HIDDEN}/sendMessage"),
        (f"Internal Server Error: /l/{LINK}/", f"Internal Server Error: /l/{HIDDEN}/"),
        ("device 7: the ledger waits", "device 7: the ledger waits"),
        ("/devices/12/corrections/ took 0.25 s", "/devices/12/corrections/ took 0.25 s"),
        ("File wattkeep/history/consumption.py, line 12", None),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text, shown):
    found = without_secrets(text)

    assert found == (text if shown is None else shown) or (
        shown and HIDDEN in shown and HIDDEN in found and LINK[-20:] not in found
    )


def record(message, *args, error=None):
    info = None
    if error is not None:
        try:
            raise error
        except type(error):
            info = sys.exc_info()
    return logging.LogRecord("wattkeep.test", logging.ERROR, "f.py", 1, message, args, info)


def test_a_line_of_json_has_the_request_it_belongs_to():
    mark = request_id.set("0123456789abcdef")
    try:
        line = JsonFormatter().format(record("it is %s\nor not", "so", error=OSError("no room")))
    finally:
        request_id.reset(mark)

    row = json.loads(line)
    assert "\n" not in line
    assert row["exception"].endswith("OSError: no room")
    assert (
        row.items()
        >= {
            "level": "ERROR",
            "logger": "wattkeep.test",
            "message": "it is so\nor not",
            "request_id": "0123456789abcdef",
        }.items()
    )


def test_a_line_of_text_has_it_too():
    mark = request_id.set("0123456789abcdef")
    try:
        line = TextFormatter().format(record("it is so", error=OSError("no room")))
    finally:
        request_id.reset(mark)

    assert line.splitlines()[0].endswith("ERROR wattkeep.test: it is so [0123456789abcdef]")
    assert line.endswith("OSError: no room")


async def listen(site, device, cookie):
    url = site.url.replace("http", "ws") + f"/ws/live/?device={device}"
    headers = {"Cookie": f"sessionid={cookie}"}
    async with websockets.connect(url, additional_headers=headers) as line:
        await asyncio.wait_for(line.recv(), 60)


def act(site, device, key, unknown):
    """Do everything that is done with secrets, well and badly; return the log-in's cookies."""
    for one in (key, unknown, f"{key}x"):
        site.post(one, READING)
        site.post(one, {"voltage": "x"})
    signed = {"X-Device": key[:8], "X-Signature": "sha256=" + "ab" * 32}
    json_ = {"Content-Type": "application/json"}
    site.request("POST", "/api/energy-data/", "{}", {**json_, **signed})
    site.request("POST", "/api/board/sync/", "{}", {**json_, "X-API-Key": key})
    site.log_in("ada", WRONG)
    site.log_in("nobody-of-that-name", WRONG)
    site.log_in("ada")
    cookies = dict(site._cookies)
    for address in (
        f"mailtos://bot:{MAIL}@127.0.0.1:9?to=ada@example.org",
        f"tgram://{BOT}/12345",
        f"nonsense://{MAIL}",
    ):
        body = json.dumps({"name": "Channel", "url": address})
        made = site.request("POST", "/api/v1/channels/", body, json_)
        if made.status == 201:
            site.request("POST", f"/api/v1/channels/{made.body['id']}/test/", "{}", json_)
    site.get(f"/l/{LINK}/")
    site.get(f"/devices/?token={LINK}&password={MAIL}")
    bearer = {"Authorization": f"Bearer {BEARER}"}
    site.request("GET", "/api/v1/devices/", headers=bearer)
    form = urlencode({"username": "eve", "password1": WRONG, "password2": WRONG, "code": "1-2-3"})
    site.request("POST", "/register/", form, {"Content-Type": "application/x-www-form-urlencoded"})
    asyncio.run(listen(site, device, cookies["sessionid"]))
    return cookies


def crash(server, site, key):
    """Make pages fail in our own code, with secrets in what was asked."""
    with sqlite3.connect(server.data_dir / "wattkeep.sqlite3") as db:
        db.execute("UPDATE monitoring_site SET time_zone = 'Nowhere/Land'")
    answers = [site.get(f"/?token={LINK}"), site.get("/api/v1/overview/")]
    headers = {"X-API-Key": key, "Authorization": f"Bearer {BEARER}"}
    answers += [site.request("GET", f"/energy/?password={MAIL}", headers=headers)]
    return answers


@pytest.mark.parametrize("format_", ["json", "text"])
def test_no_secret_is_ever_logged(tmp_path, format_):
    settings = {
        "WATTKEEP_LOG_LEVEL": "DEBUG",
        "WATTKEEP_LOG_FORMAT": format_,
        "WATTKEEP_SECRET_KEY": "Zk3-vQ9x_7hTfLw2RbYc8NmJp5sGdXaE4uKoViW6tBqC1zHy",
        "WATTKEEP_BACKUP_PASSPHRASE": "lantern orbit",
    }
    unknown = new_key()
    with Running(tmp_path / "data", **settings) as server:
        server.add_user("ada")
        device, key = server.add_device("House")
        site = Site(server.url)
        cookies = act(site, device, key, unknown)
        failed = [one for one in crash(server, site, key) if one.status == 500]
    log = (tmp_path / "data.log").read_text()

    secrets = [
        key.partition("_")[2],
        unknown.partition("_")[2],
        PASSWORD,
        WRONG,
        MAIL,
        BOT.partition(":")[2],
        LINK.rpartition(":")[2],
        BEARER.partition("_")[2],
        "ab" * 32,
        *cookies.values(),
        settings["WATTKEEP_SECRET_KEY"],
        settings["WATTKEEP_BACKUP_PASSPHRASE"],
    ]
    assert [secret for secret in secrets if secret in log] == []
    assert failed
    for answer in failed:
        # Whoever met the fault can say by which number it is found.
        assert answer.headers["x-request-id"] in log
        assert answer.headers["x-request-id"] in str(answer.body)
    if format_ == "json":
        assert all(json.loads(line)["level"] for line in log.splitlines())

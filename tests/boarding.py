"""A board's side of asking for news, and releases to give it."""

import hmac
import itertools
import json

from wattkeep.domain.firmware import Release
from wattkeep.domain.keys import key_prefix, signing_key

SYNC = "/api/board/sync/"
FILE = "/api/board/file/"
_nonces = itertools.count(1)


def report(**changed):
    """Return what a board says when it asks for news, with a nonce of its own."""
    return {
        "boot": "9f3c21aa",
        "nonce": f"{next(_nonces):016x}",
        "config_version": 1,
        "firmware": "1.0.0",
        "slot": "a",
        "health": {
            "uptime_s": 86412,
            "rssi_dbm": -67,
            "free_heap": 18320,
            "bad_polls": 12,
            "backlog": 3,
            "resets": 2,
            "reset_cause": 1,
        },
        "done": [],
        **changed,
    }


def release(version, **files):
    return Release(version, {f"{name}.mpy": text.encode() for name, text in files.items()})


def sign(key, content):
    return "sha256=" + hmac.digest(signing_key(key), content, "sha256").hex()


def ask(client, key, address, body, **headers):
    """Send a signed request as a board does."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"X-Device": key_prefix(key), "X-Signature": sign(key, raw), **headers}
    return client.generic("POST", address, raw, content_type="application/json", headers=headers)


def sync(client, key, **changed):
    """Ask for news and return them, once their signature is checked."""
    body = report(**changed)
    answer = ask(client, key, SYNC, body)
    assert answer.status_code == 200, answer.content
    assert answer["X-Signature"] == sign(key, answer.content)
    assert int(answer["Content-Length"]) == len(answer.content) <= 1024
    told = answer.json()
    assert told.pop("nonce") == body["nonce"]
    return told

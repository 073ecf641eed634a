"""The protocol's examples, sent to a real server: it answers what stands there."""

import hmac
import json
import re

import pytest

from docs.pages import examples, json_example, pages
from wattkeep.domain.keys import is_signature, key_prefix, signing_key

PAGE = "docs/protocol.md"
# Of the moment, whatever it is.
MOMENT = {"reading_id", "server_time_ms"}


def post(server, key, name):
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    body = json_example(PAGE, name)
    return server.request("POST", "/api/energy-data/", body, headers)


@pytest.mark.parametrize("name", ["reading", "envelope"])
def test_example_is_answered_as_written(server, name):
    key = server.add_device(f"Protocol {name}")[1]
    written = json.loads(json_example(PAGE, f"{name}-answer"))

    answer = post(server, key, name)

    assert answer.status == 201
    assert list(answer.body) == list(written)
    assert {n: v for n, v in answer.body.items() if n not in MOMENT} == {
        n: v for n, v in written.items() if n not in MOMENT
    }
    assert all(type(answer.body[n]) is int for n in MOMENT & written.keys())


def test_array_is_answered_as_written_and_again_with_a_duplicate(server):
    key = server.add_device("Protocol array")[1]
    written = json.loads(json_example(PAGE, "array-answer"))

    first, again = (post(server, key, "array") for _ in range(2))

    assert (first.status, first.body) == (201, written)
    assert (again.status, again.body) == (201, {**written, "accepted": 0, "duplicates": 1})


def test_flag_4_on_the_first_row_settles_what_is_below(server):
    key = server.add_device("Protocol backlog")[1]
    envelope = json.loads(json_example(PAGE, "envelope"))
    row = envelope["readings"][0]
    envelope["readings"] = [[7, 20_120, *row[2:9], 4], [8, 10_120, *row[2:9], 4]]

    assert server.post(key, envelope).body["ack"] == 8

    # The same numbers without the flag: whatever is below may still come.
    envelope["boot"] = "9f3c21ab"
    envelope["readings"] = [[*one[:9], 0] for one in envelope["readings"]]
    assert server.post(key, envelope).body["ack"] == 0


@pytest.fixture(scope="module")
def worked():
    """Return the cells of the worked example of a signature."""
    rows = re.findall(r"^\| (.+?) \| `(.+)` \|$", examples(PAGE)["signature"], re.MULTILINE)
    return {name.strip("`"): value for name, value in rows}


def test_worked_signature_is_right(worked):
    secret = bytes.fromhex(worked["signing key"])
    body = worked["body"].encode()

    assert signing_key(worked["API key"]) == secret
    assert is_signature(worked["X-Signature"], body, secret)


def test_worked_signature_follows_the_words(worked):
    secret = hmac.digest(worked["API key"].encode(), b"wattkeep-sign", "sha256")
    signature = hmac.digest(secret, worked["body"].encode(), "sha256")

    assert worked["signing key"] == secret.hex()
    assert worked["X-Signature"] == f"sha256={signature.hex()}"
    assert json.loads(worked["body"])["boot"]


def test_worked_signature_names_its_device(worked):
    assert f"    X-Device: {key_prefix(worked['API key'])}\n" in pages()[PAGE]


@pytest.fixture(scope="module")
def board(server):
    """Return a new device's key."""
    return server.add_device("Protocol board")[1]


def ask(server, key, address, name):
    body = json_example(PAGE, name).strip().encode()
    secret = signing_key(key)
    headers = {
        "X-Device": key_prefix(key),
        "X-Signature": "sha256=" + hmac.digest(secret, body, "sha256").hex(),
        "Content-Type": "application/json",
    }
    return server.request("POST", address, body, headers)


def test_boards_example_is_answered_as_written(server, board):
    answer = ask(server, board, "/api/board/sync/", "sync")
    again = ask(server, board, "/api/board/sync/", "sync")

    assert (answer.status, answer.body) == (200, json.loads(json_example(PAGE, "sync-answer")))
    assert "x-signature" in {name.lower() for name in answer.headers}
    assert (again.status, list(again.body)) == (400, ["error"])


def test_file_that_is_not_offered_is_not_there(server, board):
    answer = ask(server, board, "/api/board/file/", "file")

    assert (answer.status, list(answer.body)) == (404, ["error"])

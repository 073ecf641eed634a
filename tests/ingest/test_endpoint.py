"""The endpoint over HTTP: who may post, what is refused before it is read, what is answered."""

import hmac
import json
import socket
import sqlite3
import time

import pytest

from running import READING, Running, run
from wattkeep.ingest.endpoint import MOST_BYTES

ROW = [2305, 2345, 5406, 12456, 500, 98, 90, 0]
PATH = "/api/energy-data/"


def envelope(*seqs, boot="9f3c21aa"):
    return json.dumps({"boot": boot, "readings": [[seq, 0, *ROW] for seq in seqs]})


def signed(key, body, *, secret=None):
    signing_key = hmac.digest((secret or key).encode(), b"wattkeep-sign", "sha256")
    return {
        "Content-Type": "application/json",
        "X-Device": key.split("_")[0],
        "X-Signature": "sha256=" + hmac.digest(signing_key, body.encode(), "sha256").hex(),
    }


def send(server, body, headers):
    return server.request("POST", PATH, body, headers)


def change(server, device_id, code):
    """Change a device in another process, as the admin page or a command would."""
    done = run(
        "manage",
        "--data-dir",
        server.data_dir,
        "shell",
        "-c",
        "from wattkeep.monitoring.models import Device\n"
        f"device = Device.objects.get(pk={device_id})\n{code}",
    )
    assert done.returncode == 0, done.stderr


def eventually(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stored(server, device_id):
    with sqlite3.connect(server.data_dir / "wattkeep.sqlite3") as db:
        return db.execute(
            "SELECT count(*) FROM monitoring_energyreading WHERE device_id=?", [device_id]
        ).fetchone()[0]


@pytest.fixture(scope="module")
def device(server):
    return server.add_device("Endpoint")


def test_an_envelope_is_acknowledged_and_its_repeat_changes_nothing(server, device):
    device_id, key = device
    headers = {"Content-Type": "application/json", "X-API-Key": key}

    first = send(server, envelope(1, 2, 4), headers)
    again = send(server, envelope(1, 2, 4), headers)

    assert first.status == again.status == 201
    assert {name: first.body[name] for name in ("status", "message", "ack", "accepted")} == {
        "status": "success",
        "message": "Data received successfully",
        "ack": 2,
        "accepted": 3,
    }
    assert first.body["duplicates"] == 0
    assert first.body["rejected"] == []
    assert first.body["config_version"] == 1
    assert abs(first.body["server_time_ms"] / 1000 - time.time()) < 60
    assert (again.body["ack"], again.body["accepted"], again.body["duplicates"]) == (2, 0, 3)
    assert stored(server, device_id) == 3


def test_a_signed_envelope_counts_as_a_keyed_one(server):
    device_id, key = server.add_device("Signed")
    body = envelope(1, 2)

    first = send(server, body, signed(key, body))
    replayed = send(server, body, signed(key, body))

    assert (first.status, first.body["accepted"], first.body["ack"]) == (201, 2, 2)
    assert (replayed.status, replayed.body["accepted"]) == (201, 0)
    assert stored(server, device_id) == 2


def test_wrong_signatures_open_nothing_and_tell_nothing(server, device):
    device_id, key = device
    before = stored(server, device_id)
    body = envelope(100)
    good = signed(key, body)
    attempts = [
        signed(key, body, secret="another"),
        {**good, "X-Signature": "sha256="},
        {**good, "X-Signature": "é"},
        {**good, "X-Signature": good["X-Signature"][7:]},
        {**good, "X-Device": "nobody"},
        {**good, "X-Device": ""},
    ]

    answers = {
        (answer.status, answer.body["error"])
        for answer in (send(server, body, headers) for headers in attempts)
    }
    tampered = send(server, envelope(101), good)

    assert answers == {(401, "Invalid signature")}
    assert tampered.status == 401
    assert stored(server, device_id) == before


def test_a_signed_body_must_be_numbered(server, device):
    body = json.dumps(READING)

    answer = send(server, body, signed(device[1], body))

    assert (answer.status, list(answer.body)) == (400, ["error"])


def test_a_device_may_take_signed_bodies_only(server):
    device_id, key = server.add_device("Shy")
    assert server.post(key, READING).status == 201
    change(server, device_id, "device.signed_only = True; device.save()")

    eventually(lambda: server.post(key, READING).status == 401)
    body = envelope(1)

    assert send(server, body, signed(key, body)).status == 201


def test_a_changed_key_and_an_inactive_device_are_refused_at_once(server):
    device_id, key = server.add_device("Changing")
    assert server.post(key, READING).status == 201
    change(
        server,
        device_id,
        "from wattkeep.monitoring.devices import replace_key; print(replace_key(device))",
    )
    eventually(lambda: server.post(key, READING).status == 401)

    change(server, device_id, "device.is_active = False; device.save()")
    _, other = server.add_device("Other")

    assert server.post(other, READING).status == 201


def test_the_key_is_asked_for_before_the_body_is_read(server):
    """A stranger's two megabytes are not waited for."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(
            b"POST /api/energy-data/ HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
        )
        assert line.recv(100).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("length", [MOST_BYTES, MOST_BYTES + 1])
def test_the_limit_of_a_body_is_exact(server, device, length):
    body = json.dumps({**READING, "x": ""})
    body = body.replace('""', '"' + "a" * (length - len(body)) + '"')

    answer = server.request(
        "POST", PATH, body, {"Content-Type": "application/json", "X-API-Key": device[1]}
    )

    assert answer.status == (201 if length <= MOST_BYTES else 413)


def test_a_body_in_chunks_is_put_together_and_limited(server, device):
    headers = (
        b"POST /api/energy-data/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        b"X-API-Key: " + device[1].encode() + b"\r\n\r\n"
    )
    good = json.dumps(READING).encode()

    def post(chunks):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(headers)
            try:
                for chunk in chunks:
                    line.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                line.sendall(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
            return line.recv(12)

    assert post([good[:20], good[20:]]) == b"HTTP/1.1 201"
    assert post([b" " * 100_000] * 25) == b"HTTP/1.1 413"


def test_media_types_with_parameters_are_json_too(server, device):
    for kind, status in [
        ("application/json; charset=utf-8", 201),
        ("Application/JSON", 201),
        ("text/plain", 415),
        ("application/jsonp", 415),
    ]:
        headers = {"Content-Type": kind, "X-API-Key": device[1]}
        assert send(server, json.dumps(READING), headers).status == status, kind


def test_a_refused_post_is_heard_all_the_same(server):
    """Its page says that the meter is silent, not that the board is gone."""
    device_id, key = server.add_device("Mute")

    assert server.post(key, dict.fromkeys(READING)).status == 400

    def status():
        rows = json.loads(server.run("device", "list", "--json"))
        return next(row["status"] for row in rows if row["id"] == device_id)

    eventually(lambda: status() == "silent")


def test_a_device_that_posts_too_often_is_told_when_to_come_back(tmp_path):
    with Running(
        tmp_path / "data", WATTKEEP_DEVICE_RATE_PER_S="0.5", WATTKEEP_DEVICE_RATE_BURST="3"
    ) as server:
        server.add_user("ada")
        _, key = server.add_device("Eager")
        _, other = server.add_device("Calm")

        answers = [server.post(key, READING) for _ in range(5)]

        assert [answer.status for answer in answers[:4]] == [201, 201, 201, 429]
        assert answers[-1].body == {"error": "Too many requests from this device."}
        headers = {name.lower(): value for name, value in answers[-1].headers.items()}
        assert headers["retry-after"] in {"1", "2"}
        assert server.post(other, READING).status == 201


def test_a_locked_database_is_503_and_stores_nothing(tmp_path):
    with Running(tmp_path / "data") as server:
        server.add_user("ada")
        device_id, key = server.add_device("Patient")
        assert server.post(key, READING).status == 201
        other = sqlite3.connect(server.data_dir / "wattkeep.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        answer = server.post(key, READING)

        assert answer.status == 503
        assert answer.body == {"error": "Readings cannot be stored now; nothing was."}
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert headers["retry-after"] == "5"
        other.execute("ROLLBACK")
        other.close()
        assert stored(server, device_id) == 1
        assert server.post(key, READING).status == 201
        assert stored(server, device_id) == 2

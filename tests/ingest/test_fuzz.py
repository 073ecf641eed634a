"""Bodies and headers nobody would send: never a 5xx, and nothing stored that no meter can measure.

FUZZ_SECONDS=600 makes it a long run; FUZZ_SEED repeats one.
"""

import hmac
import http.client
import json
import math
import os
import random
import sqlite3
import time

import pytest

from running import READING, Running

SECONDS = float(os.environ.get("FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
# 429: wrong keys are guesses, and after some of them one has to wait.
ANSWERS = {201, 400, 401, 405, 413, 415, 429}
ODD = [
    None,
    True,
    False,
    0,
    -0.0,
    -1,
    1,
    0.1,
    45,
    65,
    500,
    500.0000001,
    100,
    1e-320,
    1e308,
    -1e308,
    2**31,
    2**53,
    2**63,
    2**64,
    10**30,
    "",
    "0",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "1e999",
    "0x10",
    " 1 ",
    "1_0",
    "\uff11",
    "\x00",
    "\ud800",
    "x" * 5000,
    "2026-11-23T10:00:00Z",
    "2019-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "2026-13-01",
    [],
    [[]],
    {},
    {"a": {}},
    [1] * 50,
]


def odd(chance):
    return chance.choice(ODD)


def single(chance):
    body = dict(READING)
    if chance.random() < 0.5:
        body["timestamp"] = time.time() - chance.uniform(-70, 1e6)
    for _ in range(chance.choice([0, 1, 1, 2])):
        body[chance.choice([*READING, "timestamp", "age_s", "boot", "readings", "x"])] = odd(chance)
    if chance.random() < 0.1:
        body.pop(chance.choice(list(body)))
    return body


def envelope(chance):
    rows = []
    for _ in range(chance.choice([0, 1, 2, 5])):
        row = [chance.randint(1, 10**6), chance.randint(0, 10**6), 2305, 2345, 5406, 1, 500, 98, 9]
        row.append(chance.choice([0, 1, 2, 4, 7, 255]))
        for _ in range(chance.choice([0, 0, 1, 2])):
            row[chance.randrange(len(row))] = odd(chance)
        if chance.random() < 0.1:
            row = row[: chance.randrange(len(row))]
        rows.append(odd(chance) if chance.random() < 0.05 else row)
    body = {"boot": f"{chance.getrandbits(32):08x}", "readings": rows}
    for name in ("uptime_s", "firmware", "rssi_dbm", "free_heap"):
        body[name] = odd(chance)
    if chance.random() < 0.1:
        body[chance.choice(list(body))] = odd(chance)
    return body


def body_of(chance):
    kind = chance.random()
    if kind < 0.4:
        made = single(chance)
    elif kind < 0.6:
        made = [single(chance) for _ in range(chance.choice([0, 1, 3, 20]))]
    elif kind < 0.9:
        made = envelope(chance)
    else:
        made = odd(chance)
    raw = bytearray(json.dumps(made).encode())
    if chance.random() < 0.25:
        for _ in range(chance.choice([1, 1, 3, 20])):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
    if chance.random() < 0.05:
        raw = raw[: chance.randrange(len(raw) + 1)]
    if chance.random() < 0.01:
        raw = chance.choice([b"[" * 200_000, b'{"a":' * 100_000, bytes(3_000_000)])
    return bytes(raw)


def headers_of(chance, key, body):
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    if chance.random() < 0.2:
        secret = hmac.digest(key.encode(), b"wattkeep-sign", "sha256")
        signature = "sha256=" + hmac.digest(secret, body, "sha256").hex()
        headers = {
            "Content-Type": "application/json",
            "X-Device": key.split("_")[0],
            "X-Signature": signature,
        }
    if chance.random() < 0.1:
        name = chance.choice([*headers, "X-Signature", "X-Device"])
        headers[name] = chance.choice(["", "é" * 50, "a" * 3000, "local:1:x", "sha256="])
    return headers


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    with Running(
        tmp_path_factory.mktemp("fuzz") / "data", WATTKEEP_DEVICE_RATE_PER_S="0"
    ) as server:
        server.add_user("ada")
        yield server, *server.add_device("Fuzzed")


def test_no_body_breaks_it_and_no_nonsense_is_stored(fuzzed):
    server, device_id, key = fuzzed
    chance = random.Random(SEED)
    counts = {}
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    end = time.monotonic() + SECONDS

    while time.monotonic() < end:
        body = body_of(chance)
        headers = headers_of(chance, key, body)
        method = "POST" if chance.random() < 0.98 else chance.choice(["GET", "PUT", "DELETE"])
        try:
            line.request(method, "/api/energy-data/", body, headers)
            answer = line.getresponse()
            content = answer.read()
        except (ConnectionError, http.client.HTTPException):
            # Refused before it was read whole, or not HTTP in the server's eyes.
            line.close()
            counts["closed"] = counts.get("closed", 0) + 1
            continue
        counts[answer.status] = counts.get(answer.status, 0) + 1
        assert answer.status in ANSWERS, (SEED, body[:500], headers, content[:500])
        assert content[:1] == b"{", (SEED, answer.status, content[:500], body[:500], headers)
    line.close()
    print(f"seed {SEED}: {counts}")

    assert counts[201] > 0
    assert counts[400] > 0
    assert server.get("/healthz").status == 200
    with sqlite3.connect(server.data_dir / "wattkeep.sqlite3") as db:
        rows = db.execute("SELECT * FROM monitoring_energyreading").fetchall()
        names = [column[1] for column in db.execute("PRAGMA table_info(monitoring_energyreading)")]
    assert rows
    for row in rows:
        stored = dict(zip(names, row, strict=True))
        assert stored["device_id"] == device_id
        assert 1_577_836_800_000 <= stored["timestamp"] <= (time.time() + 61) * 1000, (SEED, row)
        assert 0 <= stored["voltage"] <= 500, (SEED, row)
        assert 0 <= stored["current"] <= 100, (SEED, row)
        assert 45 <= stored["frequency"] <= 65, (SEED, row)
        assert 0 <= stored["power_factor"] <= 1, (SEED, row)
        assert stored["power"] >= 0, (SEED, row)
        assert stored["energy"] >= 0, (SEED, row)
        assert all(math.isfinite(value) for value in row), (SEED, row)
        assert stored["voltage"] or not (stored["power"] or stored["current"]), (SEED, row)

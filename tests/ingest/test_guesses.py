"""Guessing at device keys: held up by address, while known devices and wrong boards go on."""

import json
from types import SimpleNamespace

import pytest
import urllib3

from running import PATIENCE_S, READING
from wattkeep.ingest.guesses import BURST, MOST_ADDRESSES, RATE_PER_S, Guesses

PATH = "/api/energy-data/"


def make():
    now = SimpleNamespace(s=1000.0)
    return now, Guesses(clock=lambda: now.s)


def test_a_burst_passes_then_one_at_a_time():
    now, guesses = make()
    for _ in range(BURST):
        assert guesses.wait_s("192.0.2.1") == 0
        guesses.count("192.0.2.1")

    assert guesses.wait_s("192.0.2.1") == pytest.approx(1 / RATE_PER_S)
    assert guesses.wait_s("192.0.2.2") == 0
    now.s += 1 / RATE_PER_S
    assert guesses.wait_s("192.0.2.1") == 0


def test_addresses_of_one_network_share_a_bucket():
    _, guesses = make()
    for number in range(BURST):
        guesses.count(f"2001:db8::{number:x}")

    assert guesses.wait_s("2001:db8::ffff") > 0


def test_memory_is_bounded():
    _, guesses = make()
    for number in range(MOST_ADDRESSES + 50):
        guesses.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    assert len(guesses._buckets) == MOST_ADDRESSES


@pytest.fixture
def post(server):
    """Post a reading from an address of the test's own."""
    pool = urllib3.PoolManager(retries=False, timeout=PATIENCE_S, source_address=("127.0.0.47", 0))

    def send(key):
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        return pool.request("POST", server.url + PATH, json.dumps(READING), headers=headers)

    yield send
    pool.clear()


def test_guesses_end_and_the_devices_behind_the_same_router_go_on(server, post):
    _, key = server.add_device("Neighbour")
    assert post(key).status == 201
    wrong = [post("mistyped_key").status for _ in range(2 * BURST)]

    guesses = [post(f"guess{number}_key") for number in range(BURST + 5)]

    assert set(wrong) == {401}
    statuses = [answer.status for answer in guesses]
    assert statuses[: BURST - 1] == [401] * (BURST - 1)
    assert statuses[-1] == 429
    assert int(guesses[-1].headers["Retry-After"]) >= 1
    assert json.loads(guesses[-1].data) == {"error": "Too many wrong keys from this address."}
    assert post("mistyped_key").status == 401
    assert post(key).status == 201
    server.add_device("Another")  # empties every cache
    assert post(key).status == 201
    assert server.post("another_wrong_key", READING).status == 401

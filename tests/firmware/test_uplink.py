"""How the board posts: bodies, answers, what it keeps and what it lets go."""

from __future__ import annotations

import json
import socket

import pytest

from sim.collector import Collector
from sim.on_micropython import needs_micropython, run_script

pytestmark = needs_micropython

UPLINK = """
import time
from uplink import Uplink

now = 1000
up = Uplink({"host": "127.0.0.1", "port": data["port"], "path": b"/api/energy-data/",
             "api_key": "wk_test"}, now)

def window(current_ma):
    up.offer(None if current_ma is None else [2300, current_ma, 5, 12456, 500, 100], now)

def settle(step_ms=1):
    global now
    idle = 0
    while idle < 3:
        up.step(now, True)
        now += step_ms
        time.sleep_ms(1)
        idle = idle + 1 if up._socket is None else 0

def wait(ms):
    global now
    now += ms
"""


@pytest.fixture
def collector():
    collector = Collector().start()
    yield collector
    collector.stop()


def run_uplink(folder, port, steps):
    return run_script(folder, UPLINK + steps + "\nanswer(len(up.ring))", {"port": port})


def currents(posts):
    return [post.body["current"] and round(post.body["current"] * 1000) for post in posts]


def test_bodies_are_exact_to_the_meters_step(tmp_path):
    script = """
from uplink import build_body
answer([build_body(record, age_ms).decode() for record, age_ms in data])
"""
    typical = [2305, 2345, 5406, 12_456, 500, 98, 0, 1]
    extreme = [2800, 110_000, 299_000, 9_999_999, 700, 100, 0, 1]
    small = [600, 7, 4, 3, 400, 5, 0, 1]

    bodies = run_script(
        tmp_path, script, [(typical, 0), (typical, 499), (small, 500), (extreme, 86_400_042)]
    )

    typical_body = (
        '{"voltage":230.5,"current":2.345,"power":540.6,'
        '"energy":12.456,"frequency":50.0,"power_factor":0.98}'
    )
    small_body = (
        '{"voltage":60.0,"current":0.007,"power":0.4,'
        '"energy":0.003,"frequency":40.0,"power_factor":0.05,"age_s":0.500}'
    )
    extreme_body = (
        '{"voltage":280.0,"current":110.000,"power":29900.0,'
        '"energy":9999.999,"frequency":70.0,"power_factor":1.00,"age_s":86400.042}'
    )
    assert bodies == [typical_body, typical_body, small_body, extreme_body]
    assert all(json.loads(body) for body in bodies)


def test_statuses_are_read_and_nonsense_is_none(tmp_path):
    answers = {
        "HTTP/1.1 201 Created\r\n": 201,
        "HTTP/1.0 503 Service": 503,
        "HTTP/1.0 429": 429,
        "HTTP/1.0 42": 0,
        "HTTP/1.0 4x9 Oh": 0,
        "SSH-2.0-OpenSSH_9.2": 0,
        "": 0,
    }
    script = """
from uplink import parse_status
answer([parse_status(bytearray(text.encode()), len(text)) for text in data])
"""

    assert run_script(tmp_path, script, list(answers)) == list(answers.values())


def test_a_post_is_what_the_protocol_asks_for(tmp_path, collector):
    waiting = run_uplink(tmp_path, collector.port, "window(2345); settle()")

    (post,) = collector.posts
    assert waiting == 0
    assert post.path == "/api/energy-data/"
    assert post.headers["X-API-Key"] == "wk_test"
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["Host"] == f"127.0.0.1:{collector.port}"
    assert post.body == {
        "voltage": 230.0,
        "current": 2.345,
        "power": 0.5,
        "energy": 12.456,
        "frequency": 50.0,
        "power_factor": 1.0,
    }


@pytest.mark.parametrize(
    ("status", "waiting"),
    [
        (200, 0),
        (201, 0),
        (400, 0),
        (401, 0),
        (404, 0),
        (413, 0),
        (408, 1),
        (429, 1),
        (500, 1),
        (503, 1),
        (302, 1),
    ],
)
def test_what_an_answer_does_to_a_window(tmp_path, collector, status, waiting):
    collector.choose = lambda _: status

    assert run_uplink(tmp_path, collector.port, "window(1); settle()") == waiting
    assert currents(collector.posts) == [1]


def test_a_live_window_comes_first_then_four_of_the_oldest(tmp_path, collector):
    steps = """
for current in range(1, 11):
    window(current)
for current in (11, 12):
    window(current)
    settle()
"""
    waiting = run_uplink(tmp_path, collector.port, steps)

    assert currents(collector.posts) == [11, 1, 2, 3, 4, 12, 5, 6, 7, 8]
    assert waiting == 2


def test_waiting_windows_tell_their_age(tmp_path, collector):
    steps = "window(1); wait(7000); window(2); wait(100); settle()"

    run_uplink(tmp_path, collector.port, steps)

    live, late = collector.posts
    assert "age_s" not in live.body
    assert late.body["age_s"] == pytest.approx(7.1, abs=0.4)


def test_silence_is_told_as_nulls_once_and_never_late(tmp_path, collector):
    steps = """
window(None); window(1); settle()
window(None); settle(); settle()
"""
    waiting = run_uplink(tmp_path, collector.port, steps)

    assert currents(collector.posts) == [1, None]
    assert collector.posts[1].body == dict.fromkeys(
        ("voltage", "current", "power", "energy", "frequency", "power_factor")
    )
    assert waiting == 0


def test_failures_pause_longer_and_longer_and_nothing_is_lost(tmp_path, collector):
    collector.choose = lambda _: 503
    steps = """
window(1)
settle(); settle()
wait(900); settle()
wait(400); settle()
wait(1900); settle()
wait(400); settle()
"""
    waiting = run_uplink(tmp_path, collector.port, steps)

    assert currents(collector.posts) == [1, 1, 1]
    assert waiting == 1


def test_a_server_that_is_not_there_costs_nothing(tmp_path):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]

        assert run_uplink(tmp_path, port, "window(1); settle(); wait(2000); settle()") == 1


def test_a_server_that_never_answers_is_left_after_a_while(tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        steps = "window(1); began = now; settle(50); assert 8000 <= now - began < 9000"

        assert run_uplink(tmp_path, server.getsockname()[1], steps) == 1


def test_without_a_link_nothing_is_tried(tmp_path, collector):
    steps = """
window(1)
for _ in range(100):
    up.step(now, False)
    now += 1000
"""
    assert run_uplink(tmp_path, collector.port, steps) == 1
    assert collector.posts == []


def test_a_long_outage_keeps_the_last_sixty_windows(tmp_path, collector):
    steps = """
for current in range(1, 81):
    window(current)
for _ in range(15):
    window(None)
    settle()
"""
    waiting = run_uplink(tmp_path, collector.port, steps)

    assert waiting == 0
    assert sorted(current for current in currents(collector.posts) if current) == list(
        range(21, 81)
    )

"""The firmware, unmodified, from the meter's bytes to the server and the display."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest
from sim.collector import Collector
from sim.golden import SMALL_POINT, constant
from sim.on_micropython import needs_micropython
from sim.patience import wait_until
from sim.reading_glass import ReadingGlass
from wattkeep.sim.board import VirtualBoard, Wiring
from wattkeep.sim.oled import VirtualOled
from wattkeep.sim.pzem import VirtualPzem

pytestmark = needs_micropython

SHOWN = {
    "voltage": 225.7,
    "current": 0.108,
    "power": 24.4,
    "energy": 38.0,
    "frequency": 50.0,
    "power_factor": 1.0,
}
NOTHING = dict.fromkeys(SHOWN)


class World:
    """A board with everything around it, and a hand on each part."""

    def __init__(self, folder, load=None):
        self.folder = folder
        self.meter = VirtualPzem(load or constant(SMALL_POINT), energy_wh=38_000)
        self.oled = VirtualOled()
        self.collector = Collector().start()
        self.wiring = Wiring(uart=self.meter.open(), oled=self.oled.open())
        self.board = None

    def power_on(self, **settings):
        config = {
            "wifi_ssid": "bench",
            "wifi_password": "bench",
            "server": self.collector.url,
            "api_key": "wk_test",
            "interval_s": 1,
            "escape_ms": 0,
        }
        self.board = VirtualBoard(self.folder, config | settings, self.wiring)
        self.board.start()

    def wait_for_log(self, words):
        wait_until(lambda: words in self.board.log_tail(200))

    def end(self):
        if self.board is not None:
            self.board.stop()
        self.oled.close()
        self.meter.close()
        self.collector.stop()


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.end()


def test_posts_what_the_meter_shows_and_shows_it(world, tmp_path):
    glass = ReadingGlass(tmp_path)
    wanted = ["225.7", "0.108", "24.4", "38.00", "50.0", "1.00"]
    pictures = {}
    world.power_on()

    def has_seen_every_page():
        pixels = world.oled.pixels()
        for text in wanted:
            if text not in pictures and glass.shows(pixels, text, scale=3):
                pictures[text] = pixels
        return len(pictures) == len(wanted)

    wait_until(has_seen_every_page)
    posts = world.collector.wait_for(lambda posts: len(posts) >= 5)

    assert [post.values for post in posts] == [SHOWN] * len(posts)
    assert {post.headers["X-API-Key"] for post in posts} == {"wk_test"}
    assert len(set(pictures.values())) == 6
    assert world.board.starts == 1


def test_a_silent_meter_is_told_as_silence_and_never_as_zeros(world, tmp_path):
    glass = ReadingGlass(tmp_path)
    world.meter.faults.set("silent")
    world.power_on()

    world.collector.wait_for(lambda posts: len(posts) >= 2)
    wait_until(lambda: glass.shows(world.oled.pixels(), "--", scale=3))
    world.meter.faults.clear()
    world.collector.wait_for(lambda posts: posts[-1].values == SHOWN)
    world.meter.faults.set("silent")
    world.wait_for_log("meter silent")
    posts = world.collector.wait_for(lambda posts: posts[-1].values == NOTHING)

    assert [post.values for post in posts if post.values not in (SHOWN, NOTHING)] == []
    assert [post.values for post in posts[:2]] == [NOTHING, NOTHING]


@pytest.mark.parametrize("kind", ["crc", "truncated", "noise"])
def test_a_bad_line_never_bends_a_value(world, kind):
    world.meter.faults.set(kind, replies=15)
    world.power_on()

    wait_until(lambda: world.meter.faults.active == ())
    posts = world.collector.wait_for(lambda posts: posts and posts[-1].values == SHOWN)

    assert [post.values for post in posts if post.values not in (SHOWN, NOTHING)] == []


def test_windows_wait_for_the_server_and_arrive_once(tmp_path):
    # A voltage that never comes twice tells the windows apart.
    world = World(tmp_path, lambda t: replace(SMALL_POINT, voltage_v=80 + t * 0.7 % 180))
    world.collector.choose = lambda _: 503
    try:
        world.power_on()
        refused = world.collector.wait_for(lambda posts: len(posts) >= 3)
        world.wait_for_log("4 waiting")
        world.collector.choose = lambda _: 201
        voltages = {post.body["voltage"] for post in refused}

        posts = world.collector.wait_for(
            lambda posts: voltages <= {post.body["voltage"] for post in posts if post.status == 201}
        )
    finally:
        world.end()

    accepted = [post for post in posts if post.status == 201]
    late = [post for post in accepted if post.body["voltage"] in voltages]
    assert len({post.body["voltage"] for post in accepted}) == len(accepted)
    assert all(post.body["age_s"] >= 0.5 for post in late)


def test_windows_wait_for_the_network(world):
    (world.folder / "wifi_down").touch()
    world.power_on()
    world.wait_for_log("meter answers")
    wait_until(lambda: world.meter.reading() and shows_waiting(world))

    (world.folder / "wifi_down").unlink()

    posts = world.collector.wait_for(lambda posts: len(posts) >= 4)
    assert any("age_s" in post.body for post in posts)
    assert [post.values for post in posts] == [SHOWN] * len(posts)


def shows_waiting(world):
    # The lower left corner of every page tells what is wrong with the way to the server.
    return any(any(row[:40]) for row in world.oled.pixels()[55:])


def test_a_missing_display_stops_nothing(world):
    world.oled.plugged = False
    world.power_on()
    world.wait_for_log("no display")

    posts = world.collector.wait_for(lambda posts: len(posts) >= 2)

    assert [post.values for post in posts] == [SHOWN] * len(posts)


def test_a_display_that_vanishes_stops_nothing(world):
    world.power_on()
    world.collector.wait_for(bool)
    world.oled.plugged = False
    world.wait_for_log("no display")
    seen = len(world.collector.posts)

    posts = world.collector.wait_for(lambda posts: len(posts) >= seen + 2)

    assert [post.values for post in posts] == [SHOWN] * len(posts)


def test_the_flash_button_stops_the_board_at_its_prompt(world):
    (world.folder / "button_down").touch()
    world.power_on(escape_ms=60_000)

    wait_until(lambda: world.board.poll() is not None)

    assert world.board.poll() == 0
    assert "stopped by the button" in world.board.log_tail(5)
    assert world.collector.posts == []


def test_wrong_settings_stop_the_board_with_their_name(world):
    world.power_on(interval_s=0)

    wait_until(lambda: world.board.poll() is not None)

    assert "interval_s is 1 to 300" in world.board.log_tail(5)


def test_a_power_cut_is_followed_by_another_start(world):
    world.power_on()
    world.collector.wait_for(bool)

    os.kill(world.board.pid, signal.SIGKILL)
    wait_until(lambda: world.board.starts == 2)
    seen = len(world.collector.posts)

    posts = world.collector.wait_for(lambda posts: len(posts) > seen)
    assert posts[-1].values == SHOWN

"""The firmware, unmodified, from the meter's bytes to the server and the display."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from sim.collector import Collector, choose_status
from sim.golden import SMALL_POINT, constant
from sim.on_micropython import needs_micropython, run_script
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


def lies(posts):
    """Return what was posted that the meter never showed.

    Nulls are honest at any time: a PC may hold the board up for a whole window.
    """
    return [post.values for post in posts if post.values not in (SHOWN, NOTHING)]


def told(posts):
    return [post for post in posts if post.values != NOTHING]


class World:
    """A board with everything around it, and a hand on each part."""

    def __init__(self, folder, load=None, **meter):
        self.folder = folder
        self.meter = VirtualPzem(load or constant(SMALL_POINT), energy_wh=38_000, **meter)
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
    posts = world.collector.wait_for(lambda posts: len(told(posts)) >= 5)

    assert lies(posts) == []
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

    assert lies(posts) == []
    assert [post.values for post in posts[:2]] == [NOTHING, NOTHING]


@pytest.mark.parametrize("kind", ["crc", "truncated", "noise"])
def test_a_bad_line_never_bends_a_value(world, kind):
    world.meter.faults.set(kind, replies=15)
    world.power_on()

    wait_until(lambda: world.meter.faults.active == ())
    posts = world.collector.wait_for(lambda posts: posts and posts[-1].values == SHOWN)

    assert lies(posts) == []


def test_windows_wait_for_the_server_and_arrive_once(tmp_path):
    # A current that never comes twice tells the windows apart.
    world = World(
        tmp_path,
        lambda t: replace(SMALL_POINT, current_a=1 + t / 4 % 100),
        refresh_s=0,
    )
    world.collector.choose = lambda _: 503
    try:
        world.power_on()
        posts = world.collector.wait_for(lambda posts: len(told(posts)) >= 2)
        refused = {post.body["current"] for post in told(posts)}
        world.wait_for_log("2 waiting")
        world.collector.choose = choose_status
        posts = world.collector.wait_for(lambda posts: refused <= set(accepted_currents(posts)))
    finally:
        world.end()

    accepted = accepted_currents(posts)
    late = [post for post in posts if post.status == 201 and post.body["current"] in refused]
    assert len(set(accepted)) == len(accepted)
    assert all(post.body["age_s"] >= 0.5 for post in late)


def accepted_currents(posts):
    return [post.body["current"] for post in posts if post.status == 201]


def test_windows_wait_for_the_network(world, tmp_path):
    glass = ReadingGlass(tmp_path)
    (world.folder / "wifi_down").touch()
    world.power_on()
    # The second page comes after two seconds, so by then windows have closed.
    wait_until(lambda: glass.shows(world.oled.pixels(), "0.108", scale=3))

    assert world.collector.posts == []
    (world.folder / "wifi_down").unlink()

    posts = world.collector.wait_for(lambda posts: any("age_s" in post.body for post in posts))
    assert lies(posts) == []


def test_a_missing_display_stops_nothing(world):
    world.oled.plugged = False
    world.power_on()
    world.wait_for_log("no display")

    posts = world.collector.wait_for(lambda posts: len(told(posts)) >= 2)

    assert lies(posts) == []


def test_a_display_that_vanishes_stops_nothing(world):
    world.power_on()
    world.collector.wait_for(bool)
    world.oled.plugged = False
    world.wait_for_log("no display")
    seen = len(told(world.collector.posts))

    posts = world.collector.wait_for(lambda posts: len(told(posts)) >= seen + 2)

    assert lies(posts) == []


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

    posts = world.collector.wait_for(lambda posts: told(posts[seen:]))
    assert lies(posts) == []


def test_a_board_that_falls_over_says_why_and_starts_again(tmp_path):
    script = """
import io, log, loop
log._uart = io.StringIO()
try:
    loop.run({})
except SystemExit as end:
    answer([end.args[0], log._uart.getvalue()])
"""
    status, said = run_script(tmp_path, script)

    assert status == 75
    assert "fell over" in said
    assert "KeyError: interval_s" in said

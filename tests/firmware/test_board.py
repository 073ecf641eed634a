"""The firmware, unmodified, from the meter's bytes to the server and the display."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import replace
from itertools import pairwise

import pytest

from firmware.world import NOTHING, SHOWN, World, lies, told
from sim.collector import Device, choose_status
from sim.golden import SMALL_POINT
from sim.on_micropython import needs_micropython
from sim.patience import wait_until
from sim.reading_glass import ReadingGlass
from wattkeep.sim.board import BoardKind

pytestmark = needs_micropython

OTHER_KEY = "bcde3456_kmnpqrstuvwxyz23456789"


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world


@pytest.fixture
def quick(tmp_path):
    """Return a world whose time passes as fast as the board can work."""
    with World(tmp_path, stepped=True, display=False) as world:
        yield world


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
    assert {post.headers.get("X-Device") for post in posts} == {"abcd2345"}
    assert not any("X-API-Key" in post.headers for post in posts)
    assert len(set(pictures.values())) == 6
    assert world.board.starts == 1


def test_a_board_told_to_sends_its_key(quick):
    quick.power_on(signed=False)

    posts = quick.collector.wait_for(lambda posts: len(posts) >= 3)

    assert {post.headers.get("X-API-Key") for post in posts} == {quick.device.key}
    assert quick.device.stored


def test_a_silent_meter_is_told_as_silence_and_never_as_zeros(world, tmp_path):
    glass = ReadingGlass(tmp_path)
    world.meter.faults.set("silent")
    world.power_on()

    world.collector.wait_for(lambda posts: len(posts) >= 2)
    wait_until(lambda: glass.shows(world.oled.pixels(), "--", scale=3))
    world.meter.faults.clear()
    posts = world.collector.wait_for(lambda posts: posts[-1].values == SHOWN)
    world.meter.faults.set("silent")
    world.wait_for_log("meter silent")
    world.collector.wait_for(lambda posts: posts[-1].values == NOTHING)

    assert lies(posts) == []
    assert [post.values for post in posts[:2]] == [NOTHING, NOTHING]
    assert [row.samples for row in posts[0].rows] == [0]
    assert told(posts)[0].flags & 2


@pytest.mark.parametrize("kind", ["crc", "truncated", "noise"])
def test_a_bad_line_never_bends_a_value(quick, kind):
    quick.meter.faults.set(kind, replies=15)
    quick.power_on()

    wait_until(lambda: quick.meter.faults.active == ())
    posts = quick.collector.wait_for(lambda posts: posts and posts[-1].values == SHOWN)

    assert lies(posts) == []


@pytest.mark.parametrize("status", [500, 503, 429, 408, 302])
def test_windows_wait_for_the_server_and_arrive_once(quick, status):
    # A current that never comes twice tells the windows apart.
    start_s = quick.clock()
    quick.meter._load = lambda t: replace(SMALL_POINT, current_a=1 + (t - start_s) / 40 % 100)
    quick.collector.choose = lambda _: status
    quick.power_on()
    posts = quick.collector.wait_for(lambda posts: len(posts) >= 4)
    refused = {(row.boot, row.seq) for row in told(posts)}
    quick.collector.choose = choose_status

    quick.collector.wait_for(lambda _: refused <= set(quick.device.stored))

    stored = quick.device.stored
    currents = [row.steps[1] for row in stored.values() if row.samples]
    assert len(set(currents)) == len(currents)
    assert sorted(seq for _, seq in stored)[:4] == [1, 2, 3, 4]


def test_a_server_says_when_to_come_back(quick):
    quick.collector.retry_after_s = 200
    quick.collector.choose = lambda _: 429
    quick.power_on(interval_s=10)

    posts = quick.collector.wait_for(lambda posts: len(posts) >= 3)

    assert all(after.at_s - before.at_s > 199 for before, after in pairwise(posts))


@pytest.mark.parametrize("status", [401, 403, 404, 415])
def test_what_is_about_the_sender_parks_everything_and_loses_nothing(quick, status):
    quick.collector.choose = lambda _: status
    quick.power_on(interval_s=10)
    posts = quick.collector.wait_for(lambda posts: len(posts) >= 3)
    quick.collector.choose = choose_status

    quick.collector.wait_for(lambda _: {1, 2, 3} <= {seq for _, seq in quick.device.stored})

    assert posts[1].at_s - posts[0].at_s > 299
    assert f"refused {status}" in quick.log()


def test_one_window_that_is_never_taken_does_not_hold_up_the_others(quick):
    bad = 3
    quick.collector.choose = lambda body: (
        400 if any(row[0] == bad for row in body.get("readings", ())) else 201
    )
    quick.power_on(interval_s=2)

    quick.collector.wait_for(lambda _: len(quick.device.stored) > 20)

    seqs = {seq for _, seq in quick.device.stored}
    assert bad not in seqs
    assert {1, 2, 4, 5, 6} <= seqs
    assert "refused 400" in quick.log()


def test_a_refused_row_is_named_and_passed(quick):
    quick.device.refuse = lambda row: row.seq == 2
    quick.power_on()

    quick.collector.wait_for(lambda _: len(quick.device.stored) > 5)

    assert 2 not in {seq for _, seq in quick.device.stored}
    assert "refused {" in quick.log()


def test_a_server_that_hangs_is_left(world):
    world.collector.stop()
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", world.collector.port))
        server.listen()
        world.power_on()
        world.wait_for_log("not posted: no answer")

    assert world.board.starts == 1


def test_windows_wait_for_the_network(quick):
    (quick.folder / "wifi_down").touch()
    quick.power_on()
    wait_until(lambda: "waiting 59" in quick.log() or "waiting 60" in quick.log())

    assert quick.collector.posts == []
    (quick.folder / "wifi_down").unlink()

    posts = quick.collector.wait_for(lambda _: len(quick.device.stored) > 60)
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


def test_several_meters_on_one_line_are_devices_of_their_own(tmp_path):
    devices = [Device(), Device(OTHER_KEY)]
    with World(tmp_path, stepped=True, display=False, devices=devices, addresses=(1, 7)) as world:
        world.meters[1]._load = lambda _: replace(SMALL_POINT, power_w=1000.0)
        world.power_on()
        world.collector.wait_for(lambda _: all(len(one.stored) > 5 for one in devices))

    powers = [{row.steps[2] for row in one.stored.values() if row.samples} for one in devices]
    assert powers == [{244}, {10_000}]
    assert all(len(one.syncs) >= 1 for one in devices)


def test_the_flash_button_stops_the_board_at_its_prompt(world):
    (world.folder / "button_down").touch()
    world.power_on()

    wait_until(lambda: world.board.poll() is not None)

    assert world.board.poll() == 0
    assert "stopped by the button" in world.board.log_tail(5)
    assert world.collector.posts == []


def test_wrong_settings_are_named_on_the_log(quick):
    quick.power_on(interval_s=0)

    quick.wait_for_log("interval_s is 1 to 3600")

    assert quick.collector.posts == []


def test_a_power_cut_is_followed_by_another_start_with_another_name(quick):
    quick.power_on()
    quick.collector.wait_for(bool)

    os.kill(quick.board.pid, signal.SIGKILL)
    wait_until(lambda: quick.board.starts == 2)

    quick.collector.wait_for(lambda _: len(quick.device.arrived) == 2)
    assert len({post.body["boot"] for post in quick.collector.posts}) == 2


def test_what_waited_in_memory_survives_a_reset(quick):
    quick.collector.choose = lambda _: 503
    quick.power_on(BoardKind(dog_s=3.0), interval_s=60)
    quick.collector.wait_for(lambda posts: posts and posts[-1].rows[0].seq >= 3)
    first = quick.collector.posts[0].body["boot"]
    # The watchdog bites a board that hangs; what it knew is in the RTC's memory.
    os.kill(quick.board.pid, signal.SIGSTOP)
    wait_until(lambda: quick.board.starts == 2)
    quick.collector.choose = choose_status

    quick.collector.wait_for(
        lambda _: {1, 2, 3} <= {seq for boot, seq in quick.device.stored if boot == first}
    )


@pytest.mark.parametrize("jump_s", [86_400, -86_400], ids=["ahead", "back"])
def test_a_server_whose_clock_jumps_does_not_bend_ages(quick, jump_s):
    quick.power_on()
    seen = len(quick.collector.wait_for(lambda posts: len(posts) >= 3))
    quick.collector._now = lambda: quick.clock() + jump_s

    posts = quick.collector.wait_for(lambda posts: len(posts) >= seen + 40)[seen:]

    assert max(row.age_ms for post in posts for row in post.rows) < 20_000
    # The tick counter came round meanwhile, as it does on the bench after 20 s.
    assert [post.rows[-1].seq for post in posts] == sorted(post.rows[-1].seq for post in posts)

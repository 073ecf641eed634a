"""Power that goes at any moment, also in the middle of a write to flash.

`make test` cuts it forty times. `BOARD_CUTS=300` cuts more often, `BOARD_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict

import pytest

from firmware.world import World
from sim.on_micropython import needs_micropython
from sim.patience import wait_until
from wattkeep.sim.board import BoardKind
from wattkeep.sim.load import LoadPoint

pytestmark = needs_micropython

CUTS = int(os.environ.get("BOARD_CUTS") or 40)
SEED = int(os.environ.get("BOARD_SEED") or random.getrandbits(32))
# What is not on flash yet when the power goes.
MOST_LOST = 6


def telling_time(start_s):
    """Return a load by whose power a window's time can be known, to ten seconds."""

    def load(t):
        power_w = 500 + (t - start_s) / 100
        return LoadPoint(230.0, power_w / 230, power_w, 50.0, 1.0)

    return load


class Cutter:
    """Decides when in each life the power goes, until it has gone often enough."""

    def __init__(self, luck):
        self.luck = luck
        self.lives = 0

    def __call__(self):
        self.lives += 1
        if self.lives > CUTS:
            return None
        return self.luck.randint(1, 120), self.luck.choice((0, 1, 7, 16, 31, 64, 4096))


def holes(seqs):
    return sum(1 for seq in range(1, max(seqs)) if seq not in seqs)


@pytest.fixture
def world(tmp_path):
    with World(tmp_path, stepped=True, display=False) as world:
        world.started_s = world.clock()
        world.meter._load = telling_time(world.started_s)
        yield world


def test_power_cuts_break_nothing_lose_nothing_double_nothing(world):
    print(f"BOARD_SEED={SEED}")
    luck = random.Random(SEED)
    cutter = Cutter(luck)
    device = world.device
    world.collector.choose = lambda _: 201 if luck.random() < 0.4 else 503
    world.power_on(BoardKind(cuts=cutter), interval_s=2, poll_ms=500)

    wait_until(lambda: cutter.lives > CUTS, limit_s=60 + CUTS * 4)
    world.collector.choose = lambda _: 201
    seen = len(world.collector.posts)
    world.collector.wait_for(
        lambda posts: len(posts) > seen + 5 and not any(post.is_backlog for post in posts[-5:])
    )

    world.board.stop()
    log = world.log()
    assert log.count("wattkeep ") == world.board.starts == CUTS + 1
    assert "flash:" not in log
    assert "fell over" not in log
    assert_each_window_has_one_meaning(world.collector.posts)
    by_boot = defaultdict(set)
    for boot, seq in device.stored:
        by_boot[boot].add(seq)
    assert {boot: holes(seqs) for boot, seqs in by_boot.items() if holes(seqs) > MOST_LOST} == {}
    # A start that the server answered knows what time it was; any other can only be placed before
    # what came after it.
    met = {post.body["boot"] for post in world.collector.posts if is_answered_life(post)}
    wrong_s = {
        key: abs(device.stamps_s[key] - world.started_s - (row.steps[2] / 10 - 500) * 100)
        for key, row in device.stored.items()
        if key[0] in met and row.samples
    }
    wrong = {boot: late_s for (boot, _), late_s in wrong_s.items() if late_s > 30}
    # Unless the power went before that was on flash.
    assert len(wrong) <= max(CUTS // 50, 1), wrong
    assert len(wrong_s) > CUTS


def is_answered_life(post):
    return post.status == 201 and "uptime_s" in post.body


def assert_each_window_has_one_meaning(posts):
    meanings = {}
    for post in posts:
        for row in post.rows:
            assert meanings.setdefault((row.boot, row.seq), row.steps) == row.steps

"""A day without the server, lived through in seconds: the board's sleep takes no time here."""

from __future__ import annotations

from itertools import pairwise

import pytest

from firmware.world import World
from sim.on_micropython import needs_micropython
from sim.patience import wait_until
from wattkeep.sim.load import LoadPoint

pytestmark = needs_micropython

DAY_S = 86_400
LATEST_MS = 20_000


def rising(start_s):
    """Return a load that grows for days, so that no two windows are alike."""

    def load(t):
        power_w = 500 + (t - start_s) / 100
        return LoadPoint(230.0, power_w / 230, power_w, 50.0, 1.0)

    return load


@pytest.fixture
def world(tmp_path):
    with World(tmp_path, stepped=True, display=False) as world:
        world.meter._load = rising(world.clock())
        yield world


def test_after_a_day_away_every_window_arrives_once_and_live_ones_are_never_late(world):
    collector, device = world.collector, world.device
    world.power_on(interval_s=10, poll_ms=5000)
    collector.wait_for(lambda posts: len(posts) >= 3)
    collector.stop()
    left_s, seen = world.clock(), len(collector.posts)

    wait_until(lambda: world.clock() - left_s > DAY_S, limit_s=180)
    collector.start()
    back_s = world.clock()

    def is_drained():
        return device.stored and next(iter(device.arrived.values())).watermark > DAY_S // 10 + 5

    wait_until(is_drained, limit_s=180)
    posts = collector.posts[seen:]

    (arrived,) = device.arrived.values()
    seqs = sorted(seq for _, seq in device.stored)
    assert seqs[: arrived.watermark] == list(range(1, arrived.watermark + 1))
    backlog = [row.seq for post in posts if post.is_backlog for row in post.rows]
    assert backlog == sorted(set(backlog))
    live = [post for post in posts if not post.is_backlog]
    assert len(live) > 100
    assert max(post.rows[0].age_ms for post in live) <= LATEST_MS
    newest = sorted(post.at_s for post in live)
    gaps = [after - before for before, after in pairwise(newest)]
    assert max(gaps) <= 2 * LATEST_MS / 1000
    times = [device.stamps_s[key] for key in sorted(device.stored, key=lambda key: key[1])]
    assert times == sorted(times)
    assert abs(times[10] - (left_s)) < 200
    energies = [device.stored[key].steps[3] for key in sorted(device.stored, key=lambda k: k[1])]
    assert energies == sorted(energies)
    assert back_s - left_s > DAY_S

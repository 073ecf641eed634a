"""The whole application within its memory, for an hour of the board's time."""

from __future__ import annotations

import re

import pytest

from firmware.test_update import NEW, build
from firmware.world import World
from sim.on_micropython import needs_micropython
from sim.patience import wait_until
from wattkeep.sim.board import BoardKind

pytestmark = needs_micropython

# Stands for the board's 38 KiB: pointers here are twice as wide, and the shim is in it as well.
GATE = "71K"
HOUR_S = 3600


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "board", stepped=True) as world:
        yield world


def free_heaps(log):
    return [int(free) for free in re.findall(r"heap (\d+)$", log, re.MULTILINE)]


def test_an_hour_with_everything_does_not_grow(world, tmp_path):
    started_s = world.clock()
    device = world.device
    device.config = {"interval_s": 10, "display": 1, "contrast": 90, "meters": [1]}
    world.power_on(BoardKind(heap=GATE), interval_s=5)
    device.order(1, "send_log")
    wait_until(lambda: any("log" in sync for sync in list(device.syncs)))
    for number in range(2, 8):
        device.config = {"interval_s": 4 + number, "contrast": number}
        device.order(number, "reset_energy")
        wait_until(lambda number=number: number in commands_done(device))

    wait_until(lambda: world.clock() - started_s > HOUR_S, limit_s=240)
    heaps = free_heaps(world.log())
    device.publish(NEW, {"app.romfs": build(tmp_path)})
    wait_until(lambda: any(sync["update"] == "confirmed" for sync in list(device.syncs)))

    assert world.board.starts == 2
    assert "fell over" not in world.log()
    assert len(heaps) >= 6
    assert min(heaps[2:]) >= heaps[1] - 256


def commands_done(device):
    return {number for sync in list(device.syncs) for number, _ in sync["done"]}

"""What the server may ask of a board, and what a board asks of whoever says to be the server."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from firmware.world import World
from sim.collector import choose_status, sign
from sim.on_micropython import needs_micropython, run_script
from sim.patience import wait_until

pytestmark = needs_micropython

APPLY = """
from sync import apply
results = []
for remote, config in data:
    apply(remote, config)
    results.append(remote)
answer(results)
"""


@pytest.fixture
def world(tmp_path):
    with World(tmp_path, stepped=True, display=False) as world:
        yield world


def done(device):
    return {number: result for sync in list(device.syncs) for number, result in sync["done"]}


def test_a_board_tells_how_it_is_after_its_first_reading(world):
    world.power_on()

    wait_until(lambda: world.device.syncs)

    sync = world.device.syncs[0]
    assert (sync["slot"], sync["done"], sync["update"]) == ("a", [], None)
    assert 8 <= len(sync["nonce"]) <= 32
    assert set(sync["health"]) >= {
        *("uptime_s", "rssi_dbm", "free_heap", "bad_polls", "backlog", "reset_cause"),
    }


def test_a_new_interval_counts_at_once_and_outlives_the_power(world):
    world.power_on(interval_s=1)
    wait_until(lambda: world.device.syncs)
    world.device.config = {"interval_s": 30}
    world.device.config_version += 1

    wait_until(lambda: (world.folder / "board.log").exists() and len(world.device.syncs) >= 2)
    seen = len(world.collector.posts)
    world.collector.wait_for(lambda posts: len(posts) > seen + 3)
    posts = world.collector.posts[seen + 1 :]
    gaps = [after.at_s - before.at_s for before, after in pairwise(posts)]
    world.board.stop()

    assert min(gaps) > 29
    assert world.device.syncs[-1]["config_version"] in {1, 2}


def test_a_meters_new_address_is_asked(world):
    world.power_on()
    wait_until(lambda: world.device.syncs)
    world.meter.address = 9
    world.device.config = {"meters": [9]}
    world.device.config_version += 1

    wait_until(lambda: len(world.device.syncs) >= 2)
    seen = len(world.device.stored)
    world.collector.wait_for(
        lambda _: any(row.samples for row in list(world.device.stored.values())[seen + 5 :])
    )


def test_what_is_out_of_range_is_refused_and_the_old_one_stays(tmp_path):
    old = {"interval_s": 10, "contrast": 5}
    cases = [
        ({"interval_s": 0}, old),
        ({"interval_s": 3601}, old),
        ({"interval_s": "9"}, old),
        ({"contrast": 256}, old),
        ({"contrast": True}, old),
        ({"display": 2}, old),
        ({"meters": [0]}, old),
        ({"meters": [1, 2]}, old),
        ({"unknown": 1}, old),
        ({"interval_s": 3600, "contrast": 0}, {"interval_s": 3600, "contrast": 0}),
        ({"meters": [247], "display": 0}, {**old, "address": 247, "display": 0}),
    ]

    applied = run_script(tmp_path, APPLY, [(old, config) for config, _ in cases])

    assert applied == [wanted for _, wanted in cases]


def test_commands_are_run_once_and_reported(world):
    world.power_on()
    wait_until(lambda: world.device.syncs)
    assert world.meter.reading().energy_wh == 38_000
    world.device.order(7, "reset_energy")
    world.device.order(8, "dance")

    wait_until(lambda: {7, 8} <= done(world.device).keys())

    assert done(world.device) == {7: "ok", 8: "unknown command"}
    assert world.meter.reading().energy_wh < 38_000
    assert world.log().count("command 7 reset_energy") == 1


def test_a_meter_that_is_silent_cannot_be_reset(world):
    world.power_on()
    wait_until(lambda: world.device.syncs)
    world.meter.faults.set("silent")
    world.device.order(3, "reset_energy")

    wait_until(lambda: 3 in done(world.device))

    assert done(world.device) == {3: "the meter did not answer"}


def test_a_reboot_happens_once(world):
    world.power_on()
    wait_until(lambda: world.device.syncs)
    world.device.order(4, "reboot")

    wait_until(lambda: 4 in done(world.device))
    seen = len(world.device.stored)
    world.collector.wait_for(lambda _: len(world.device.stored) > seen + 5)

    assert done(world.device) == {4: "ok"}
    assert world.board.starts == 2


def test_the_log_is_sent_when_asked_for(world):
    world.power_on()
    wait_until(lambda: world.device.syncs)
    world.device.order(5, "send_log")

    wait_until(lambda: any("log" in sync for sync in list(world.device.syncs)))

    (sync,) = [sync for sync in world.device.syncs if "log" in sync]
    assert "command 5 send_log: ok" in sync["log"]
    assert len(sync["log"]) <= 1000


def test_commands_of_an_answer_to_somebody_else_are_not_run(world):
    old = json.dumps(
        {
            "nonce": "0123456789abcdef",
            "config_version": 5,
            "config": {"interval_s": 60},
            "commands": [[1, "reboot"]],
            "update": None,
        }
    ).encode()
    genuine = world.collector.answer

    def replay(path, headers, raw):
        if path.endswith("/sync/"):
            return 200, old, {"X-Signature": sign(world.device.key, old)}
        return genuine(path, headers, raw)

    world.collector.answer = replay
    world.power_on()
    world.wait_for_log("sync: an answer to somebody else")
    seen = len(world.device.stored)
    world.collector.wait_for(lambda _: len(world.device.stored) > seen + 3)

    assert world.board.starts == 1


def test_a_server_without_these_endpoints_takes_readings_all_the_same(world):
    world.collector.choose = lambda body: 404 if "nonce" in body else choose_status(body)
    world.power_on()

    world.wait_for_log("sync: status 404")

    world.collector.wait_for(lambda _: len(world.device.stored) > 20)

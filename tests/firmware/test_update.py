"""Updates over the air: a good one stays, a broken one takes itself back."""

from __future__ import annotations

import shutil

import pytest

from firmware.world import World
from sim.on_micropython import needs_micropython
from sim.patience import wait_until
from wattkeep.firmware import application_version, build_application, firmware_path
from wattkeep.sim.board import BoardKind

pytestmark = needs_micropython

NEW = "7.7.7"
NOW = application_version(firmware_path())


def build(folder, **changes):
    """Return an application like ours, with pieces of its files replaced."""
    sources = folder / "sources"
    shutil.copytree(firmware_path(), sources)
    changes.setdefault("app", []).append((f'VERSION = "{NOW}"', f'VERSION = "{NEW}"'))
    for name, pieces in changes.items():
        path = sources / f"{name}.py"
        text = path.read_text()
        for old, new in pieces:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
    return build_application(sources)


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "board", stepped=True, display=False) as world:
        yield world


def run_board(world, application, **settings):
    world.device.publish(NEW, {"app.romfs": application})
    world.power_on(BoardKind(dog_s=3.0), interval_s=10, **settings)


def reports(world):
    return [sync["update"] for sync in list(world.device.syncs) if sync["update"]]


def test_a_good_update_confirms_itself(world, tmp_path):
    run_board(world, build(tmp_path))

    wait_until(lambda: reports(world))

    assert reports(world)[0] == "confirmed"
    last = world.device.syncs[-1]
    assert (last["firmware"], last["slot"]) == (NEW, "b")
    assert world.board.starts == 2
    posted = world.collector.posts[-1].body
    assert posted["firmware"] == NEW


BROKEN = {
    "fails to boot": {"app": [("def run(slot", 'raise ValueError("broken")\n\n\ndef run(slot')]},
    "hangs": {
        "app": [("    def turn(self, now):", "    def turn(self, now):\n        while 1: 0")]
    },
    "cannot reach the server": {"uplink": [('b"/api/energy-data/"', 'b"/api/nowhere/"')]},
    "runs out of memory": {"buffers": [("bytearray(1024)", "bytearray(1024 * 1024)")]},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_update_takes_itself_back_within_three_starts(world, tmp_path, changes):
    run_board(world, build(tmp_path, **changes))

    wait_until(lambda: reports(world), limit_s=120)

    assert reports(world)[0].startswith("rolled back: not confirmed in")
    last = world.device.syncs[-1]
    assert (last["firmware"], last["slot"]) == (NOW, "a")
    # The first start, up to three of the trial, and the one that went back.
    assert world.board.starts <= 5
    assert world.device.update is None
    seen = len(world.collector.posts)
    world.collector.wait_for(lambda posts: len(posts) > seen)


def test_an_image_of_noise_takes_itself_back(world):
    run_board(world, bytes(range(256)) * 100)

    wait_until(lambda: reports(world), limit_s=120)

    assert reports(world) == ["rolled back: not confirmed in 3 starts"]


def test_what_another_server_signed_is_not_taken(world, tmp_path):
    world.device.signs_with = "abcd2345_somebodyelse"
    run_board(world, build(tmp_path))

    world.wait_for_log("sync: not signed by our server")

    assert world.board.starts == 1
    assert (world.folder / "rom.bin").read_bytes()[163_840 : 163_840 + 64] == b"\xff" * 64


def test_a_file_that_is_not_the_manifests_is_not_run(world, tmp_path):
    application = build(tmp_path)
    run_board(world, application)
    world.device.files["app.romfs"] = application[:-1] + b"?"

    world.wait_for_log("update given up: not what the manifest says")

    assert world.board.starts == 1
    assert world.device.syncs[-1]["slot"] == "a"

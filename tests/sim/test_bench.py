"""The bench as the demo starts it, with a board and with its stand-in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import wattkeep
from sim.collector import KEY, Collector
from sim.golden import SMALL_POINT, constant
from sim.on_micropython import IS_BUILT_HERE
from sim.patience import wait_until
from wattkeep.sim.bench import start_bench
from wattkeep.sim.modbus import seal_frame
from wattkeep.sim.sender import parse_reply

VALUES = {
    "voltage": 225.7,
    "current": 0.108,
    "power": 24.4,
    "energy": 1234.567,
    "frequency": 50.0,
    "power_factor": 1.0,
}
NOTHING = dict.fromkeys(VALUES)
KINDS = [
    pytest.param(
        False,
        "micropython",
        id="micropython",
        marks=pytest.mark.skipif(not IS_BUILT_HERE, reason="NO MICROPYTHON FOR THIS MACHINE"),
    ),
    pytest.param(True, "sender", id="sender"),
]


@pytest.fixture
def collector():
    collector = Collector().start()
    yield collector
    collector.stop()


def start(collector, folder, **options):
    return start_bench(
        url=collector.url + "/",
        api_key=KEY,
        load=constant(SMALL_POINT),
        energy_wh=1_234_567.0,
        workdir=folder,
        interval_s=1,
        **options,
    )


@pytest.mark.parametrize(("force_sender", "kind"), KINDS)
def test_bench_posts_the_meters_values_and_leaves_nothing_behind(
    collector, tmp_path, force_sender, kind
):
    before = threading.active_count()

    with start(collector, tmp_path / "new" / "folder", force_sender=force_sender) as bench:
        posts = collector.wait_for(lambda posts: [p.values for p in posts].count(VALUES) >= 2)
        running = bench.alive()
        log = bench.log_tail(50)

    assert [post.values for post in posts if post.values not in (VALUES, NOTHING)] == []
    # The board shows its key by signing with it; the stand-in sends it.
    name, shown = ("X-API-Key", KEY) if force_sender else ("X-Device", KEY.split("_")[0])
    assert {post.headers[name] for post in posts} == {shown}
    assert (bench.kind, running, bench.alive()) == (kind, True, False)
    assert (bench.oled is None) == force_sender
    assert ("posted, status 201" if force_sender else "meter answers") in log
    wait_until(lambda: threading.active_count() <= before)


@pytest.mark.parametrize(("force_sender", "kind"), KINDS)
def test_bench_tells_silence_as_nulls(collector, tmp_path, force_sender, kind):
    with start(collector, tmp_path, force_sender=force_sender) as bench:
        bench.meter.faults.set("silent")
        posts = collector.wait_for(lambda posts: posts and posts[-1].values == NOTHING)

    assert [post.values for post in posts if post.values not in (VALUES, NOTHING)] == []


def test_sender_outlives_a_server_that_is_away(collector, tmp_path):
    collector.stop()
    with start(collector, tmp_path, force_sender=True) as bench:
        wait_until(lambda: "post failed" in bench.log_tail(50))
        collector.start()
        posts = collector.wait_for(lambda posts: posts and posts[-1].values == VALUES)

    assert posts[-1].status == 201


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x01\x04",
        bytes(25),
        seal_frame(b"\x01\x03\x14" + bytes(20)),
        seal_frame(b"\x01\x04\x02\x08\xd1"),
    ],
    ids=["nothing", "cut", "bad crc", "other function", "one register"],
)
def test_sender_believes_only_whole_replies(reply):
    assert parse_reply(reply) is None


PARENT = """
import sys, time
from pathlib import Path
from sim.golden import SMALL_POINT, constant
from wattkeep.sim.bench import start_bench
bench = start_bench(url=sys.argv[1], api_key="k", load=constant(SMALL_POINT), energy_wh=0.0,
                    workdir=Path(sys.argv[2]), interval_s=1, force_sender=sys.argv[3] == "sender")
time.sleep(600)
"""


def processes_in(folder):
    """Return the processes that have the folder as theirs."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize(("force_sender", "kind"), KINDS)
def test_nothing_outlives_a_killed_parent(collector, tmp_path, force_sender, kind):
    paths = (str(Path(wattkeep.__file__).parents[1]), str(Path(__file__).parents[1]))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, collector.url, str(tmp_path), kind],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        collector.wait_for(bool)
        assert len(processes_in(tmp_path)) == 1
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()

    wait_until(lambda: processes_in(tmp_path) == [])

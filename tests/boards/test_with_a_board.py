"""The firmware under a real MicroPython against a real server: settings, commands, an update."""

import json
import shutil
import time

import pytest

from running import run
from wattkeep.cli.board_sim import open_bench
from wattkeep.firmware import application_version, firmware_path
from wattkeep.sim.micropython import has_micropython

pytestmark = pytest.mark.skipif(not has_micropython(), reason="no MicroPython here")

PATIENCE_S = 120


class Seen:
    """A device's board as its owner sees it."""

    def __init__(self, server, device_id, bench):
        self.server = server
        self.bench = bench
        self.address = f"/api/v1/devices/{device_id}/board/"

    def now(self):
        return self.server.get(self.address).body

    def wait_for(self, true):
        until = time.monotonic() + PATIENCE_S
        while not true(seen := self.now()):
            assert time.monotonic() < until, f"{seen}\n{self.bench.board.log_tail(60)}"
            time.sleep(0.2)
        return seen

    def send(self, method, more, body):
        headers = {"Content-Type": "application/json"}
        answer = self.server.request(method, self.address + more, json.dumps(body), headers)
        assert answer.status in {200, 201}, answer
        return answer.body


@pytest.fixture(scope="module")
def running(server, tmp_path_factory):
    """Return a board that has reported, as the bench and as its owner see it.

    One for all tests here: its start is what takes long.
    """
    device_id, key = server.add_device("Bench")
    server.log_in("ada")
    folder = tmp_path_factory.mktemp("board")
    with open_bench(folder, "127.0.0.1", server.port, "", key, 1) as bench:
        seen = Seen(server, device_id, bench)
        seen.wait_for(lambda now: now["health"] and now["health"]["slot"])
        yield bench, seen


def test_board_takes_over_settings_and_does_commands(running):
    bench, seen = running

    seen.send("PATCH", "", {"contrast": 7, "interval_s": 2})
    version = seen.now()["config_version"]
    told = seen.wait_for(lambda now: now["told_version"] == version)
    seen.send("POST", "commands/", {"command": "reset_energy", "confirm": True})
    seen.send("POST", "commands/", {"command": "send_log"})
    done = seen.wait_for(lambda now: all(one["done_at"] for one in now["commands"]))

    assert told["config"]["contrast"] == 7
    assert {one["command"]: one["result"] for one in done["commands"]} == {
        "send_log": "ok",
        "reset_energy": "ok",
    }
    assert "meter answers" in done["health"]["log"]
    assert bench.meter.reading().energy_wh < 1000


def test_board_restarts_when_it_is_told(running):
    bench, seen = running
    before = bench.board.starts

    seen.send("POST", "commands/", {"command": "reboot"})
    done = seen.wait_for(lambda now: all(one["done_at"] for one in now["commands"]))

    assert done["commands"][0]["result"] == "ok"
    assert bench.board.starts == before + 1


def test_board_updates_itself_and_confirms(running, server, tmp_path):
    bench, seen = running
    source = tmp_path / "source"
    shutil.copytree(firmware_path(), source)
    was = application_version(source)
    app = source / "app.py"
    app.write_text(app.read_text().replace(f'VERSION = "{was}"', 'VERSION = "99.1"'))
    release = tmp_path / "release"
    run("firmware", "build", source, "--out", release)

    server.run("firmware", "publish", release, "--share", "100")
    try:
        seen.wait_for(lambda now: (now["firmware_update"] or {}).get("state") == "confirmed")
    finally:
        server.run("firmware", "withdraw", "99.1")

    health = seen.now()["health"]
    assert (health["firmware"], health["slot"]) == ("99.1", "b")
    assert "in b" in bench.board.log_tail(100)

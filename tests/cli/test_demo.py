"""`wattkeep demo`: one line, a login that works, a board that posts, and an end without a trace."""

import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from running import Process, Site, free_port
from sim.patience import wait_until
from wattkeep.sim.micropython import has_micropython

LINE = re.compile(
    r"Wattkeep is running at (http://127\.0\.0\.1:\d+)  user (demo)  password (\S{10,})"
)


def processes_of(folder):
    """Return the processes that work in `folder` or were told of it."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            where = str((process / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in command or where.startswith(str(folder)):
            found[int(process.name)] = command
    return found


class Demo(Process):
    def __init__(self, folder, *words):
        self.data_dir = folder / "data"
        where = ("--port", free_port(), "--data-dir", self.data_dir)
        super().__init__("demo", *where, *words, log=folder / "demo.log")
        url, self.user, self.password = LINE.fullmatch(self.line()).groups()
        self.site = Site(url)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with Demo(tmp_path_factory.mktemp("demo")) as running:
        answer = running.site.log_in(running.user, running.password)
        assert answer.status == 302
        yield running
        running.site.close()


def age_s(body):
    return (datetime.now(UTC) - datetime.fromisoformat(body["timestamp"])).total_seconds()


def test_board_posts_what_its_meter_measures(demo):
    started = datetime.now(UTC)

    def fresh():
        answer = demo.site.get("/api/realtime/1/")
        if answer.status == 200 and datetime.fromisoformat(answer.body["timestamp"]) > started:
            return answer.body
        return None

    wait_until(fresh)
    body = fresh()

    assert body["status"] == "online"
    assert age_s(body) < 20
    assert 200 < body["voltage"] < 260
    assert body["power"] > 0
    assert 49 < body["frequency"] < 51
    board = demo.data_dir / "board"
    who = "micropython" if has_micropython() else "sender"
    assert any(who in command for command in processes_of(board).values())


def test_bars_are_filled(demo):
    body = demo.site.get("/api/dashboard/1/").body

    week = [day["consumption"] for day in body["weekly_consumption"]]
    assert len(week) == 7
    assert all(kwh > 1 for kwh in week[:-1])
    assert body["device"]["name"] == "House"
    # The hour that has just begun may be empty yet.
    hours = [hour["consumption"] for hour in body["hourly_consumption"]]
    assert all(kwh > 0 for kwh in hours[:-1])


def test_history_goes_over_into_the_live_meter_without_a_step(demo):
    """Neither the counter nor the clock may jump where the history ends and the board begins."""
    hours = demo.site.get("/api/dashboard/1/").body["hourly_consumption"]

    assert all(hour["consumption"] < 10 for hour in hours)


def test_page_opens(demo):
    page = demo.site.get("/devices/1/")

    assert page.status == 200
    assert b"House" in page.body


def test_demo_folder_is_used_again_and_anybody_elses_is_not(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "diary.txt").write_text("mine")

    with Process(
        "demo", "--port", free_port(), "--data-dir", tmp_path / "data", log=tmp_path / "log"
    ) as process:
        assert process.rest() == []
        assert process.process.wait(60) == 1

    assert (tmp_path / "log").read_text() == (
        f"Error: {tmp_path / 'data'} holds something that no demo made; choose an empty folder.\n"
    )
    assert (tmp_path / "data" / "diary.txt").read_text() == "mine"


def test_interrupt_ends_everything_and_a_second_demo_starts_afresh(tmp_path):
    passwords = []
    for _ in range(2):
        with Demo(tmp_path, "--days", "0") as demo:
            wait_until(lambda: processes_of(demo.data_dir / "board"))
            passwords.append(demo.password)
            status = demo.end(signal.SIGINT)
        wait_until(lambda: not processes_of(demo.data_dir), limit_s=20)

        assert (status, demo.rest()) == (0, [])
        assert demo.log.read_text() == ""
    assert passwords[0] != passwords[1]


def test_demo_without_a_board_has_history_only(tmp_path):
    with Demo(tmp_path, "--days", "2", "--no-board") as demo:
        demo.site.log_in(demo.user, demo.password)
        body = demo.site.get("/api/realtime/1/").body

        assert not processes_of(demo.data_dir / "board")
        assert datetime.now(UTC) - datetime.fromisoformat(body["timestamp"]) < timedelta(minutes=3)
        assert demo.end(signal.SIGINT) == 0

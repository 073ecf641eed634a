"""The command as a process: a user's mistake gets one line, and never a traceback."""

import os
import re
import signal
import socket
import sqlite3
import stat
import time

import pytest

from running import PASSWORD, READING, Process, Running, Site, free_port, make_installation, run
from wattkeep import __version__


def complaint(*words, **settings):
    """Return the one line a command ends with."""
    done = run(*words, **settings)
    assert done.returncode != 0
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return line


def test_version_and_help_need_no_data_folder(tmp_path):
    done = run("--version", WATTKEEP_DATA_DIR=str(tmp_path / "never-made"))

    assert done.stdout == f"wattkeep, version {__version__}\n"
    assert not (tmp_path / "never-made").exists()


def test_data_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()

    line = complaint("up", "--data-dir", tmp_path / "file" / "inside")

    assert line.startswith("Error: the data folder cannot be used: ")
    assert line.endswith("Choose another with --data-dir.")


@pytest.mark.parametrize(
    "words",
    [("user", "list"), ("device", "list"), ("doctor",), ("storage",), ("secrets", "rotate")],
    ids=" ".join,
)
def test_a_mistyped_data_folder_is_named_and_not_made(tmp_path, words):
    line = complaint(*words, "--data-dir", tmp_path / "wattkep")

    assert line.startswith(f"Error: there is no installation in {tmp_path / 'wattkep'}.")
    assert list(tmp_path.iterdir()) == []


def test_database_that_is_none_is_one_line(tmp_path):
    (tmp_path / "wattkeep.sqlite3").write_bytes(b"this is no database" * 100)

    assert complaint("user", "list", "--data-dir", tmp_path).startswith("Error: ")


def test_setting_that_makes_no_sense_is_one_line(tmp_path):
    line = complaint("up", "--data-dir", tmp_path, WATTKEEP_HIGH_POWER_W="much")

    assert line == "Error: WATTKEEP_HIGH_POWER_W='much': this must be a number."


def test_port_that_is_taken_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]

        line = complaint("up", "--host", "127.0.0.1", "--port", port, "--data-dir", tmp_path)

    assert line == (
        f"Error: cannot listen at 127.0.0.1:{port}: Address already in use."
        " Choose another with --port or --host."
    )


def test_data_folder_and_what_is_in_it_belong_to_its_owner_only(tmp_path):
    folder = tmp_path / "data"
    before = os.umask(0o022)
    try:
        make_installation(folder)
    finally:
        os.umask(before)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secret-key").stat().st_mode) == 0o600
    assert len((folder / "secret-key").read_text()) >= 50


def test_manage_reaches_djangos_commands(tmp_path):
    done = run("manage", "--data-dir", tmp_path, "check", "--fail-level", "WARNING")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "System check identified no issues (0 silenced).\n"


def test_manage_does_not_know_a_command_that_there_is_not(tmp_path):
    done = run("manage", "frobnicate", WATTKEEP_DATA_DIR=str(tmp_path))

    assert done.returncode != 0
    assert "Unknown command: 'frobnicate'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Return a server nobody has an account at yet."""
    with Running(tmp_path_factory.mktemp("fresh")) as running:
        yield running


def test_first_start_prints_a_code_for_the_first_account(fresh):
    invitation, code = fresh.process.line(), fresh.process.line()

    assert invitation == (f"Nobody has an account yet. Make the first one at {fresh.url}/register/")
    found = re.fullmatch(r"with this one-time code: (\d{4}-\d{4}-\d{4})", code)
    assert found
    assert (fresh.data_dir / "setup-code").read_text() == found[1]


def test_server_answers_and_keeps_its_database_private(fresh):
    assert fresh.get("/healthz").body == {"status": "ok"}
    assert fresh.get("/api/realtime/1/").status == 401
    mode = (fresh.data_dir / "wattkeep.sqlite3").stat().st_mode
    assert stat.S_IMODE(fresh.data_dir.stat().st_mode) & 0o077 == 0 or mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_ends_when_it_is_told_and_says_nothing(tmp_path, number):
    port = free_port()
    words = ("up", "--host", "127.0.0.1", "--port", port, "--data-dir", tmp_path)
    with Process(*words, log=tmp_path / "log") as server:
        assert server.line() == f"Wattkeep is running at http://127.0.0.1:{port}"
        status = server.end(number)

    assert status == 0
    assert (tmp_path / "log").read_text() == ""
    with sqlite3.connect(tmp_path / "wattkeep.sqlite3") as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_user_who_was_added_can_log_in_and_see_the_device(server):
    device, key = server.add_device("Command")
    browser = Site(server.url)

    assert browser.post(key, READING).status == 201
    assert browser.get(f"/api/realtime/{device}/").status == 401
    assert browser.log_in("ada", "not-the-password").status == 200
    assert browser.log_in("ada", PASSWORD).status == 302
    body = browser.get(f"/api/realtime/{device}/").body
    assert (body["power"], body["status"]) == (540.67, "online")
    browser.close()


def test_workers_end_with_the_process_that_started_them(tmp_path):
    port = free_port()
    words = ("serve", "--workers", 2, "--host", "127.0.0.1", "--port", port)
    with Process(*words, "--data-dir", tmp_path / "data", log=tmp_path / "log") as server:
        assert server.line() == f"Wattkeep is running at http://127.0.0.1:{port} with 2 workers"

        server.end(signal.SIGKILL)

    def is_free():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    deadline = time.monotonic() + 30
    while not is_free():
        assert time.monotonic() < deadline
        time.sleep(0.05)

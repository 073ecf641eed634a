"""Signs of life: a file that is young, or a reason."""

import os
import socket
import time

import pytest

from running import run
from wattkeep.heartbeat import FRESH_S, LEFT_BEHIND_S, START, beat_file, find_silence, show_life


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WATTKEEP_DATA_DIR", str(tmp_path))
    return tmp_path


def test_sign_is_good_for_a_minute_and_nobody_elses_to_read():
    show_life("worker")
    now = beat_file("worker").stat().st_mtime

    assert beat_file("worker").stat().st_mode & 0o777 == 0o600
    assert find_silence("worker", lambda: now + FRESH_S) == ""
    assert find_silence("worker", lambda: now + 90) == (
        "the worker showed its last sign of life 90 s ago"
    )
    # Set back since.
    assert find_silence("worker", lambda: now - 90).endswith("90 s ago")
    assert find_silence("beat") == (
        "no beat has shown a sign of life here: No such file or directory"
    )


def test_long_names_of_machines_are_told_apart(monkeypatch):
    names = ["house", *(f"{'wattkeep-worker-' * 3}{number}" for number in range(2))]
    files = []
    for name in names:
        monkeypatch.setattr(socket, "gethostname", lambda name=name: name)
        files.append(beat_file("worker").name)

    assert files[0] == f"{START}worker-house"
    assert len(set(files)) == len(names)
    assert max(map(len, files)) < len(f"{START}worker-") + 40


def test_signs_of_those_gone_for_good_are_swept(folder):
    old = folder / f"{START}worker-gone"
    old.touch()
    os.utime(old, 2 * (time.time() - LEFT_BEHIND_S - 1,))
    young = folder / f"{START}worker-neighbour"
    young.touch()

    show_life("worker")

    assert set(folder.iterdir()) == {young, beat_file("worker")}


def test_worker_that_cannot_write_works_on(folder, caplog):
    (folder / "a-file").touch()
    os.environ["WATTKEEP_DATA_DIR"] = str(folder / "a-file")

    show_life("beat")

    assert "the beat cannot show a sign of life: " in caplog.text


def test_check_ends_with_the_reason_and_starts_nothing(folder):
    dead = run("worker", "--check", "--data-dir", folder)
    show_life("worker")
    alive = run("worker", "--check", "--data-dir", folder)

    assert (dead.returncode, alive.returncode) == (1, 0)
    assert dead.stderr.startswith("Error: no worker has shown a sign of life here")
    assert alive.stdout == "The worker shows signs of life.\n"
    assert set(folder.iterdir()) == {beat_file("worker")}

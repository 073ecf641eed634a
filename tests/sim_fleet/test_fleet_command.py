"""`wattkeep sim fleet` against a real server: what is acknowledged is stored, exactly once."""

import json
import signal
import sqlite3
import stat
import time
from contextlib import closing

import pytest

from running import PATIENCE_S, Process, Running, run

TROUBLE = ("--outages", 0.2, "--outage-windows", 2, "--silent", 0.1, "--lost", 0.1, "--drain", 40)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    # Its own: thousands of readings are nothing to share.
    with Running(tmp_path_factory.mktemp("fleet")) as running:
        yield running


def stored(site):
    """Return how many readings and silent windows there are, and what boots have settled."""
    (path,) = site.data_dir.glob("*.sqlite3")
    with closing(sqlite3.connect(path)) as db:
        return db.execute(
            "SELECT (SELECT count(*) FROM monitoring_energyreading),"
            " (SELECT coalesce(sum(windows), 0) FROM monitoring_meterevent WHERE kind='silent'),"
            " (SELECT coalesce(sum(last_seq), 0) FROM monitoring_deviceboot),"
            " (SELECT count(*) FROM monitoring_deviceboot WHERE ahead != '')"
        ).fetchone()


@pytest.mark.parametrize("words", [(), ("--signed",)], ids=["keys", "signed"])
def test_every_acknowledged_reading_is_stored_exactly_once(site, words):
    readings, silent, settled, _ = stored(site)

    out = site.run(
        *("sim", "fleet", "--url", site.url, "--devices", 50, "--interval", 0.5),
        *("--duration", 5, "--json", *TROUBLE, *words),
    )

    tally = json.loads(out)["tally"]
    assert tally["lost_answers"] > 0
    assert tally["duplicates"] > 0
    assert tally["silent"] > 0
    assert (tally["backlog"], tally["refused"], tally["parked"], tally["errors"]) == (0, 0, 0, {})
    assert tally["made"] == tally["acked"] + tally["silent"]
    assert stored(site) == (
        readings + tally["acked"],
        silent + tally["silent"],
        settled + tally["made"],
        0,
    )


def test_keys_are_written_once_and_serve_without_the_installation(site, tmp_path):
    path = tmp_path / "keys"
    words = ("sim", "fleet", "--url", site.url, "--interval", 0.5, "--duration", 1, "--keys", path)

    site.run(*words, "--devices", 3)
    mode, keys = stat.S_IMODE(path.stat().st_mode), path.read_text().split()
    done = run(*words, "--json", WATTKEEP_DATA_DIR=str(tmp_path / "elsewhere"))

    assert (mode, len(set(keys))) == (0o600, 3)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["devices"] == 3
    assert not (tmp_path / "elsewhere").exists()


def test_too_few_keys_are_told_in_one_line(tmp_path):
    path = tmp_path / "keys"
    path.write_text("one_a\n")

    done = run("sim", "fleet", "--devices", 2, "--keys", path)

    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {path} holds 1 keys for 2 devices.")
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_with_the_summary(site, tmp_path):
    before = stored(site)[0]
    words = ("--url", site.url, "--devices", 5, "--interval", 0.2, "--data-dir", site.data_dir)
    with Process("sim", "fleet", *words, log=tmp_path / "fleet.log") as fleet:
        until = time.monotonic() + PATIENCE_S
        while stored(site)[0] == before and time.monotonic() < until:
            time.sleep(0.05)

        status = fleet.end(signal.SIGINT)

    lines = fleet.rest()
    assert status == 0
    assert lines[0].startswith("5 devices in ")
    assert any(line.startswith("readings ") for line in lines)


def test_a_refused_key_is_told_in_the_servers_words(site, tmp_path):
    path = tmp_path / "keys"
    path.write_text("unknown_key\n")
    words = ("--url", site.url, "--interval", 0.2, "--duration", 1, "--keys", path)

    done = run("sim", "fleet", *words)

    assert done.returncode == 1
    assert "x status 401" in done.stdout
    assert "Invalid API key" in done.stdout
    assert done.stderr.endswith("Error: not one reading was acknowledged.\n")

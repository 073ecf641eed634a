"""`wattkeep replay` against a real server: everything stored, once, even through a crash."""

import json
import lzma
import re
import sqlite3
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files

import pytest

from running import READING, Process, Running, run
from sim.patience import wait_until

# The data set's clock, all year.
ZONE = "Etc/GMT-1"
FIRST_DAY = date(2007, 12, 4)


def sample_lines():
    packed = files("wattkeep.sim").joinpath("data/household-2007-12.txt.xz").read_bytes()
    return lzma.decompress(packed).decode().splitlines()


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Return a file with one real day, Tuesday 4 December 2007, and its kWh."""
    header, *rows = sample_lines()
    rows = rows[1440:2880]
    path = tmp_path_factory.mktemp("data") / "day.txt"
    path.write_text("\n".join([header, *rows, ""]))
    return path, sum(float(row.split(";")[2]) for row in rows) / 60


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Running(tmp_path_factory.mktemp("replay")) as running:
        running.run(
            "user", "add", "ada", "--password-stdin", "--time-zone", ZONE,
            stdin="lantern-orbit-7\n",
        )  # fmt: skip
        yield running


def stored(site, device=None):
    with sqlite3.connect(site.data_dir / "wattkeep.sqlite3") as db:
        only = "" if device is None else f" WHERE device_id = {device}"
        [(count,)] = db.execute("SELECT count(*) FROM monitoring_energyreading" + only)
    db.close()
    return count


def replay(site, path, *words):
    where = ("--url", site.url, "--data-dir", site.data_dir)
    done = run("replay", path, *where, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return done.stdout


def test_real_day_is_stored_once_and_its_energy_is_the_data_sets(site, day):
    path, expected_kwh = day
    device, _ = site.add_device("House")
    yesterday = (datetime.now(UTC) + timedelta(hours=1)).date() - timedelta(days=1)
    words = ("--device", "House", "--shift-days", str((yesterday - FIRST_DAY).days))

    first = replay(site, path, *words)
    assert stored(site, device) == 1441
    again = replay(site, path, *words)

    assert first == (
        "1,440 rows, 0 of them without values; "
        "1,441 readings sent: 1,441 stored, 0 known already, 0 refused.\n"
    )
    assert again == (
        "1,440 rows, 0 of them without values; "
        "1,441 readings sent: 0 stored, 1,441 known already, 0 refused.\n"
    )
    assert stored(site, device) == 1441
    site.log_in("ada")
    week = site.get(f"/api/dashboard/{device}/").body["weekly_consumption"]
    [kwh] = [row["consumption"] for row in week if row["date"] == yesterday.isoformat()]
    assert abs(kwh - expected_kwh) <= 0.001


def test_server_killed_in_the_middle_keeps_what_it_acknowledged(site, tmp_path):
    header, *rows = sample_lines()
    path = tmp_path / "days.txt"
    path.write_text("\n".join([header, *rows[:5760], ""]))
    device, key = site.add_device("Crash")
    log = tmp_path / "replay.log"

    words = ("replay", path, "--key", key, "--url", site.url, "--batch", "20")
    with Process(*words, log=log, WATTKEEP_DATA_DIR=str(tmp_path)) as replaying:
        for share in (500, 2500):
            wait_until(lambda least=share: stored(site, device) >= least)
            site.kill()
            kept = stored(site, device)
            site.start()
            # What waits to be sent may be quicker than we are.
            assert stored(site, device) >= kept
        [report] = replaying.rest()
        status = replaying.process.wait(60)

    sent, new, known, refused = (
        int(number.replace(",", ""))
        for number in re.search(
            r"([\d,]+) readings sent: ([\d,]+) stored, ([\d,]+) known already, ([\d,]+) refused",
            report,
        ).groups()
    )
    assert (status, sent, new + known, refused) == (0, 5761, 5761, 0)
    # A batch that was stored but never answered was sent again: one a crash at most.
    assert known <= 2 * 20
    assert stored(site, device) == 5761


def test_own_csv_is_read_too_and_refusals_are_told(site, tmp_path):
    device, key = site.add_device("Own")
    path = tmp_path / "own.csv"
    at = "2025-01-06T10:00:{:02}Z"
    values = [READING[n] for n in ("voltage", "current", "power", "energy", "frequency")]
    lines = ["timestamp,voltage,current,power,energy,frequency,power_factor"]
    lines += [",".join(map(str, [at.format(n), *values, 0.98])) for n in range(5)]
    lines += [",".join(map(str, [at.format(9), 600, *values[1:], 0.98]))]
    path.write_text("\n".join(lines))

    done = run("replay", path, "--key", key, "--url", site.url)

    assert done.returncode == 1
    assert done.stdout == (
        "6 rows, 0 of them without values; 6 readings sent: 5 stored, 0 known already, 1 refused.\n"
    )
    assert "refused: 2025-01-06T10:00:09+00:00: " in done.stderr
    assert "less than or equal to 500" in done.stderr
    assert stored(site, device) == 5


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "say which device: either --device NAME or --key KEY."),
        (("--key", "x", "--device", "y"), "say which device: either --device NAME or --key KEY."),
        (("--key", "no-such-key"), "Error: the server refuses the key: Invalid API key"),
        (("--device", "Nowhere"), "Error: there is no device called 'Nowhere'."),
    ],
)
def test_mistake_is_told_without_a_traceback(site, day, words, complaint):
    done = run("replay", day[0], "--url", site.url, "--data-dir", site.data_dir, *words)

    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_file_that_is_none_of_ours_is_told_by_name(site, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text(json.dumps({"not": "a table"}))

    done = run("replay", path, "--key", "x", "--url", site.url)

    assert done.returncode == 1
    assert "notes.txt: the header" in done.stderr
    assert "Traceback" not in done.stderr

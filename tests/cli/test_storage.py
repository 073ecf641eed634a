"""`wattkeep storage` tells a stranger what takes room, seals days, and finds damaged ones."""

import json
import sqlite3
from contextlib import closing

import pytest

from ledger.days import DAY, DAY_MS, STEPS, household
from running import PASSWORD, make_installation, run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return the folder of an installation with two days of a device in its rows."""
    folder = tmp_path_factory.mktemp("home")
    make_installation(folder)
    run("user", "add", "ada", "--password-stdin", "--data-dir", folder, stdin=f"{PASSWORD}\n")
    assert run("device", "add", "House", "--user", "ada", "--data-dir", folder).returncode == 0
    timestamps, values = household(200, step_ms=DAY_MS // 100)
    columns = ", ".join(["device_id", "timestamp", *STEPS])
    rows = zip(timestamps.tolist(), *(values[name].tolist() for name in STEPS), strict=True)
    with closing(sqlite3.connect(folder / "wattkeep.sqlite3")) as db, db:
        db.executemany(
            f"INSERT INTO monitoring_energyreading ({columns}) VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    return folder


def test_days_are_sealed_shown_checked_and_found_damaged(home):
    sealed = run("storage", "seal", "--data-dir", home)
    assert (sealed.returncode, sealed.stdout) == (0, "Sealed 2 device-days.\n")

    shown = run("storage", "--data-dir", home)
    assert (shown.returncode, shown.stderr) == (0, "")
    for words in ("readings of sealed days", "200", "House", "for good (as now)", "for 30 days"):
        assert words in shown.stdout

    told = json.loads(run("storage", "--json", "--data-dir", home).stdout)
    assert told["database"]["blocks"]["rows"] == 2
    assert told["devices"][0]["sealed_readings"] == 200
    assert told["choices"][0]["keep_raw_days"] is None
    assert told["disk"]["free_bytes"] > 0

    whole = run("storage", "verify", "--data-dir", home)
    assert (whole.returncode, whole.stdout) == (0, "2 device-days: every one can be read.\n")

    shrunk = run("storage", "shrink", "--data-dir", home)
    assert (shrunk.returncode, shrunk.stderr) == (0, "")
    again = json.loads(run("storage", "--json", "--data-dir", home).stdout)
    assert again["database"]["free_bytes"] == 0 < told["database"]["free_bytes"]

    with closing(sqlite3.connect(home / "wattkeep.sqlite3")) as db, db:
        db.execute("UPDATE monitoring_readingblock SET checksum = 1 WHERE day = ?", [DAY])
    damaged = run("storage", "verify", "--data-dir", home)
    assert damaged.returncode == 1
    assert damaged.stderr == (
        "Error: The sealed readings of device 1 on 2026-06-01 (UTC) cannot be read:"
        " the checksum is wrong.\n"
    )

    # Those who meet the day on their way name it as well, in one line.
    with closing(sqlite3.connect(home / "wattkeep.sqlite3")) as db, db:
        db.execute(
            "UPDATE monitoring_readingblock SET energy = zeroblob(length(energy)) WHERE day = ?",
            [DAY],
        )
    exported = run("export", "--device", "House", "--data-dir", home)
    rebuilt = run("ledger", "rebuild", "--data-dir", home)
    assert (exported.returncode, rebuilt.returncode) == (1, 1)
    for ended in (exported, rebuilt):
        *_, line = ended.stderr.splitlines()
        assert line.startswith("Error: ")
        assert "device 1 on 2026-06-01 (UTC) cannot be read" in line

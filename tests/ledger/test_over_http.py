"""A server that was away for two days, and boards that kept what they could."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from running import READING, Running
from sim.patience import wait_until

STEP_S = 60
BEFORE = 120  # minutes of readings before the server stops
AWAY = 2 * 1440
W = 600
# Each envelope's worth of windows.
PART = 1000


@pytest.fixture
def server(tmp_path):
    """Return a server of this test's own: it is stopped."""
    with Running(tmp_path / "data") as running:
        running.add_user("ada")
        yield running


def ask(server, sql):
    with closing(sqlite3.connect(server.data_dir / "wattkeep.sqlite3", timeout=30)) as db, db:
        return db.execute(sql).fetchall()


def counter_wh(minute):
    return 5000 + minute * W // 60


def plain(minutes, begin_s):
    """Return readings with times of their own."""
    return [
        {
            **READING,
            "power": W,
            "current": 2.6,
            "energy": counter_wh(minute) / 1000,
            "timestamp": begin_s + minute * STEP_S,
        }
        for minute in minutes
    ]


def envelope(minutes, begin_s, boot):
    """Return the same as a board sends what it kept: numbers and ages."""
    now_s = time.time()
    return {
        "boot": boot,
        "uptime_s": 200_000,
        "firmware": "1.0.0",
        "rssi_dbm": -60,
        "free_heap": 20_000,
        "readings": [
            [minute + 1, round((now_s - begin_s - minute * STEP_S) * 1000), 2305, 2600, W * 10,
             counter_wh(minute), 500, 98, 100, 4]
            for minute in minutes
        ],
    }  # fmt: skip


def figures(server, device, begin_s):
    """Return consumption by hour and events, from the server's own answers."""
    start = datetime.fromtimestamp(begin_s, UTC)
    span = {
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=BEFORE + AWAY + 60)).isoformat(),
    }
    base = f"/api/v1/devices/{device}"
    used = server.get(f"{base}/consumption/?{urlencode({**span, 'by': 'hour'})}")
    events = server.get(f"{base}/events/?{urlencode(span)}")
    assert (used.status, events.status) == (200, 200), (used.body, events.body)
    return used.body, events.body


def test_two_days_away_show_only_where_nothing_was_kept(server):
    # On a full hour, so that every hour is whole; long enough ago for all of it to be over.
    begin_s = (int(time.time()) // 3600 - (BEFORE + AWAY) // 60 - 3) * 3600
    kept, lost = server.add_device("Kept"), server.add_device("Lost")
    for _, key in (kept, lost):
        assert server.post(key, plain(range(BEFORE), begin_s)).status == 201
    assert server.process.end() == 0
    # As if the half minute until the next run were over.
    ask(server, "DELETE FROM monitoring_lease")

    server.start()
    made = "SELECT count(DISTINCT device_id) FROM monitoring_energyslot"
    wait_until(lambda: ask(server, made) == [(2,)])
    server.log_in("ada")
    everything = range(BEFORE, BEFORE + AWAY + 60)
    for first in range(everything.start, everything.stop, PART):
        minutes = everything[first - BEFORE : first - BEFORE + PART]
        assert server.post(kept[1], envelope(minutes, begin_s, "b0a7d001")).status == 201
    after = range(BEFORE + AWAY, BEFORE + AWAY + 60)
    assert server.post(lost[1], plain(after, begin_s)).status == 201
    # What the server's own ticker does within the minute.
    assert server.run("ledger", "rebuild").endswith("Nothing differs.\n")

    (used, events), (used_lost, events_lost) = (
        figures(server, device, begin_s) for device, _ in (kept, lost)
    )
    hours, hours_lost = used["rows"], used_lost["rows"]
    whole = hours[1:-1]
    assert len(hours) == (BEFORE + AWAY) // 60 + 1
    assert all(abs(row["consumption"] - W / 1000) < 0.001 for row in whole)
    assert all(row["estimated"] == 0 for row in hours)
    assert [event["kind"] for event in events if event["kind"] != "boot"] == []

    expected_kwh = (counter_wh(BEFORE + AWAY + 59) - counter_wh(0)) / 1000
    for rows in (hours, hours_lost):
        assert sum(row["consumption"] for row in rows) == pytest.approx(expected_kwh, abs=1e-6)
    [gap] = [event for event in events_lost if event["kind"] != "boot"]
    assert gap["kind"] == "gap"
    assert sum(row["estimated"] for row in hours_lost) == pytest.approx(
        (counter_wh(BEFORE + AWAY) - counter_wh(BEFORE - 1)) / 1000, abs=1e-6
    )

"""`wattkeep import` as people call it: told what happens, killed, run again, beside a server."""

import json
import lzma
import re
import sqlite3
from importlib.resources import files

import pytest

from running import READING, Process, Running, run
from sim.patience import wait_until

HEADER = "timestamp,voltage,current,power,energy,frequency,power_factor"


def sample_lines():
    packed = files("wattkeep.sim").joinpath("data/household-2007-12.txt.xz").read_bytes()
    return lzma.decompress(packed).decode().splitlines()


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory):
    """Return the packaged two weeks as they are, and their kWh."""
    _, *rows = sample_lines()
    path = tmp_path_factory.mktemp("data") / "household.txt.xz"
    path.write_bytes(files("wattkeep.sim").joinpath("data/household-2007-12.txt.xz").read_bytes())
    return path, sum(float(row.split(";")[2]) for row in rows) / 60


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Running(tmp_path_factory.mktemp("import")) as running:
        running.add_user("ada")
        yield running


def ask(site, query, *parameters):
    with sqlite3.connect(site.data_dir / "wattkeep.sqlite3") as db:
        found = db.execute(query, parameters).fetchall()
    db.close()
    return found


def sealed(site, device):
    query = "SELECT count(*), coalesce(sum(count), 0) FROM monitoring_readingblock"
    return ask(site, f"{query} WHERE device_id = ?", device)[0]


def used_kwh(site, device):
    query = "SELECT sum(measured_mwh + estimated_mwh) FROM monitoring_energyslot"
    return (ask(site, f"{query} WHERE device_id = ?", device)[0][0] or 0) / 1e6


def bring_in(site, path, *words, status=0):
    done = run("import", path, "--data-dir", site.data_dir, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    return done


def test_a_dry_run_tells_all_and_stores_nothing(site, fortnight):
    path, kwh = fortnight
    device, _ = site.add_device("Dry")

    told = bring_in(site, path, "--device", "Dry", "--dry-run").stdout

    assert told == (
        "household.txt.xz: the UCI household data set.\n"
        "  its clock is UTC+01:00 all year; the counter is made from active power, from 0.\n"
        "  20,161 readings from 2007-12-02 23:00:00 UTC to 2007-12-16 23:00:00 UTC, mostly 60 s "
        "apart; 0 lines without a value, 0 refused.\n"
        f"  {int(kwh * 1000) / 1000:.3f} kWh in all.\n"
        "  No gap over 5 minutes.\n"
        "  Dry has no readings yet.\n"
        "Nothing was stored: this was a dry run.\n"
    )
    assert sealed(site, device) == (0, 0)


def test_killed_anywhere_and_run_again_everything_is_there_once(site, fortnight, tmp_path):
    path, kwh = fortnight
    device, _ = site.add_device("Killed")
    words = ("import", path, "--device", "Killed", "--data-dir", site.data_dir)

    for days in (1, 5, 9):
        with Process(*words, log=tmp_path / "import.log") as importing:
            wait_until(
                lambda least=days, one=importing: (
                    sealed(site, device)[0] >= least or one.process.poll() is not None
                )
            )
    told = bring_in(site, path, "--device", "Killed").stdout

    new, known = re.search(r"([\d,]+) readings stored; ([\d,]+) were there already", told).groups()
    assert int(new.replace(",", "")) + int(known.replace(",", "")) == 20161
    assert told.endswith("Its quarter-hours, days and totals are up to date.\n")
    assert sealed(site, device) == (15, 20161)
    assert abs(used_kwh(site, device) - kwh) < 0.001
    assert "0 readings stored; 20,161 were" in bring_in(site, path, "--device", "Killed").stdout
    assert abs(used_kwh(site, device) - kwh) < 0.001


def test_history_goes_before_what_a_server_is_storing(site, tmp_path):
    device, key = site.add_device("Live")
    at = "2026-01-06T10:{:02}:00Z"
    path = tmp_path / "past.csv"
    values = "230.5,2.345,540.67,{},50.0,0.98"
    minutes = [f"2026-01-05T{n // 60:02}:{n % 60:02}:00Z" for n in range(1440)]
    path.write_text(
        "\n".join(
            [HEADER, *(f"{one},{values.format(5 + n / 100)}" for n, one in enumerate(minutes))]
        )
    )
    for minute in range(3):
        reading = {**READING, "timestamp": at.format(minute), "energy": 12 + minute / 100}
        assert site.post(key, reading).status == 201

    plain = bring_in(site, path, "--device", str(device), "--dry-run").stdout
    told = bring_in(site, path, "--device", str(device), "--align").stdout
    for minute in range(3, 6):
        reading = {**READING, "timestamp": at.format(minute), "energy": 12 + minute / 100}
        assert site.post(key, reading).status == 201

    assert "The counters do not join: the file's 19.390 kWh at 2026-01-05 23:59:00 UTC" in plain
    assert "Live's own 12.000 kWh at 2026-01-06 10:00:00 UTC" in plain
    assert "--align shifts the file's counter so that they meet." in plain
    assert "Each counter is shifted by -7.390 kWh." in told
    assert "The counters join: the file's 12.000 kWh" in told
    assert "1,440 readings stored; 0 were there already." in told
    # The 14.39 kWh of the day, and what the board has counted since, to the last run's end.
    assert 14.39 <= round(used_kwh(site, device), 3) <= 14.44


def test_refused_lines_are_told_and_the_rest_is_stored(site, tmp_path):
    device, _ = site.add_device("Refusing")
    path = tmp_path / "some.csv"
    rows = [f"2026-01-05T10:{n:02}:00Z,230,1,230,{n / 1000},50,1" for n in range(60)]
    rows[10:10] = [f"2026-01-05T09:{n:02}:00Z,230,1,lots,1,50,1" for n in range(30)]
    path.write_text("\n".join([HEADER, *rows]))

    done = bring_in(site, path, "--device", "Refusing", status=1)

    assert "60 readings stored; 0 were there already." in done.stdout
    assert "refused: line 12: power is not a number: 'lots'\n" in done.stderr
    assert "  and 10 more:\n    30 × power is not a number\n" in done.stderr
    assert sealed(site, device) == (1, 60)


def test_hourly_statistics_are_said_to_be_coarse(site, tmp_path):
    site.add_device("Hourly")
    path = tmp_path / "statistics.json"
    hours = [{"start": f"2026-01-05T{n:02}:00:00+00:00", "sum": n, "state": n} for n in range(24)]
    path.write_text(json.dumps({"sensor.energy": hours}))

    told = bring_in(site, path, "--device", "Hourly", "--unit", "kWh", "--dry-run").stdout

    assert "statistics.json: statistics from Home Assistant.\n" in told
    assert "  the counter is made from sensor.energy.\n" in told
    assert "24 readings from 2026-01-05 01:00:00 UTC to 2026-01-06 00:00:00 UTC" in told
    assert "Readings 60 minutes apart: what is used between two of them is exact" in told


@pytest.mark.parametrize(
    ("content", "words", "complaint"),
    [
        ("a,b\n1,2\n", ("--device", "Nowhere"), "Error: there is no device called 'Nowhere'."),
        ("a,b\n", (), "Error: file.csv: not a format that is known: the first line is 'a,b'."),
        ("", (), "Error: file.csv: the file is empty"),
        (f"{HEADER}\n", (), "Error: file.csv: no reading in it"),
        ("a,b\n", ("--zone", "Mars/Olympus"), "'Mars/Olympus' is no time zone"),
        ("1700000000,1\n1700000010,2\n", (), "add --unit W, kW, Wh or kWh"),
    ],
    ids=["device", "format", "empty", "no reading", "zone", "unit"],
)
def test_mistakes_are_told_in_a_line(site, tmp_path, content, words, complaint):
    if not ask(site, "SELECT 1 FROM monitoring_device WHERE name = 'Mistaken'"):
        site.add_device("Mistaken")
    path = tmp_path / "file.csv"
    path.write_text(content)
    words = words if "--device" in words else (*words, "--device", "Mistaken")

    done = run("import", path, "--data-dir", site.data_dir, *words)

    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_on_postgresql_it_is_the_same(postgres_url, fortnight, tmp_path):
    import psycopg

    path, kwh = fortnight
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE DATABASE import_tests")
        parts = psycopg.conninfo.conninfo_to_dict(db.info.dsn) | {"dbname": "import_tests"}
    url = "postgresql://{user}@/{dbname}?host={host}".format(**parts)
    where = {"WATTKEEP_DATABASE_URL": url, "WATTKEEP_DATA_DIR": str(tmp_path)}
    for words in (
        ("user", "add", "ada", "--password-stdin"),
        ("device", "add", "House", "--user", "ada"),
        ("import", path, "--device", "House"),
        ("import", path, "--device", "House"),
    ):
        done = run(*words, stdin="lantern-orbit-7\n", **where)
        assert done.returncode == 0, done.stderr

    assert "0 readings stored; 20,161 were there already." in done.stdout
    with psycopg.connect(psycopg.conninfo.make_conninfo(**parts)) as db:
        [(count,)] = db.execute("SELECT sum(count) FROM monitoring_readingblock").fetchall()
        [(mwh,)] = db.execute(
            "SELECT sum(measured_mwh + estimated_mwh) FROM monitoring_energyslot"
        ).fetchall()
    assert count == 20161
    assert abs(float(mwh) / 1e6 - kwh) < 0.001

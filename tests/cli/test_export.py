"""`wattkeep export`: files that `wattkeep import` takes back."""

import pytest

from running import Running, run

READINGS = [
    {"timestamp": 1767261600 + n * 10, "voltage": 230.1, "current": 1.5, "power": 340.25 + n,
     "energy": 5 + n / 1000, "frequency": 50.0, "power_factor": 0.97}
    for n in range(3)
]  # fmt: skip
HEADER = "timestamp,voltage,current,power,energy,frequency,power_factor\n"
LINES = [
    f"2026-01-01T10:00:{n}0.000Z,230.1,1.5,{340.25 + n},{5 + n / 1000},50.0,0.97\n"
    for n in range(3)
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """Return the data folder of an installation with a device called House."""
    with Running(tmp_path_factory.mktemp("export")) as running:
        running.add_user("ada")
        _, key = running.add_device("House")
        assert running.post(key, READINGS).status == 201
    return running.data_dir


def export(installation, *words):
    done = run("export", "--device", "House", "--data-dir", installation, *words)
    return done.returncode, done.stdout, done.stderr


def test_readings_are_written_to_standard_output(installation):
    assert export(installation) == (0, HEADER + "".join(LINES), "")


def test_span_is_cut_on_the_sites_clock(installation):
    words = ("--start", "2026-01-01T11:00:10+01:00", "--end", "2026-01-02")

    assert export(installation, *words) == (0, HEADER + "".join(LINES[1:]), "")


def test_folder_that_is_not_there_is_named(installation, tmp_path):
    done = export(installation, "--output", tmp_path / "nowhere" / "house.csv")

    assert done == (1, "", f"Error: there is no folder {tmp_path / 'nowhere'}.\n")


def test_end_before_the_start_is_refused(installation):
    done = export(installation, "--start", "2026-01-02", "--end", "2026-01-01")

    assert done == (1, "", "Error: the end must lie after the start.\n")


def test_file_is_written_once_and_whole(installation, tmp_path):
    file = tmp_path / "house.csv"

    first = export(installation, "--output", file)
    again = export(installation, "--output", file)

    assert first == (0, "", f"Wrote {file}.\n")
    assert again == (1, "", f"Error: {file} is there already; choose another name.\n")
    assert file.read_text() == HEADER + "".join(LINES)
    assert list(tmp_path.iterdir()) == [file]


def test_quarter_hours_are_kwh(installation):
    status, out, _ = export(installation, "--slots")

    lines = out.splitlines()
    assert (status, len(lines)) == (0, 2)
    assert lines[1].startswith("2026-01-01T10:00:00Z,2026-01-01T10:15:00Z,0.002,0.002,0.0,0.0,3,")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--start", "yesterday"), "--start: 'yesterday' is no time."),
        (("--end", "2026-01-01T10:00"), "--end: '2026-01-01T10:00' has no offset"),
    ],
)
def test_time_that_cannot_be_read_is_one_line(installation, words, error):
    status, out, err = export(installation, *words)

    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"Error: {error}")

import json

from running import make_installation, run


def test_doctor_prints_words_and_json_and_its_exit_status_tells(tmp_path):
    make_installation(tmp_path / "data")
    (tmp_path / "data/secret-key").chmod(0o644)

    words = run("doctor", "--data-dir", tmp_path / "data")
    rows = run("doctor", "--json", "--data-dir", tmp_path / "data")

    assert words.returncode == rows.returncode == 1
    assert "Other users of this machine can read" in words.stdout
    checks = {row["check"] for row in json.loads(rows.stdout)}
    assert {"file-modes", "no-backups", "no-account"} <= checks


def test_doctor_names_a_damaged_database(tmp_path):
    make_installation(tmp_path)
    file = tmp_path / "wattkeep.sqlite3"
    content = bytearray(file.read_bytes())
    content[8192:40960] = bytes(b ^ 0x55 for b in content[8192:40960])
    file.write_bytes(content)
    for beside in tmp_path.glob("wattkeep.sqlite3-*"):
        beside.unlink()

    done = run("doctor", "--json", "--data-dir", tmp_path)

    assert done.returncode == 2
    assert {"database", "database-damaged"} & {row["check"] for row in json.loads(done.stdout)}
    assert "check-failed" not in done.stdout
    assert "Traceback" not in done.stderr

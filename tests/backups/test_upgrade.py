"""Installations of every version there was: they open, come up to date, and show their figures."""

import json
from pathlib import Path

import pytest

from running import READING, Running, run
from upgrading import figures

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
FILES = sorted(FIXTURES.glob("*.wattkeep"))
SETTINGS = {"WATTKEEP_BACKUP_PASSPHRASE": "upgrade fixture"}


def test_there_is_one_of_each_database():
    assert {path.stem.rpartition("-")[2] for path in FILES} == {"sqlite", "postgres"}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_an_old_installation_comes_up_to_date_and_shows_the_same(file, tmp_path, request):
    expected = json.loads(file.with_suffix(".json").read_text())
    key, password = expected.pop("key"), expected.pop("password")
    settings = {**SETTINGS, "WATTKEEP_DATA_DIR": str(tmp_path / "data")}
    if file.stem.endswith("postgres"):
        settings["WATTKEEP_DATABASE_URL"] = request.getfixturevalue("new_database")

    done = run("restore", file, **settings)

    assert done.returncode == 0, done.stderr
    assert figures(settings) == expected
    with Running(tmp_path / "data", **settings) as server:
        assert server.post(key, READING).status == 201
        assert server.log_in("ada", password).status == 302
        assert server.get("/").status == 200


@pytest.fixture
def new_database(postgres_url):
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP DATABASE IF EXISTS upgraded")
        db.execute("CREATE DATABASE upgraded")
    head, _, options = postgres_url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/upgraded" + (f"?{options}" if options else "")

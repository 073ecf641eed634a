"""What a backup leaves lying about, and where."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wattkeep.backups.making import STALE_S, make_backup

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
watched = []
opened = []


def note(event, arguments):
    """Note each file that is opened in a watched folder; such a hook stays for good."""
    if watched and event == "open" and str(arguments[0]).startswith(str(watched[0])):
        opened.append(Path(str(arguments[0])))


def test_what_broken_off_backups_left_is_swept_up(tmp_path):
    old, new = tmp_path / ".backup-old", tmp_path / ".backup-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "database.sqlite3").write_text("much")
    long_ago = time.time() - STALE_S - 60
    os.utime(old, (long_ago, long_ago))

    made = make_backup(tmp_path, NOW)

    assert sorted(tmp_path.iterdir()) == sorted([new, made])


def test_nothing_is_written_beside_an_encrypted_backup_that_is_not(tmp_path):
    sys.addaudithook(note)
    watched.append(tmp_path)
    try:
        made = make_backup(tmp_path, NOW, "lantern orbit")
    finally:
        watched.clear()

    # Folders are opened too, to sync them or to see that they are empty.
    assert {path.name for path in opened if path.suffix} == {made.name}
    assert list(tmp_path.iterdir()) == [made]

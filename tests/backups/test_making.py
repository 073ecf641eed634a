"""What a backup leaves lying about, and where."""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stored import store
from wattkeep.backups.archive import extract
from wattkeep.backups.making import STALE_S, make_backup
from wattkeep.history.exports import Wish, order
from wattkeep.history.preparing import prepare_due
from wattkeep.monitoring.access import Principal
from wattkeep.monitoring.models import ExportChunk

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = timedelta(days=1)
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


def test_ordered_files_do_not_go_along_not_even_as_remains(tmp_path, device, owner):
    store(device, NOW)
    order(Principal(owner), Wish("House", [device], "readings", "csv", NOW - DAY, NOW + DAY), NOW)
    list(prepare_due(NOW))
    ExportChunk.objects.update(content=b"Fjordkessel" * 100)

    made = make_backup(tmp_path, NOW)

    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    rows = extract(made, unpacked, "").rows
    assert [rows[f"monitoring_{name}"] for name in ("export", "exportpart", "exportchunk")] == 3 * [
        0
    ]
    assert rows["monitoring_device"] == 1
    assert [one for one in unpacked.iterdir() if b"Fjordkessel" in one.read_bytes()] == []
    assert ExportChunk.objects.count() == 1

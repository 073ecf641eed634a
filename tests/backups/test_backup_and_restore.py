"""Backups of real installations: under load, into empty places, through power cuts."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import threading
import time
from datetime import UTC, datetime

import pytest

from running import READING, Running, Site, command, environment, run

SECONDS = float(os.environ.get("BACKUP_SECONDS", "0"))
# Readings a post.
BATCH = 25
PASSPHRASE = {"WATTKEEP_BACKUP_PASSPHRASE": "lantern orbit"}


@pytest.fixture(params=["sqlite", "postgres"])
def places(request, tmp_path):
    """Return the settings of a running installation and of an empty one beside it."""
    if request.param == "sqlite":
        return [{"WATTKEEP_DATA_DIR": str(tmp_path / name)} for name in ("old", "new")]
    url = request.getfixturevalue("postgres_url")
    return [
        {
            "WATTKEEP_DATA_DIR": str(tmp_path / name),
            "WATTKEEP_DATABASE_URL": make_database(url, f"{name}_{tmp_path.name}"),
        }
        for name in ("old", "new")
    ]


def make_database(url, name):
    import psycopg

    name = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f'DROP DATABASE IF EXISTS "{name}"')
        db.execute(f'CREATE DATABASE "{name}"')
    head, _, options = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")


def stored(settings):
    """Return every reading's (device, epoch ms), asked of the database itself."""
    code = (
        "import json, django; django.setup()\n"
        "from wattkeep.monitoring.models import EnergyReading as E\n"
        "rows = E.objects.values_list('device_id', 'timestamp')\n"
        "print(json.dumps([[d, round(t.timestamp() * 1000)] for d, t in rows]))"
    )
    done = subprocess.run(
        [*command()[:1], "-c", code],
        env=environment(DJANGO_SETTINGS_MODULE="wattkeep.settings", **settings),
        capture_output=True,
        text=True,
        check=True,
    )
    return {tuple(row) for row in json.loads(done.stdout)}


class Sender:
    """Posts batches of a device's readings one after the other, and remembers each answer."""

    def __init__(self, site, number, device_id, key):
        self.site = Site(site.url)
        self.device_id = device_id
        self.key = key
        self.first_ms = round(time.time() * 1000) - 86_400_000 + number
        self.acknowledged = []

    def batch(self, number):
        """Return the times of a batch, in ms."""
        return [self.first_ms + (number * BATCH + n) * 100 for n in range(BATCH)]

    def send(self, stop):
        while not stop.is_set():
            times = self.batch(len(self.acknowledged))
            answer = self.site.post(self.key, [{**READING, "timestamp": t / 1000} for t in times])
            assert (answer.status, answer.body["accepted"]) == (201, BATCH)
            self.acknowledged.append(time.time())
        self.site.close()

    def restored_batches(self, rows):
        """Return how many batches are there; they have to be the first ones, and whole."""
        count, rest = divmod(len(rows), BATCH)
        assert rest == 0
        assert rows == {t for number in range(count) for t in self.batch(number)}
        return count


def test_a_backup_under_load_restores_to_what_was_acknowledged(places, tmp_path):
    """Of each sender the first readings are there without a hole, up to the backup's instant.

    A sender goes on only after its batch was acknowledged: so nothing that was acknowledged before
    what is there is missing. BACKUP_SECONDS=60 loads it for longer before and after.
    """
    old, new = places
    folder = tmp_path / "backups"
    stop = threading.Event()
    with Running(tmp_path / "old", **old, WATTKEEP_DEVICE_RATE_PER_S="0") as running:
        running.add_user("ada")
        senders = [Sender(running, n, *running.add_device(f"House {n}")) for n in range(3)]
        threads = [threading.Thread(target=sender.send, args=(stop,)) for sender in senders]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        wait_for(lambda: all(len(sender.acknowledged) > 20 for sender in senders))
        time.sleep(SECONDS / 2)
        done = run("backup", "--make-folder", folder, **old, **PASSPHRASE)
        time.sleep(SECONDS / 2)
        stop.set()
        for thread in threads:
            thread.join()
        rate = sum(len(sender.acknowledged) for sender in senders) * BATCH
        print(f"{rate / (time.monotonic() - began):,.0f} readings/s were acknowledged")
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()

    back = run("restore", file, **new, **PASSPHRASE)

    assert back.returncode == 0, back.stderr
    taken_at = datetime.fromisoformat(back.stdout.split("as of ")[1].split(",")[0]).timestamp()
    restored = stored(new)
    for sender in senders:
        there = sender.restored_batches({ms for pk, ms in restored if pk == sender.device_id})
        before = sum(at < taken_at for at in sender.acknowledged)
        # One may have been committed when its answer was still on its way.
        assert before <= there <= len(sender.acknowledged) + 1
    with Running(tmp_path / "new", **new) as running:
        # The old key and the old password still work, and new rows get new numbers.
        assert running.post(senders[0].key, READING).status == 201
        assert run("device", "add", "Shed", "--user", "ada", **new).returncode == 0


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def test_a_place_that_is_in_use_is_left_alone(places, tmp_path):
    old, _ = places
    assert run("user", "list", **old).returncode == 0
    assert run("backup", "--make-folder", tmp_path / "backups", **old).returncode == 0
    (file,) = (tmp_path / "backups").iterdir()

    done = run("restore", file, **old)

    assert done.returncode == 1
    assert "empty" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_place_is_not_backed_up(tmp_path):
    settings = {"WATTKEEP_DATA_DIR": str(tmp_path / "elsewhere")}

    done = run("backup", "--make-folder", tmp_path / "backups", "--keep", "7d", **settings)

    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: there is no installation in {tmp_path / 'elsewhere'}.")
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "backups").exists()


def test_a_disk_that_is_not_mounted_is_named(tmp_path):
    settings = {"WATTKEEP_DATA_DIR": str(tmp_path / "data")}
    run("user", "list", **settings)

    done = run("backup", tmp_path / "disk/backups", **settings)

    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: there is no folder {tmp_path / 'disk/backups'}.")
    assert not (tmp_path / "disk").exists()


def test_a_disk_that_is_full_is_told_and_nothing_is_left_on_it(tmp_path):
    settings = {"WATTKEEP_DATA_DIR": str(tmp_path / "data")}
    run("user", "list", **settings)
    folder = tmp_path / "backups"

    done = subprocess.run(
        command("backup", "--make-folder", folder),
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        # No file may grow beyond 64 KiB: the nearest to a full disk that needs no other disk.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536)),
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: the backup could not be written: ")
    assert list(folder.iterdir()) == []


def test_a_damaged_backup_leaves_the_place_empty(places, tmp_path):
    old, new = places
    run("user", "list", **old)
    run("backup", "--make-folder", tmp_path / "backups", **old)
    (file,) = (tmp_path / "backups").iterdir()
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(content)

    done = run("restore", damaged, **new)
    again = run("restore", file, **new)

    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert again.returncode == 0, again.stderr


def test_a_backup_of_a_newer_version_is_refused(tmp_path):
    old, new = ({"WATTKEEP_DATA_DIR": str(tmp_path / name)} for name in ("old", "new"))
    run("user", "list", **old)
    with sqlite3.connect(tmp_path / "old/wattkeep.sqlite3") as db:
        db.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES"
            " ('monitoring', '9999_future', '2030-01-01')"
        )
    run("backup", "--make-folder", tmp_path / "backups", **old)
    (file,) = (tmp_path / "backups").iterdir()

    done = run("restore", file, **new)

    assert done.returncode == 1
    assert "newer" in done.stderr
    assert not (tmp_path / "new/wattkeep.sqlite3").exists()


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_power_cut_at_any_moment_leaves_the_old_state(tmp_path, what):
    old, new = ({"WATTKEEP_DATA_DIR": str(tmp_path / name)} for name in ("old", "new"))
    run("user", "list", **old)
    with sqlite3.connect(tmp_path / "old/wattkeep.sqlite3") as db:
        db.execute("CREATE TABLE ballast AS SELECT randomblob(30000000) AS bytes")
    folder = tmp_path / "backups"
    words = ["backup", folder] if what == "backup" else ["restore", folder / "whole"]
    settings = old if what == "backup" else new
    assert run("backup", "--make-folder", tmp_path / "first", **old).returncode == 0
    (whole,) = (tmp_path / "first").iterdir()
    folder.mkdir()
    if what == "restore":
        whole.rename(folder / "whole")

    place = tmp_path / "new/wattkeep.sqlite3"
    for delay_s in (0.3, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1):
        process = subprocess.Popen(command(*words), env=environment(**settings))
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        # Killed after its last step, it is whole: see below.
        if process.wait() == 0 or place.exists():
            break
        if what == "backup" and (made := visible(folder)):
            # Killed between its last step and its end: what has its name is whole.
            assert run("restore", made[0], **new).returncode == 0
            break

    if process.returncode and not place.exists():
        done = run(*words, **settings)
        assert done.returncode == 0, done.stderr
    if what == "restore":
        with sqlite3.connect(place) as db:
            assert db.execute("SELECT length(bytes) FROM ballast").fetchone() == (30_000_000,)


def visible(folder):
    """Return what is in a folder but unfinished files, which are hidden."""
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def test_scheduled_backups_come_once_a_day(settings, tmp_path, transactional_db):
    from wattkeep.backups.rotation import Keep
    from wattkeep.backups.schedule import backup_if_due

    settings.BACKUP_DIR, settings.BACKUP_KEEP = tmp_path, Keep(2, 0, 0)

    for hour in (0, 6, 23, 24, 30, 49):
        backup_if_due(datetime.fromtimestamp(1_790_000_000 + hour * 3600, UTC))

    assert len(list(tmp_path.iterdir())) == 2

"""Seals days in child processes, kills these at random moments, and looks at what is left.

`killing.py KILLS SEED` works in WATTKEEP_DATA_DIR and prints what it did and found as JSON. The
children are forks of one process that has everything loaded, so that what is killed is sealing
and not the start of Python.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import django

django.setup()

# ruff: noqa: E402 - models can be imported only after Django is set up
import numpy as np
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from ledger.days import DAY, DAY_MS, as_rows, counts, household, readings_of, store_rows
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.sealing import seal_due
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import LedgerState

DAYS = 12
READINGS_A_DAY = 144
NOW = from_ms(DAY + (DAYS + 2) * DAY_MS)
SEALERS = 2

database = settings.DATA_DIR / "wattkeep.sqlite3"
template = settings.DATA_DIR / "template.sqlite3"


def prepare():
    """Make days of which half were sealed already and got late rows since; return readings."""
    call_command("migrate", verbosity=0)
    device = create_device(create_account("ada", "lantern-orbit-7"), "House")[0]
    # The ledger is done: what is killed is sealing alone.
    LedgerState.objects.create(device=device, done_to=NOW)
    timestamps, values = household(DAYS * READINGS_A_DAY, step_ms=DAY_MS // READINGS_A_DAY)
    early = (timestamps < DAY + DAYS // 2 * DAY_MS) & (np.arange(len(timestamps)) % 5 > 0)
    store_rows(device.pk, timestamps[early], {name: values[name][early] for name in values})
    seal_due(NOW)
    store_rows(device.pk, timestamps[~early], {name: values[name][~early] for name in values})
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    shutil.copy(database, template)
    return device.pk, as_rows(timestamps, values)


def restore():
    for file in settings.DATA_DIR.glob("wattkeep.sqlite3*"):
        file.unlink()
    shutil.copy(template, database)


def fork_sealer():
    child = os.fork()
    if child == 0:
        status = 1
        try:
            seal_due(NOW)
            status = 0
        finally:
            os._exit(status)
    return child


def kill_at_random(longest_s):
    """Let sealers work side by side, kill each sometime; return how many were killed at it."""
    sealers = [fork_sealer() for _ in range(SEALERS)]
    killed = 0
    for sealer in sealers:
        time.sleep(random.uniform(0, longest_s / SEALERS))
        os.kill(sealer, signal.SIGKILL)
    for sealer in sealers:
        _, status = os.waitpid(sealer, 0)
        killed += os.WIFSIGNALED(status)
    return killed


def look(device_id, stored):
    """Return what is wrong with what is stored, if anything; and how many rows are left."""
    rows, sealed = counts(device_id)
    problem = None
    if rows + sealed != len(stored):
        problem = f"{rows} rows and {sealed} sealed, not {len(stored)}"
    elif readings_of(device_id) != stored:
        problem = "other readings than were stored"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check")
        if (said := cursor.fetchone()[0]) != "ok":
            problem = said
    connection.close()
    return problem, rows


def main(kills, seed):
    random.seed(seed)
    device_id, stored = prepare()
    started = time.monotonic()
    os.waitpid(fork_sealer(), 0)
    longest_s = time.monotonic() - started
    done = {"kills": 0, "finished": 0, "problems": []}
    while done["kills"] < kills and not done["problems"]:
        restore()
        rows = 1
        while rows and done["kills"] < kills and not done["problems"]:
            done["kills"] += kill_at_random(longest_s)
            problem, rows = look(device_id, stored)
            if problem:
                done["problems"].append(problem)
        done["finished"] += not rows
    seal_due(NOW)
    problem, rows = look(device_id, stored)
    if problem or rows:
        done["problems"].append(problem or f"{rows} rows are left")
    print(json.dumps(done))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""Sealing, retention and the forecast on PostgreSQL; prints what it found as JSON.

A process of its own: the tests' Django has its settings from SQLite.
"""

import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import django

django.setup()

# ruff: noqa: E402 - models can be imported only after Django is set up
import numpy as np
from django.core.management import call_command
from django.db import connection

from ledger.days import DAY, DAY_MS, as_rows, counts, household, readings_of, store_rows
from wattkeep.domain.columns import NAMES
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.blocks import open_block, verify_blocks
from wattkeep.ledger.forecast import make_forecast
from wattkeep.ledger.readings import last_reading, readings_after, readings_before, whole_rows
from wattkeep.ledger.retention import apply_retention
from wattkeep.ledger.sealing import seal_day, seal_due
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import LedgerState, ReadingBlock, Site

DAYS = 10
NOW = from_ms(DAY + DAYS * DAY_MS + DAY_MS // 2)


def seal_side_by_side():
    def seal():
        seal_due(NOW)
        connection.close()

    sealers = [threading.Thread(target=seal) for _ in range(3)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()


def seal_while_rows_come(device_id):
    """Seal a day again and again while late rows come into it; return whether all are there."""
    timestamps, values = household(2000, start_ms=DAY + 20 * DAY_MS)
    is_done = threading.Event()

    def seal():
        while not is_done.is_set():
            seal_day(device_id, DAY + 20 * DAY_MS)
        connection.close()

    sealer = threading.Thread(target=seal)
    sealer.start()
    for start in range(20):
        store_rows(device_id, timestamps[start::20], {n: values[n][start::20] for n in values})
    is_done.set()
    sealer.join()
    seal_day(device_id, DAY + 20 * DAY_MS)
    return readings_of(device_id) == as_rows(timestamps, values)


def nan_is_not_null(device_id):
    timestamps, values = household(4, start_ms=DAY + 30 * DAY_MS)
    store_rows(device_id, timestamps, values)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_energyreading SET power = CASE timestamp WHEN %s"
            " THEN 'NaN'::float8 END, voltage = '-0' WHERE device_id = %s",
            [from_ms(int(timestamps[0])), device_id],
        )
    before = whole_rows(device_id, DAY, DAY + 40 * DAY_MS)
    seal_day(device_id, DAY + 30 * DAY_MS)
    after = open_block(ReadingBlock.objects.get(device_id=device_id))
    is_same = all(before.values[n].tobytes() == after.values[n].tobytes() for n in NAMES)
    return [is_same, before.nulls["power"].tolist(), after.nulls["power"].tolist()]


def main():
    call_command("migrate", verbosity=0)
    user = create_account("ada", "lantern-orbit-7")
    house, busy, odd = (create_device(user, name)[0].pk for name in ("House", "Busy", "Odd"))
    timestamps, values = household(DAYS * 100, step_ms=DAY_MS // 100)
    late = np.arange(DAYS * 100) % 7 == 3
    store_rows(house, timestamps[~late], {name: values[name][~late] for name in values})
    seal_side_by_side()
    store_rows(house, timestamps[late], {name: values[name][late] for name in values})
    rows = as_rows(timestamps, values)
    found = {"before the late rows are merged": readings_of(house) == rows}
    seal_side_by_side()
    found["after they were merged"] = readings_of(house) == rows
    found["rows and sealed"] = counts(house)
    found["before and after"] = [
        readings_before(house, int(timestamps[500]), 3).timestamps.tolist()
        == timestamps[497:500].tolist(),
        readings_after(house, int(timestamps[500]), 3).timestamps.tolist()
        == timestamps[500:503].tolist(),
    ]
    found["last"] = tuple(last_reading(house)) == (house, *rows[-1])
    found["while rows come"] = seal_while_rows_come(busy)
    found["NaN and NULL"] = nan_is_not_null(odd)
    found["problems"] = [str(problem) for problem in verify_blocks()]
    forecast = make_forecast(NOW)
    found["is estimate"] = forecast.database.is_estimate
    found["sealed readings"] = [device.sealed_readings for device in forecast.devices]
    found["sizes"] = forecast.database.blocks.data_bytes > 0 < forecast.database.rows.index_bytes
    Site.objects.update(keep_raw_days=7)
    LedgerState.objects.filter(pk=house).update(done_to=NOW)
    found["dropped days"] = len(apply_retention(NOW))
    found["kept"] = readings_of(house) == rows[300:]
    print(json.dumps(found))


main()

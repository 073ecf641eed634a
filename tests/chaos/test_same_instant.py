"""Many readings of one device at one instant: each finds a millisecond without trying them all."""

from __future__ import annotations

from chaos.installation import Installation, Sqlite
from wattkeep.domain.readings import Reading
from wattkeep.ingest.batches import Batch
from wattkeep.ingest.sqlite_store import SqliteStore

COUNT = 300
NOW_MS = 1_790_000_000_000


def test_readings_of_one_age_cost_a_few_statements_each(tmp_path):
    folder = tmp_path / "data"
    Installation(folder, Sqlite(folder), ["up"], tmp_path / "log").make_devices(1)
    store = SqliteStore(str(folder / "wattkeep.sqlite3"))
    statements = []
    store._db.set_trace_callback(statements.append)
    readings = [Reading(1, NOW_MS, 230.0, 1.0, 230.0, wh / 1000, 50.0, 1.0) for wh in range(COUNT)]

    stored = store.commit([Batch(1, readings, [True] * COUNT, is_array=True)], [])
    store.close()

    assert len(stored[0].readings) == COUNT
    assert len(statements) < 10 * COUNT

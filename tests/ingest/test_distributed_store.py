"""With one worker of a cluster down only its own devices' readings are refused."""

import psycopg
import pytest

from ingest.conftest import postgres_database
from wattkeep.domain.readings import Reading
from wattkeep.ingest.batches import Batch, PartlyStored, Stored
from wattkeep.ingest.distributed_store import DistributedStore
from wattkeep.ingest.stores import StoreUnavailable

T = 1_795_000_000_000
# Odd devices live on worker one, even ones on worker two. A trigger plays the worker that is down.
CLUSTER = """
CREATE TABLE IF NOT EXISTS pg_dist_placement (shardid bigint, groupid int);
CREATE TABLE IF NOT EXISTS pg_dist_node (groupid int, nodename text, nodeport int);
TRUNCATE pg_dist_placement, pg_dist_node;
INSERT INTO pg_dist_placement VALUES (1, 1), (2, 2);
INSERT INTO pg_dist_node VALUES (1, 'one', 5432), (2, 'two', 5432);
CREATE OR REPLACE FUNCTION get_shard_id_for_distribution_column(tab regclass, device bigint)
    RETURNS bigint LANGUAGE sql AS 'SELECT CASE WHEN device % 2 = 1 THEN 1 ELSE 2 END';
CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'connection to the remote node two:5432 failed' USING ERRCODE = '08006';
    END $$;
CREATE OR REPLACE TRIGGER down BEFORE INSERT ON monitoring_energyreading
    FOR EACH ROW WHEN (NEW.device_id % 2 = 0) EXECUTE FUNCTION fail();
"""
UP = "DROP TRIGGER IF EXISTS down ON monitoring_energyreading"
GONE = """
DROP TRIGGER IF EXISTS down ON monitoring_energyreading;
DROP TABLE pg_dist_placement, pg_dist_node;
DROP FUNCTION fail;
DROP FUNCTION get_shard_id_for_distribution_column;
"""


def reading(device_id, at_ms=T, power=100.0):
    return Reading(device_id, at_ms, 230.0, 1.0, power, 12.5, 50.0, 0.99)


def told(*readings):
    return Batch(readings[0].device_id, list(readings), [False] * len(readings), is_array=True)


def arriving(*readings):
    return Batch(0, list(readings), [True] * len(readings))


@pytest.fixture
def database(postgres_tables):
    made = postgres_database(DistributedStore, postgres_tables)
    made.store._retry_s = 0.0
    with psycopg.connect(postgres_tables, autocommit=True) as db:
        db.execute(CLUSTER)
        yield made
        made.store.close()
        db.execute(GONE)


def test_the_others_readings_are_stored(database, postgres_tables):
    batches = [
        told(reading(1)),
        told(reading(2)),
        told(reading(3)),
        arriving(reading(2), reading(5)),
    ]

    outcomes = database.store.commit(batches, [(1, T), (2, T)])

    assert outcomes[0] == Stored([reading(1)], 0, T)
    assert isinstance(outcomes[1], StoreUnavailable)
    assert outcomes[2] == Stored([reading(3)], 0, T)
    assert outcomes[3] == PartlyStored([None, reading(5)])
    assert [row[0] for row in database.readings()] == [1, 3, 5]
    assert database.boots() == [(1, "", 0, "", T)]

    with psycopg.connect(postgres_tables, autocommit=True) as db:
        db.execute(UP)
    again = database.store.commit([told(reading(1), reading(1, T + 1)), told(reading(2))], [])

    assert again == [Stored([reading(1, T + 1)], 1, T + 1), Stored([reading(2)], 0, T)]


def test_a_commit_of_none_but_its_devices_is_refused_whole(database):
    with pytest.raises(StoreUnavailable, match="every worker is down"):
        database.store.commit([told(reading(2)), arriving(reading(4))], [])

    assert database.readings() == []


def test_all_is_committed_together_again_after_a_while(database, postgres_tables):
    database.store.commit([told(reading(1)), told(reading(2))], [])
    with psycopg.connect(postgres_tables, autocommit=True) as db:
        db.execute(UP)
    database.store._apart_until = 0.0

    assert database.store.commit([told(reading(1, T + 9)), told(reading(2, T + 9))], []) == [
        Stored([reading(1, T + 9)], 0, T + 9),
        Stored([reading(2, T + 9)], 0, T + 9),
    ]

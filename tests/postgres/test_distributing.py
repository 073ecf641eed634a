"""`wattkeep db distribute` against Citus's functions as stand-ins that note how they were called.

Citus itself is on no package index that tests can use. The stand-ins are in SQL, so that statements
are parsed, ordered and run by a real PostgreSQL.
"""

import psycopg
import pytest

from ingest.conftest import migrate
from running import run
from wattkeep.moving.distributing import DistributeError, Node

STAND_INS = """
CREATE TABLE calls (number serial, text text);
CREATE TABLE pg_dist_node (groupid int, nodename text, nodeport int);
CREATE TABLE pg_dist_partition (logicalrelid regclass);
CREATE FUNCTION citus_set_coordinator_host(host text, port int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_dist_node VALUES (0, host, port);
    INSERT INTO calls (text) VALUES ('coordinator ' || host || ':' || port) $$;
CREATE FUNCTION citus_add_node(host text, port int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_dist_node SELECT count(*), host, port FROM pg_dist_node;
    INSERT INTO calls (text) VALUES ('worker ' || host || ':' || port) $$;
CREATE FUNCTION create_distributed_table_concurrently(tab regclass, col text, shard_count int)
    RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = tab) <> 'r' THEN
        RAISE 'partitioned'; END IF;
    INSERT INTO pg_dist_partition VALUES (tab);
    INSERT INTO calls (text) VALUES ('spread ' || tab || ' by ' || col || ' ' || shard_count);
    END $$;
CREATE FUNCTION create_distributed_table(tab regclass, col text, colocate_with text)
    RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_dist_partition VALUES (tab);
    INSERT INTO calls (text) VALUES ('spread ' || tab || ' by ' || col || ' as ' || colocate_with)
    $$;
CREATE FUNCTION truncate_local_data_after_distributing_table(tab regclass)
    RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO calls (text) VALUES ('empty ' || tab); EXECUTE 'TRUNCATE ' || tab; END $$;
CREATE VIEW citus_shards AS SELECT logicalrelid::text AS table_name, 102008 AS shardid,
    'w1' AS nodename, 5432 AS nodeport, 8192 AS shard_size FROM pg_dist_partition;
"""
SPREAD = [
    f"spread monitoring_{name} by device_id as monitoring_energyreading"
    for name in ("readingblock", "energyslot", "deviceboot", "meterevent")
]
WORKERS = ("--worker", "w1:5432", "--worker", "w2")


@pytest.fixture(scope="module")
def template(cluster, tmp_path_factory):
    with cluster.connect() as db:
        db.execute("CREATE DATABASE our_tables")
    url = cluster.url.removesuffix("/postgres") + "/our_tables"
    folder = tmp_path_factory.mktemp("data")
    migrate(WATTKEEP_DATABASE_URL=url, WATTKEEP_DATA_DIR=str(folder))
    return "our_tables"


@pytest.fixture
def url(cluster, template, request):
    name = f"distribute_{abs(hash(request.node.name)) % 10**8}"
    with cluster.connect() as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return cluster.url.removesuffix("/postgres") + f"/{name}"


def distribute(url, folder, *words):
    return run("db", "distribute", *words, "--data-dir", folder, WATTKEEP_DATABASE_URL=url)


def calls(url):
    with psycopg.connect(url, autocommit=True) as db:
        found = [text for (text,) in db.execute("SELECT text FROM calls ORDER BY number")]
        db.execute("TRUNCATE calls")
        return found


def test_without_citus_it_says_what_is_missing(url, tmp_path):
    done = distribute(url, tmp_path, *WORKERS)

    assert done.returncode == 1
    assert done.stderr.startswith("Error: the extension Citus is not installed on this server")


def test_everything_is_done_once_in_order(url, tmp_path):
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(STAND_INS)
        db.execute(
            "INSERT INTO monitoring_energyreading (device_id, timestamp, energy)"
            " VALUES (1, now(), 1), (1, '2020-01-01Z', 1)"
        )

    shown = distribute(url, tmp_path, *WORKERS, "--dry-run", "--coordinator", "c:6543")
    assert shown.returncode == 0, shown.stderr
    assert calls(url) == []

    done = distribute(url, tmp_path, *WORKERS, "--coordinator", "c:6543")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == shown.stdout
    assert calls(url) == [
        "coordinator c:6543",
        "worker w1:5432",
        "worker w2:5432",
        "spread monitoring_energyreading by device_id 16",
        *SPREAD,
        "empty monitoring_energyreading",
        *(one.replace("spread", "empty").split(" by ")[0] for one in SPREAD),
    ]
    again = distribute(url, tmp_path, *WORKERS)
    assert (again.returncode, again.stdout) == (0, "Everything is distributed already.\n")
    assert calls(url) == []

    status = run("db", "status", "--data-dir", tmp_path, WATTKEEP_DATABASE_URL=url)
    assert status.returncode == 0, status.stderr
    assert "Shards:" in status.stdout
    assert "w1:5432" in status.stdout
    assert "Partitions" not in status.stdout


def test_a_run_that_broke_off_is_gone_on_with(url, tmp_path):
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(STAND_INS)
        db.execute(
            "CREATE OR REPLACE FUNCTION create_distributed_table(tab regclass, col text,"
            " colocate_with text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'w2 is away';"
            " END $$"
        )
    broken = distribute(url, tmp_path, *WORKERS)
    assert broken.returncode == 1
    assert "w2 is away" in broken.stderr
    assert calls(url)[-1] == "spread monitoring_energyreading by device_id 16"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "CREATE OR REPLACE FUNCTION create_distributed_table(tab regclass, col text,"
            " colocate_with text) RETURNS void LANGUAGE sql AS $$"
            " INSERT INTO pg_dist_partition VALUES (tab);"
            " INSERT INTO calls (text) VALUES ('spread ' || tab || ' by ' || col || ' as '"
            " || colocate_with) $$"
        )

    assert distribute(url, tmp_path, *WORKERS).returncode == 0

    assert calls(url)[:4] == SPREAD


def test_status_of_a_plain_database_shows_tables_and_partitions(url, tmp_path):
    done = run("db", "status", "--data-dir", tmp_path, WATTKEEP_DATABASE_URL=url)

    assert done.returncode == 0, done.stderr
    assert "Partitions of the readings:" in done.stdout
    assert "monitoring_energyreading_strays" in done.stdout
    assert "Shards" not in done.stdout


@pytest.mark.parametrize("text", ["", ":5432", "host:port", "host:0", "host:99999"])
def test_what_is_no_server_is_refused(text, cluster):
    with pytest.raises(DistributeError):
        Node.parse(text)

"""What the settings of a database become."""

import math

import pytest
from django.core.exceptions import ImproperlyConfigured

from wattkeep.cursors import PreparingCursor
from wattkeep.databases import PostgresChoices, parse_database, set_up_postgres

URL = "postgres://ada:secret@db.example.org:6543/home"


def set_up(url=URL, **chosen):
    database = parse_database(url)
    set_up_postgres(database, PostgresChoices(**chosen))
    return database


def test_every_connection_has_limits_and_keepalives():
    options = set_up()["OPTIONS"]

    assert options["options"] == (
        "-c statement_timeout=60000 -c lock_timeout=10000"
        " -c idle_in_transaction_session_timeout=60000 -c jit=off"
    )
    assert (options["keepalives_idle"], options["tcp_user_timeout"]) == (10, 20_000)
    assert "pool" not in options


def test_what_the_address_says_wins():
    options = set_up(f"{URL}?connect_timeout=33&options=-c%20statement_timeout%3D1")["OPTIONS"]

    assert options["connect_timeout"] == 33
    assert options["options"] == "-c statement_timeout=1"


def test_statements_are_prepared_on_a_connection_that_stays():
    options = set_up()["OPTIONS"]

    assert options["cursor_factory"] is PreparingCursor
    assert (options["server_side_binding"], options["prepare_threshold"]) == (True, 2)


def test_a_pool_takes_the_connections_from_the_threads():
    database = set_up(pool=8)

    assert database["OPTIONS"]["pool"]["max_size"] == 8
    assert database["CONN_MAX_AGE"] == 0


def test_behind_pgbouncer_nothing_outlives_a_transaction():
    database = set_up(is_bounced=True)

    assert database["OPTIONS"]["prepare_threshold"] is None
    assert database["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert not {"options", "cursor_factory", "server_side_binding"} & set(database["OPTIONS"])


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"pool": -1}, "WATTKEEP_DATABASE_POOL=-1: write how many connections"),
        ({"pool": 1.5}, "WATTKEEP_DATABASE_POOL=1.5: write how many connections"),
        ({"pool": math.nan}, "WATTKEEP_DATABASE_POOL=nan: write how many connections"),
        ({"statement_timeout_s": -1}, "WATTKEEP_STATEMENT_TIMEOUT_S=-1: write seconds"),
        ({"statement_timeout_s": math.inf}, "WATTKEEP_STATEMENT_TIMEOUT_S=inf: write seconds"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_name(chosen, words):
    with pytest.raises(ImproperlyConfigured, match=words):
        PostgresChoices(**chosen)


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/name", "postgres://host:port/name"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ImproperlyConfigured, match="cannot be understood"):
        parse_database(url)

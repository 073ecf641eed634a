"""What goes to PostgreSQL prepared, and what with its values written into it."""

import psycopg
import pytest
from django.db import connection

from wattkeep.cursors import MOST_APART, PreparingCursor
from wattkeep.databases import PREPARED_AFTER
from wattkeep.ingest.postgres_choice import connection_parameters
from wattkeep.monitoring.models import Device

pytestmark = pytest.mark.django_db

ABOUT_DEVICES = """
    SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%"monitoring_device"%'
"""


def prepared():
    """Return this connection's prepared statements about devices."""
    found = connection.connection.execute(ABOUT_DEVICES, prepare=False).fetchall()
    return [statement for (statement,) in found]


@pytest.fixture
def of_owner(owner, device):
    """Return the query for the devices of a user, on a connection that has nothing prepared."""
    connection.connection.execute("DEALLOCATE ALL")
    return Device.objects.filter(user_id=owner.pk)


def test_what_is_asked_again_and_again_is_prepared(of_owner, device):
    found = [list(of_owner.all()) for _ in range(PREPARED_AFTER + 2)]

    assert found == [[device]] * (PREPARED_AFTER + 2)
    [statement] = prepared()
    assert 'WHERE "monitoring_device"."user_id" = $1' in statement


@pytest.mark.parametrize("count", [MOST_APART, 70_000], ids=["some", "more than are taken apart"])
def test_lists_of_values_are_written_into_their_statement(of_owner, device, count):
    ids = [device.pk, *range(-count, 0)]

    found = [list(of_owner.filter(pk__in=ids)) for _ in range(PREPARED_AFTER + 2)]

    assert found == [[device]] * (PREPARED_AFTER + 2)
    assert prepared() == []


@pytest.fixture
def own():
    """Return a connection of the test's own, as pages have them."""
    parameters = connection_parameters(connection.settings_dict)
    with psycopg.connect(
        **parameters,
        autocommit=True,
        cursor_factory=PreparingCursor,
        prepare_threshold=PREPARED_AFTER,
    ) as made:
        yield made


def change_a_prepared_column(own):
    """Have what a connection prepared return another type; return the statement."""
    own.execute("CREATE TEMPORARY TABLE kept AS SELECT 1::integer AS number")
    asked = "SELECT number FROM kept WHERE number = %s"
    for _ in range(PREPARED_AFTER + 1):
        own.execute(asked, [1])
    # Wrapped, or psycopg would see it and prepare anew; it cannot see what another process does.
    own.execute("DO $$ BEGIN ALTER TABLE kept ALTER number TYPE bigint; END $$")
    return asked


def test_a_changed_column_is_read_by_what_was_prepared_before(own):
    asked = change_a_prepared_column(own)

    assert [own.execute(asked, [1]).fetchall() for _ in range(4)] == [[(1,)]] * 4


def test_a_changed_column_costs_a_transaction_at_most(own):
    asked = change_a_prepared_column(own)

    with pytest.raises(psycopg.errors.FeatureNotSupported), own.transaction():
        own.execute(asked, [1])

    with own.transaction():
        assert own.execute(asked, [1]).fetchall() == [(1,)]

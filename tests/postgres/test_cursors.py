"""What goes to PostgreSQL prepared, and what with its values written into it."""

import pytest
from django.db import connection

from wattkeep.cursors import MOST_APART
from wattkeep.databases import PREPARED_AFTER
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

"""The admin: open for staff, closed to others, and silent about keys."""

import base64
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.deletion import PIECES_A_TRANSACTION
from wattkeep.monitoring.models import Alert, Device, Export, ExportChunk

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)

ADDRESSES = [
    "/admin/",
    "/admin/auth/user/",
    "/admin/monitoring/site/",
    "/admin/monitoring/device/",
    "/admin/monitoring/alert/",
]


@pytest.fixture
def as_admin(db):
    client = Client()
    client.force_login(create_account("root", "lantern-orbit-7", is_admin=True))
    return client


@pytest.fixture
def alert(device):
    return Alert.objects.create(
        device=device,
        alert_type=Alert.Type.HIGH_POWER,
        message="High power: 6,000 W",
        value=6000,
        created_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
    )


@pytest.fixture
def addresses(device, alert):
    return [
        *ADDRESSES,
        f"/admin/auth/user/{device.user_id}/change/",
        f"/admin/monitoring/site/{device.site_id}/change/",
        f"/admin/monitoring/device/{device.pk}/change/",
        f"/admin/monitoring/alert/{alert.pk}/change/",
        "/admin/monitoring/device/?q=house",
        "/admin/monitoring/alert/?q=high",
    ]


def test_every_page_opens_for_staff(as_admin, addresses):
    assert {address: as_admin.get(address).status_code for address in addresses} == dict.fromkeys(
        addresses, 200
    )


def test_every_page_is_closed_to_others(as_owner, nobody, addresses):
    for client in (as_owner, nobody):
        answers = [client.get(address) for address in addresses]
        assert {answer.status_code for answer in answers} == {302}
        assert all(answer["Location"].startswith("/admin/login/?next=") for answer in answers)


def test_device_pages_show_the_prefix_and_nothing_else_of_the_key(as_admin, device):
    stored = Device.objects.get()
    secrets = [
        shown
        for secret in (bytes(stored.key_hash), bytes(stored.signing_key))
        for shown in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1])
    ]
    for address in ("/admin/monitoring/device/", f"/admin/monitoring/device/{device.pk}/change/"):
        page = as_admin.get(address).content.decode()
        assert stored.key_prefix in page
        assert not any(secret in page for secret in secrets)
        assert "key_hash" not in page
        assert "signing" not in page


@pytest.mark.parametrize("is_from_list", [False, True])
def test_persons_large_files_go_before_them_some_pieces_at_a_time(as_admin, stranger, is_from_list):
    made = Export.objects.create(
        user=stranger, device_count=0, start=AT, end=AT, created_at=AT, state=Export.State.READY
    )
    ExportChunk.objects.bulk_create(
        ExportChunk(export=made, number=number, content=b"x")
        for number in range(2 * PIECES_A_TRANSACTION)
    )
    if is_from_list:
        address = "/admin/auth/user/"
        form = {"action": "delete_selected", "_selected_action": stranger.pk, "post": "yes"}
    else:
        address = f"/admin/auth/user/{stranger.pk}/delete/"
        form = {"post": "yes"}

    with CaptureQueriesContext(connection) as queries:
        answer = as_admin.post(address, form)

    assert (answer.status_code, answer["Location"]) == (302, "/admin/auth/user/")
    told = [query["sql"] for query in queries.captured_queries]
    pieces = [
        place
        for place, sql in enumerate(told)
        if sql.startswith("DELETE") and "exportchunk" in sql and sql.count(",") > 1
    ]
    person = next(n for n, sql in enumerate(told) if 'DELETE FROM "auth_user"' in sql)
    assert len(pieces) == 2
    assert max(pieces) < person
    assert not get_user_model().objects.filter(pk=stranger.pk).exists()


def test_devices_are_neither_made_nor_deleted_there(as_admin, device):
    assert as_admin.get("/admin/monitoring/device/add/").status_code == 403
    assert as_admin.post(f"/admin/monitoring/device/{device.pk}/delete/").status_code == 403
    as_admin.post(
        "/admin/monitoring/device/", {"action": "delete_selected", "_selected_action": device.pk}
    )
    assert Device.objects.count() == 1

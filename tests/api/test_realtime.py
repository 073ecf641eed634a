"""`/api/realtime/<id>/`: the newest values and whether they are the present ones."""

from datetime import UTC, datetime, timedelta

import pytest

from stored import VALUES, hear, store
from wattkeep.api.payloads import iso

pytestmark = pytest.mark.django_db


def cut(instant):
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def just_now(seconds=1):
    return cut(datetime.now(UTC) - timedelta(seconds=seconds))


def get(client, device_id):
    answer = client.get(f"/api/realtime/{device_id}/")
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def test_owner_reads_the_newest_values(as_owner, device):
    at = just_now()
    store(device, at - timedelta(seconds=10), power=1.0)
    store(device, at)

    assert get(as_owner, device.pk) == (
        200,
        {
            "device": device.pk,
            **VALUES,
            "timestamp": iso(at),
            "status": "online",
            "is_online": True,
            "last_seen": iso(at),
        },
    )


def test_time_is_written_in_utc_with_milliseconds(as_owner, device):
    store(device, datetime(2026, 1, 5, 10, 0, 0, 123_000, tzinfo=UTC))

    assert get(as_owner, device.pk)[1]["timestamp"] == "2026-01-05T10:00:00.123Z"


def test_old_values_are_shown_as_offline(as_owner, device):
    at = just_now(3600)
    store(device, at)

    status, body = get(as_owner, device.pk)

    assert (status, body["status"], body["is_online"]) == (200, "offline", False)
    assert (body["timestamp"], body["power"]) == (iso(at), VALUES["power"])


def test_meter_that_stopped_is_shown_as_silent(as_owner, device):
    store(device, just_now(600))
    heard = just_now(5)
    hear(device, heard)

    _, body = get(as_owner, device.pk)

    assert (body["status"], body["is_online"], body["last_seen"]) == ("silent", False, iso(heard))


def test_before_the_first_reading_there_is_no_data(as_owner, device):
    assert get(as_owner, device.pk) == (404, {"error": "No data available"})


def test_strangers_device_does_not_exist(as_stranger, device):
    store(device, just_now())

    there = get(as_stranger, device.pk)

    assert there == get(as_stranger, device.pk + 1000)
    assert there == (404, {"detail": "Not found."})


def test_nobody_is_asked_to_log_in(nobody, device):
    store(device, just_now())

    answer = nobody.get(f"/api/realtime/{device.pk}/")

    assert (answer.status_code, answer.json()) == (
        401,
        {"detail": "Authentication credentials were not provided."},
    )
    assert answer["WWW-Authenticate"] == "Bearer"


def test_device_key_opens_nothing_for_reading(nobody, device):
    answer = nobody.get(f"/api/realtime/{device.pk}/", headers={"X-API-Key": "abcdefgh_x"})

    assert answer.status_code == 401


@pytest.mark.parametrize("number", [0, 2**63, 10**30])
def test_absurd_number_is_a_device_that_does_not_exist(as_owner, number):
    assert get(as_owner, number) == (404, {"detail": "Not found."})


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_reading_back_changes_nothing(as_owner, device, method):
    answer = getattr(as_owner, method)(f"/api/realtime/{device.pk}/")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_answers_are_not_kept_by_caches(as_owner, device):
    store(device, just_now())

    answer = as_owner.get(f"/api/realtime/{device.pk}/")

    assert "no-store" in answer["Cache-Control"]
    assert "Cookie" in answer["Vary"]

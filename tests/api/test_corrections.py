"""Setting figures right over `/api/v1/`: corrections, another meter, sub-meters."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from stored import store_counter
from wattkeep.api.payloads import iso
from wattkeep.domain.keys import key_hash
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Correction, LedgerMark, MeterEvent

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2025, 11, 19, 23, tzinfo=UTC)  # in Paris, 20 November
MINUTE = timedelta(minutes=1)
DAY = {"start": "2025-11-20", "end": "2025-11-21"}


def send(client, method, address, body=None):
    answer = client.generic(method, address, json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


def of(device, what=""):
    return f"/api/v1/devices/{device.pk}/{what}"


def used(client, device):
    address = of(device, "consumption/?start=2025-11-20&end=2025-11-21")
    return client.get(address).json()["total"]


@pytest.fixture
def stored(device):
    """Store 1 kWh between midnight and one o'clock."""
    store_counter(device, *((MIDNIGHT + n * MINUTE, 5 + n / 60) for n in range(61)))
    update_device(device.pk, MIDNIGHT + 61 * MINUTE)


def test_correction_is_set_listed_and_undone_and_the_figure_is_back(as_owner, device, stored):
    before = used(as_owner, device)
    wish = {**DAY, "consumption": 2.5, "reason": "The clamp was off"}

    status, made = send(as_owner, "POST", of(device, "corrections/"), wish)

    correction = Correction.objects.get()
    row = {
        "id": correction.pk,
        "device": device.pk,
        "start": "2025-11-19T23:00:00.000Z",
        "end": "2025-11-20T23:00:00.000Z",
        "consumption": 2.5,
        "reason": "The clamp was off",
        "author": "owner",
        "created_at": iso(correction.created_at),
        "undone_at": None,
        "undone_by": None,
    }
    assert (status, made) == (201, row)
    corrected = {"consumption": 2.5, "measured": 0, "estimated": 0, "corrected": 2.5}
    assert used(as_owner, device) == corrected
    listed = [send(as_owner, "GET", address) for address in (
        of(device, "corrections/"), f"/api/v1/sites/{device.site_id}/corrections/",
    )]  # fmt: skip
    assert listed == [(200, [row]), (200, [row])]

    status, undone = send(as_owner, "DELETE", of(device, f"corrections/{correction.pk}/"))

    correction.refresh_from_db()
    row |= {"undone_at": iso(correction.undone_at), "undone_by": "owner"}
    assert (status, undone) == (200, row)
    assert undone["undone_at"] is not None
    assert used(as_owner, device) == before
    assert send(as_owner, "GET", of(device, "corrections/")) == (200, [row])


def test_interval_can_be_left_out_of_every_sum(as_owner, device, stored):
    wish = {**DAY, "consumption": None, "reason": "Not ours"}

    status, row = send(as_owner, "POST", of(device, "corrections/"), wish)

    assert (status, row["consumption"]) == (201, None)
    assert used(as_owner, device)["consumption"] == 0


def test_corrections_of_other_days_are_not_listed_when_a_span_is_asked_for(as_owner, device):
    send(as_owner, "POST", of(device, "corrections/"), {**DAY, "consumption": 1, "reason": "x"})

    for asked, count in (("2025-11-20", 1), ("2025-11-21", 0)):
        address = of(device, f"corrections/?start={asked}&end=2025-12-01")
        assert len(send(as_owner, "GET", address)[1]) == count


@pytest.mark.parametrize(
    ("changed", "name", "words"),
    [
        ({"reason": " "}, "reason", "This field may not be blank."),
        ({"consumption": -1}, "consumption", "Ensure this value is greater than or equal to 0."),
        ({"end": "2025-11-20T00:07:00Z"}, "error", "is not at a full quarter of an hour"),
        ({"end": "2025-11-20"}, "error", "The end must be later than the start."),
        ({"start": "2025-11-20T00:00:00"}, "start", "has no offset"),
    ],
)
def test_correction_that_makes_no_sense_is_refused_in_words(as_owner, device, changed, name, words):
    wish = {**DAY, "consumption": 1, "reason": "why", **changed}

    status, body = send(as_owner, "POST", of(device, "corrections/"), wish)

    assert (status, list(body)) == (400, [name])
    assert words in body[name][0]
    assert not Correction.objects.exists()


def test_two_corrections_of_one_interval_are_refused(as_owner, device):
    wish = {**DAY, "consumption": 1, "reason": "why"}
    send(as_owner, "POST", of(device, "corrections/"), wish)

    status, body = send(as_owner, "POST", of(device, "corrections/"), wish)

    assert (status, "is corrected already" in body["error"][0]) == (400, True)


def test_strangers_correct_nothing(as_stranger, as_owner, nobody, device, stranger):
    wish = {**DAY, "consumption": 1, "reason": "why"}
    number = send(as_owner, "POST", of(device, "corrections/"), wish)[1]["id"]
    theirs = create_device(stranger, "Theirs")[0]

    assert send(as_stranger, "POST", of(device, "corrections/"), wish)[0] == 404
    assert send(as_stranger, "DELETE", of(device, f"corrections/{number}/"))[0] == 404
    # Nor by the way of a device of their own.
    assert send(as_stranger, "DELETE", of(theirs, f"corrections/{number}/"))[0] == 404
    assert send(nobody, "POST", of(device, "corrections/"), wish)[0] == 401
    assert Correction.objects.get().undone_at is None


def test_new_meter_is_an_event_with_both_counters_and_a_new_key(as_owner, device, stored):
    swap = {
        "at": "2025-11-20T00:00:00Z", "closing": 6.0, "opening": 0.25, "note": "New one",
    }  # fmt: skip

    status, body = send(as_owner, "POST", of(device, "swap/"), swap)

    device.refresh_from_db()
    event = MeterEvent.objects.get(kind="swap")
    assert status == 201
    assert bytes(device.key_hash) == key_hash(body.pop("api_key"))
    assert (body["id"], body["key_prefix"]) == (device.pk, device.key_prefix)
    assert (event.before_wh, event.after_wh, event.note) == (6000, 250, "New one")
    assert LedgerMark.objects.filter(device=device).exists()


@pytest.mark.parametrize(
    ("swap", "name"),
    [({"at": "2100-01-01T00:00:00Z"}, "error"), ({"closing": -1}, "closing"), ({"at": "x"}, "at")],
)
def test_swap_that_makes_no_sense_changes_nothing(as_owner, device, swap, name):
    before = bytes(device.key_hash)

    status, body = send(as_owner, "POST", of(device, "swap/"), swap)

    device.refresh_from_db()
    assert (status, list(body)) == (400, [name])
    assert bytes(device.key_hash) == before
    assert not MeterEvent.objects.exists()


def test_empty_body_swaps_nothing(as_owner, device):
    before = bytes(device.key_hash)

    status, body = send(as_owner, "POST", of(device, "swap/"), {})

    device.refresh_from_db()
    assert (status, list(body)) == (400, ["is_new_meter"])
    assert bytes(device.key_hash) == before
    assert not MeterEvent.objects.exists()


def test_strangers_swap_nothing(as_stranger, nobody, device):
    assert send(as_stranger, "POST", of(device, "swap/"), {})[0] == 404
    assert send(nobody, "POST", of(device, "swap/"), {})[0] == 401


def test_device_is_put_behind_another_of_its_site(as_owner, owner, device):
    heating = create_device(owner, "Heating")[0]

    status, body = send(as_owner, "PATCH", of(heating), {"parent": device.pk})

    heating.refresh_from_db()
    assert (status, body["parent"], heating.parent) == (200, device.pk, device)
    assert send(as_owner, "PATCH", of(heating), {"parent": None})[1]["parent"] is None


def test_new_device_joins_its_parents_site(as_owner, device):
    body = {"name": "Pump", "parent": device.pk}

    status, row = send(as_owner, "POST", "/api/v1/devices/", body)

    assert (status, row["parent"], row["site"]) == (201, device.pk, device.site_id)


def test_device_is_not_put_behind_itself_or_a_strangers(as_owner, owner, stranger, device):
    heating = create_device(owner, "Heating", parent=device)[0]
    theirs = create_device(stranger, "Theirs")[0]
    loop = ["A device sits behind another of the same site that is not behind it."]
    absent = [f'Invalid pk "{theirs.pk}" - object does not exist.']

    for parent, words in ((device, loop), (heating, loop), (theirs, absent)):
        answer = send(as_owner, "PATCH", of(device), {"parent": parent.pk})
        assert answer == (400, {"parent": words})


@pytest.mark.parametrize(
    ("change", "marks"),
    [({"range_w": 2300}, 1), ({"has_counter": False}, 1), ({"name": "Cellar"}, 0)],
)
def test_slots_are_made_again_when_their_meter_was_another_kind(
    as_owner, device, stored, change, marks
):
    assert send(as_owner, "PATCH", of(device), change)[0] == 200

    # From before the first slot: where there is only one, its own start would not do.
    before = MIDNIGHT - timedelta(minutes=15)
    assert LedgerMark.objects.filter(device=device, start=before).count() == marks

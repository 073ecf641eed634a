"""Ordered files over the API and on the page."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from stored import store
from wattkeep.history.preparing import prepare_due
from wattkeep.monitoring.models import Export

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ORDER = {"what": "readings", "start": "2026-11-20", "end": "2026-11-21"}
LINE = "2026-11-20T12:00:00.000Z,230.5,2.345,540.67,12.456,50.0,0.98\n"


@pytest.fixture
def reading(device):
    return store(device, NOON)


def ask(client, body):
    return client.post("/api/v1/exports/", json.dumps(body), "application/json")


def test_file_is_ordered_prepared_fetched_and_deleted(as_owner, as_stranger, device, reading):
    ordered = ask(as_owner, {"device": device.pk, **ORDER})
    assert ordered.status_code == 202
    address = f"/api/v1/exports/{ordered.json()['id']}/"
    waiting = as_owner.get(f"{address}file.gz", headers={"Accept": "application/gzip"})
    again = ask(as_owner, {"device": device.pk, **ORDER})
    list(prepare_due(NOON))

    told = as_owner.get(address).json()
    file = as_owner.get(told["url"], headers={"Accept": "application/gzip"})

    assert (waiting.status_code, waiting.json()) == (409, {"error": "This file is not ready."})
    assert again.status_code == 409
    assert again.json()["error"].startswith("A file is being prepared for you.")
    assert [told[name] for name in ("name", "state", "rows")] == ["House", "ready", 1]
    content = b"".join(file.streaming_content)
    assert gzip.decompress(content).decode().partition("\n")[2] == LINE
    assert int(file["Content-Length"]) == len(content) == told["size_bytes"]
    assert file["Content-Type"] == "application/gzip"
    assert file["Content-Disposition"].endswith('filename="house-readings-to-20261120.csv.gz"')
    assert as_owner.get("/api/v1/exports/").json() == [told]
    for method, path in (("get", address), ("get", told["url"]), ("delete", address)):
        assert getattr(as_stranger, method)(path).status_code == 404
    assert as_owner.delete(address).status_code == 204
    assert not Export.objects.exists()


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "non_field_errors"),
        ({"device": 1, "site": 1}, "non_field_errors"),
        ({"what": "everything"}, "what"),
        ({"format": "xlsx"}, "format"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-11-21", "end": "2026-11-20"}, "end"),
        ({"start": "2199-11-21", "end": "2199-11-22"}, "end"),
    ],
)
def test_what_makes_no_sense_is_refused(as_owner, device, body, wrong):
    asked = body if wrong == "non_field_errors" else {"device": device.pk, **body}

    answer = ask(as_owner, asked)

    assert (answer.status_code, list(answer.json())) == (400, [wrong])


def test_nothing_of_the_future_is_ordered(as_owner, device):
    before = timezone.now()
    told = ask(as_owner, {"device": device.pk, "what": "quarter-hours", "end": "2199-12-31"})
    Export.objects.update(state=Export.State.READY)
    form = {"source": f"device-{device.pk}", "what": "readings", "format": "csv",
            "start": "", "end": "9999-12-31"}  # fmt: skip
    page = as_owner.post("/exports/", form)

    assert (told.status_code, page.status_code) == (202, 302)
    assert [before <= one.end <= timezone.now() for one in Export.objects.all()] == [True, True]


def test_nobody_orders_what_is_not_theirs(as_stranger, nobody, device):
    answers = [
        ask(as_stranger, {"device": device.pk}).status_code,
        ask(as_stranger, {"site": device.site_id}).status_code,
        ask(nobody, {"device": device.pk}).status_code,
    ]

    assert answers == [404, 404, 401]
    assert not Export.objects.exists()


def test_page_orders_shows_and_deletes(as_owner, device, reading):
    form = {"source": f"device-{device.pk}", "what": "readings", "format": "ndjson",
            "start": "2026-11-20", "end": "2026-11-20"}  # fmt: skip
    ordered = as_owner.post("/exports/", form, follow=True).content.decode()
    made = Export.objects.get()
    twice = as_owner.post("/exports/", form).content.decode()
    list(prepare_due(NOON))
    ready = as_owner.get("/exports/").content.decode()
    as_owner.post(f"/exports/{made.pk}/delete/")

    assert "The file is being prepared." in ordered
    assert 'data-state="making"' in ordered
    # Days of the site's clock, Paris: the last one whole.
    paris = datetime(2026, 11, 19, 23, tzinfo=UTC)
    assert (made.start, made.end) == (paris, paris + timedelta(days=1))
    assert "A file is being prepared for you." in twice
    assert f'href="/api/v1/exports/{made.pk}/file.gz"' in ready
    assert "1 line, " in ready
    assert not Export.objects.exists()


def test_page_refuses_a_last_day_before_the_first(as_owner, device):
    form = {"source": f"device-{device.pk}", "what": "readings", "format": "csv",
            "start": "2026-11-20", "end": "2026-11-19"}  # fmt: skip

    assert "The end must lie after the start." in as_owner.post("/exports/", form).content.decode()
    assert not Export.objects.exists()

"""Consumption, curves, events and what is behind a figure, over `/api/v1/`."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stored import VALUES, store_counter
from wattkeep.ledger.corrections import Wish, set_correction
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading, MeterEvent, Site

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 11, 19, 23, tzinfo=UTC)  # in Paris, 20 November
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MANY_ROWS = (
    "That would be about 34,945 rows, and 10,000 is the most. "
    "Ask for longer periods or a shorter span."
)
PARIS_DAY = {"start": "2026-11-20", "end": "2026-11-21"}


def get(client, address, **asked):
    answer = client.get(f"{address}?{urlencode(asked)}")
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def of(device, what):
    return f"/api/v1/devices/{device.pk}/{what}/"


def store_hours(device, hours, kw=1.2):
    count = hours * 60
    store_counter(
        device, *((MIDNIGHT + n * MINUTE, round(10 + kw * n / 60, 6)) for n in range(count + 1))
    )


def row(start, end, kwh, **parts):
    whole = {"measured": kwh, "estimated": 0, "corrected": 0, **parts}
    return {"start": start, "end": end, "consumption": kwh, **whole}


def test_consumption_is_rows_of_kwh_by_how_it_is_known(as_owner, device, owner):
    store_hours(device, 3)
    update_device(device.pk, MIDNIGHT + 3 * HOUR)
    at = MIDNIGHT + HOUR
    set_correction(device, Wish(at, at + HOUR, 700.0, "a guest"), owner, at + 9 * HOUR)

    answer = get(as_owner, of(device, "consumption"), by="hour", start="2026-11-20",
                 end="2026-11-20T03:00:00+01:00")  # fmt: skip

    assert answer == (
        200,
        {
            "device": device.pk,
            "by": "hour",
            "time_zone": "Europe/Paris",
            "start": "2026-11-19T23:00:00.000Z",
            "end": "2026-11-20T02:00:00.000Z",
            "total": {"consumption": 3.1, "measured": 2.4, "estimated": 0, "corrected": 0.7},
            "rows": [
                {**row("2026-11-19T23:00:00.000Z", "2026-11-20T00:00:00.000Z", 1.2), "events": []},
                {
                    **row(
                        "2026-11-20T00:00:00.000Z",
                        "2026-11-20T01:00:00.000Z",
                        0.7,
                        measured=0,
                        corrected=0.7,
                    ),
                    "events": [],
                },
                {**row("2026-11-20T01:00:00.000Z", "2026-11-20T02:00:00.000Z", 1.2), "events": []},
            ],
        },
    )


@pytest.mark.parametrize(
    ("by", "rows"),
    [("quarter", 96), ("hour", 24), ("day", 1), ("week", 1), ("month", 1), ("year", 1)],
)
def test_every_period_adds_up_to_the_same(as_owner, device, by, rows):
    store_hours(device, 5)

    _, body = get(as_owner, of(device, "consumption"), by=by, **PARIS_DAY)

    assert len(body["rows"]) == rows
    assert round(sum(one["consumption"] for one in body["rows"]), 6) == 6
    assert body["total"] == {"consumption": 6, "measured": 6, "estimated": 0, "corrected": 0}


def test_without_a_span_it_is_today_so_far(as_owner, device):
    _, body = get(as_owner, of(device, "consumption"))

    now = datetime.now(UTC)
    start = datetime.fromisoformat(body["start"])
    assert start.astimezone(device.site.zone).time() == datetime.min.time()
    assert start < now < datetime.fromisoformat(body["end"]) + MINUTE
    assert (body["by"], len(body["rows"])) == ("day", 1)


def test_new_reading_moves_todays_figure_at_once(as_owner, device):
    now = datetime.now(UTC)
    store_counter(device, (now - 20 * 1e3 * timedelta(milliseconds=1), 1.0))
    update_device(device.pk, now)
    store_counter(device, (now - timedelta(seconds=10), 1.01))

    _, body = get(as_owner, of(device, "consumption"), start=(now - HOUR).isoformat())

    assert body["total"]["consumption"] == 0.01


def test_site_counts_sub_meters_once_and_says_what_nobody_tracks(as_owner, owner, device):
    heating = create_device(owner, "Heating", parent=device)[0]
    store_hours(device, 2, kw=1.2)
    store_hours(heating, 2, kw=0.9)
    hours = {"by": "hour", "start": "2026-11-20", "end": "2026-11-20T01:00:00Z"}

    status, body = get(as_owner, f"/api/v1/sites/{device.site_id}/consumption/", **hours)

    rows = [
        ("2026-11-19T23:00:00.000Z", "2026-11-20T00:00:00.000Z"),
        ("2026-11-20T00:00:00.000Z", "2026-11-20T01:00:00.000Z"),
    ]
    assert (status, body) == (
        200,
        {
            "site": device.site_id,
            "by": "hour",
            "time_zone": "Europe/Paris",
            "start": rows[0][0],
            "end": rows[1][1],
            "total": {"consumption": 2.4, "measured": 2.4, "estimated": 0, "corrected": 0},
            "rows": [{**row(*one, 1.2), "events": []} for one in rows],
            "devices": [
                {
                    "device": heating.pk,
                    "name": "Heating",
                    "parent": device.pk,
                    "total": {"consumption": 1.8, "measured": 1.8, "estimated": 0, "corrected": 0},
                    "behind": None,
                    "untracked": None,
                    "excess": None,
                    "rows": [row(*one, 0.9) for one in rows],
                },
                {
                    "device": device.pk,
                    "name": "House",
                    "parent": None,
                    "total": {"consumption": 2.4, "measured": 2.4, "estimated": 0, "corrected": 0},
                    "behind": 1.8,
                    "untracked": 0.6,
                    "excess": 0,
                    "rows": [row(*one, 1.2) for one in rows],
                },
            ],
        },
    )


def test_site_without_devices_used_nothing(as_owner, owner):
    empty = Site.objects.create(owner=owner, name="Barn")

    status, body = get(as_owner, f"/api/v1/sites/{empty.pk}/consumption/", **PARIS_DAY)

    assert (status, body["devices"], body["total"]["consumption"]) == (200, [], 0)
    assert [one["consumption"] for one in body["rows"]] == [0]


def test_series_has_points_with_min_mean_and_max(as_owner, device):
    store_hours(device, 2)
    span = {"start": "2026-11-20", "end": "2026-11-20T01:00:00Z", "points": 8}

    answer = get(as_owner, of(device, "series"), metric="voltage", **span)

    volts = {"min": 230.5, "mean": 230.5, "max": 230.5}
    starts = [MIDNIGHT + n * 15 * MINUTE for n in range(8)]
    assert answer == (
        200,
        {
            "device": device.pk,
            "metric": "voltage",
            "unit": "V",
            "start": "2026-11-19T23:00:00.000Z",
            "end": "2026-11-20T01:00:00.000Z",
            "source": "slots",
            "step_s": 900,
            "points": [{"timestamp": f"{at:%Y-%m-%dT%H:%M}:00.000Z", **volts} for at in starts],
        },
    )


def test_series_of_a_site_share_their_steps_and_power_adds_up(as_owner, owner, device):
    heating = create_device(owner, "Heating", parent=device)[0]
    solar = create_device(owner, "Solar")[0]
    for one in (device, heating, solar):
        store_hours(one, 2)
    span = {"start": "2026-11-20", "end": "2026-11-20T01:00:00Z", "points": 2}

    status, body = get(as_owner, f"/api/v1/sites/{device.site_id}/series/", **span)

    one, both = VALUES["power"], 2 * VALUES["power"]
    steps = ["2026-11-19T23:00:00.000Z", "2026-11-20T00:00:00.000Z"]
    assert (status, body["metric"], body["unit"]) == (200, "power", "W")
    assert body["points"] == [
        {"timestamp": at, "min": both, "mean": pytest.approx(both), "max": both} for at in steps
    ]
    assert [(curve["device"], curve["step_s"]) for curve in body["devices"]] == [
        (heating.pk, 3600), (device.pk, 3600), (solar.pk, 3600),
    ]  # fmt: skip
    assert [point["max"] for point in body["devices"][0]["points"]] == [one, one]


def test_events_are_the_newest_first_and_can_be_chosen_by_kind(as_owner, device):
    store_counter(device, (MIDNIGHT, 1.0), (MIDNIGHT + MINUTE, 1.1), (MIDNIGHT + HOUR, 1.5))
    update_device(device.pk, MIDNIGHT + HOUR)
    MeterEvent.objects.create(
        device=device, kind="boot", timestamp=MIDNIGHT + HOUR, until=MIDNIGHT + HOUR
    )

    status, body = get(as_owner, of(device, "events"), **PARIS_DAY)

    assert (status, [event["kind"] for event in body]) == (200, ["boot", "gap"])
    assert body[1] == {
        "kind": "gap",
        "start": "2026-11-19T23:01:00.000Z",
        "end": "2026-11-20T00:00:00.000Z",
        "description": "No readings",
        "before_wh": 1100,
        "after_wh": 1500,
        "energy_wh": 400,
        "times": 1,
        "note": "",
    }
    assert get(as_owner, of(device, "events"), kind="gap", **PARIS_DAY)[1] == body[1:]


def test_why_has_everything_behind_a_quarter_of_an_hour(as_owner, device):
    store_counter(device, (MIDNIGHT, 1.0), (MIDNIGHT + MINUTE, 1.01))
    update_device(device.pk, MIDNIGHT + HOUR)

    status, body = get(as_owner, of(device, "why"), at="2026-11-20T00:03:00+01:00")

    energy = {"consumption": 0.01, "measured": 0.01, "estimated": 0, "corrected": 0}
    assert (status, body) == (
        200,
        {
            "device": device.pk,
            "start": "2026-11-19T23:00:00.000Z",
            "end": "2026-11-19T23:15:00.000Z",
            **energy,
            "before_corrections": energy,
            "readings": [
                {**VALUES, "timestamp": "2026-11-19T23:00:00.000Z", "energy": 1.0},
                {**VALUES, "timestamp": "2026-11-19T23:01:00.000Z", "energy": 1.01},
            ],
            "events": [],
            "corrections": [],
            "gap_shape": None,
            "slot": {
                "samples": 2,
                "power_min": 540.67,
                "power_mean": 540.67,
                "power_max": 540.67,
                "counter_at": "2026-11-19T23:01:00.000Z",
                "counter_wh": 1010,
                "waiting": "",
            },
            "made_up_to": "2026-11-20T00:00:00.000Z",
            "readings_kept_from": None,
            "will_be_made_again": False,
        },
    )


@pytest.mark.parametrize(
    ("what", "asked", "errors"),
    [
        ("series", {"start": "2026-11-20T10:00"}, {"start": [
            "'2026-11-20T10:00' has no offset: add Z or e.g. +01:00, or write the date alone."]}),
        ("series", {"start": "yesterday"}, {"start": [
            "'yesterday' is no time. Write 2026-11-23T10:00:00Z, or 2026-11-23 for a day."]}),
        ("series", {"start": "2026-02-30"}, {"start": [
            "'2026-02-30' is no time. Write 2026-11-23T10:00:00Z, or 2026-11-23 for a day."]}),
        ("events", {"start": "2026-11-20", "end": "2026-11-20"}, {"end": [
            "The end must lie after the start."]}),
        ("consumption", {"start": "2026-11-21", "end": "2026-11-20"}, {"end": [
            "The end must lie after the start."]}),
        ("consumption", {"start": "1066-10-14"}, {"start": [
            "The time must lie between 1970-01-02 and 2200-01-01."]}),
        ("consumption", {"end": "9999-12-31T23:59:59-12:00"}, {"end": [
            "The time must lie between 1970-01-02 and 2200-01-01."]}),
        ("consumption", {"by": "minute"}, {"by": [
            "'minute' is none of: quarter, hour, day, week, month, year."]}),
        ("consumption", {"by": "quarter", "start": "2026-01-01", "end": "2026-12-31"}, {"by": [
            MANY_ROWS]}),
        ("series", {"metric": "heat"}, {"metric": [
            "'heat' is none of: power, voltage, current, frequency, power_factor, energy."]}),
        ("series", {"points": "0"}, {"points": ["'0': write a whole number from 1 to 10,000."]}),
        ("series", {"points": "10001"}, {"points": [
            "'10001': write a whole number from 1 to 10,000."]}),
        ("series", {"points": "²"}, {"points": ["'²': write a whole number from 1 to 10,000."]}),
        ("events", {"kind": "x"}, {"kind": [
            "'x' is none of: boot, silent, reset, rollover, glitch, jitter, jump, gap, swap."]}),
        ("why", {}, {"at": ["Write which quarter-hour, e.g. 2026-11-23T10:00:00Z."]}),
        ("why", {"at": ""}, {"at": [
            "'' is no time. Write 2026-11-23T10:00:00Z, or 2026-11-23 for a day."]}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(as_owner, device, what, asked, errors):
    assert get(as_owner, of(device, what), **asked) == (400, errors)


def test_plus_that_became_a_space_is_understood(as_owner, device):
    answer = as_owner.get(of(device, "consumption") + "?start=2026-11-20T00:00:00+01:00")

    assert answer.json()["start"] == "2026-11-19T23:00:00.000Z"


@pytest.mark.parametrize(
    "what",
    ["consumption/", "series/", "events/", "why/?at=2026-11-20", "readings.csv", "slots.csv",
     "corrections/"],
)  # fmt: skip
def test_figures_are_their_owners_alone(as_owner, as_stranger, nobody, device, what):
    address = f"/api/v1/devices/{device.pk}/{what}"
    absent = f"/api/v1/devices/{device.pk + 1000}/{what}"

    assert as_owner.get(address).status_code == 200
    answers = [as_stranger.get(one) for one in (address, absent)]
    assert [(one.status_code, one.content) for one in answers] == [
        (404, b'{"detail":"Not found."}')
    ] * 2
    refused = nobody.get(address)
    assert (refused.status_code, refused.json()) == (
        401,
        {"detail": "Authentication credentials were not provided."},
    )


@pytest.mark.parametrize("what", ["consumption/", "series/", "corrections/"])
def test_sites_figures_are_their_owners_alone(as_owner, as_stranger, nobody, device, what):
    address = f"/api/v1/sites/{device.site_id}/{what}"

    assert as_owner.get(address).status_code == 200
    assert as_stranger.get(address).status_code == 404
    assert nobody.get(address).status_code == 401


@pytest.mark.parametrize("what", ["consumption/", "series/?start=2026-10-01", "corrections/"])
def test_number_of_queries_does_not_grow_with_devices(as_owner, owner, device, what):
    counts = []
    for number in (1, 3):
        while owner.devices.count() < number:
            create_device(owner, f"Device {owner.devices.count()}")
        for one in owner.devices.all():
            EnergyReading.objects.filter(device=one).delete()
            store_hours(one, 1)
        with CaptureQueriesContext(connection) as queries:
            assert as_owner.get(f"/api/v1/sites/{device.site_id}/{what}").status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12


def test_answers_are_not_kept_by_caches(as_owner, device):
    for what in ("consumption/", "readings.csv"):
        answer = as_owner.get(f"/api/v1/devices/{device.pk}/{what}")

        assert "no-store" in answer["Cache-Control"]
        assert "private" in answer["Cache-Control"]

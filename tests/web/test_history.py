"""What stands on the history page before any script runs."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading

ADDRESS = "/history/"
START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def measured(device):
    """Return the device with a reading every 10 s for ten minutes, and another after an hour."""
    instants = [START + timedelta(seconds=10 * n) for n in range(60)]
    instants.append(START + timedelta(hours=1))
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device,
            timestamp=at,
            voltage=230.0,
            current=2.0,
            power=400.0 + n,
            energy=10.0 + n / 1000,
            frequency=50.0,
            power_factor=1.0,
        )
        for n, at in enumerate(instants)
    )
    return device


def page_of(client, **query):
    return client.get(ADDRESS, query).content.decode()


def chart_of(page):
    return json.loads(re.search(r'<script id="history-data"[^>]*>(.*?)</script>', page)[1])


def rows_of(page):
    return re.findall(r'<tr><th scope="row"[^>]*>([^<]*)</th><td[^>]*>([^<]*)</td></tr>', page)


def test_page_without_an_address_shows_the_last_day_of_the_first_device(as_owner, device, owner):
    create_device(owner, "A later one, earlier in the list")

    page = page_of(as_owner)

    chart = chart_of(page)
    start, end = (datetime.fromisoformat(chart[name]) for name in ("start", "end"))
    assert end - start == timedelta(days=1)
    assert abs(datetime.now(UTC) - end) < timedelta(minutes=1)
    assert [one["device"] for one in chart["series"]] == [device.pk]
    assert re.findall(r'name="metric" value="(\w+)" checked', page) == ["power"]


def test_table_has_single_readings_and_a_dash_for_the_gap(as_owner, measured):
    page = page_of(
        as_owner,
        device=measured.pk,
        start=(START + timedelta(minutes=9)).isoformat(),
        end=(START + timedelta(minutes=61)).isoformat(),
    )

    rows = rows_of(page)
    assert rows[0] == ("10 Mar 2026, 13:09:00", "454.0")
    assert rows[-2:] == [("10 Mar 2026, 13:34:55", "–"), ("10 Mar 2026, 14:00:00", "460.0")]
    assert len(rows) == 8


def test_table_of_longer_spans_has_envelopes_in_whole_steps(as_owner, measured):
    page = page_of(as_owner, device=measured.pk, start="2026-03-10T13:00", end="2026-03-10T14:30")

    rows = rows_of(page)
    assert rows[0] == ("10 Mar 2026, 13:00", "405.5 (400.0 – 411.0)")
    assert rows[-1] == ("10 Mar 2026, 14:00", "460.0")


def test_table_of_weeks_begins_its_days_at_the_sites_midnight(as_owner, measured):
    page = page_of(as_owner, device=measured.pk, start="2026-02-20", end="2026-03-25")

    assert rows_of(page) == [("10 Mar 2026", "430.0 (400.0 – 460.0)")]


def test_times_without_an_offset_are_the_sites(as_owner, measured):
    chart = chart_of(page_of(as_owner, start="2026-03-10T13:00", end="2026-03-10T14:00:30"))

    assert (chart["start"], chart["end"]) == (
        "2026-03-10T12:00:00.000Z",
        "2026-03-10T13:00:30.000Z",
    )
    assert chart["time_zone"] == "Europe/Paris"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("yesterday", "2026-03-10T14:00"),
        ("2026-03-10T14:00", "2026-03-10T13:00"),
        ("2026-03-10T14:00", "9999-12-31T23:59"),
        ("0001-01-01T00:00", "2026-03-10T14:00"),
    ],
    ids=["no time", "wrong way round", "too late", "too early"],
)
def test_times_that_make_no_sense_are_told(start, end, as_owner, device):
    page = page_of(as_owner, start=start, end=end)

    chart = chart_of(page)
    shown = datetime.fromisoformat(chart["end"]) - datetime.fromisoformat(chart["start"])
    assert "makes no sense" in page
    assert shown == timedelta(days=1)


def test_several_devices_and_values_are_shown_at_once(as_owner, measured, owner):
    other = create_device(owner, "Cellar")[0]

    page = page_of(
        as_owner,
        device=[measured.pk, other.pk],
        metric=["voltage", "power", "nonsense"],
        start="2026-03-10T13:00",
        end="2026-03-10T14:30",
    )

    pairs = [(one["metric"], one["device"]) for one in chart_of(page)["series"]]
    ids = [measured.pk, other.pk]
    assert pairs == [(metric, device) for metric in ("power", "voltage") for device in ids]
    assert "405.5 (400.0 – 411.0)</td><td class=" in page
    assert page.count('<table class="figures">') == 2


def test_history_begins_with_the_first_reading(as_owner, measured):
    assert chart_of(page_of(as_owner))["first"] == "2026-03-10T12:00:00.000Z"


def test_first_points_are_those_of_the_api(as_owner, measured):
    span = {"start": START.isoformat(), "end": (START + timedelta(minutes=5)).isoformat()}

    chart = chart_of(page_of(as_owner, device=measured.pk, **span))

    api = as_owner.get(reverse("api:device-series", args=[measured.pk]), span).json()
    assert chart["series"] == [api]
    assert len(api["points"]) == 30


def test_no_more_devices_than_there_are_colours(as_owner, device, owner):
    others = [create_device(owner, f"Meter {n}")[0].pk for n in range(9)]

    page = page_of(as_owner, device=[*reversed(others), device.pk])

    shown = [one["device"] for one in chart_of(page)["series"]]
    assert shown == others[:2:-1]
    assert sorted(re.findall(r'data-curve="(\d)"', page)) == ["1", "2", "3", "4", "5", "6"]


def test_few_devices_keep_their_colours(as_owner, device, owner):
    other = create_device(owner, "Zoo")[0]

    page = page_of(as_owner, device=other.pk)

    assert re.findall(r'data-curve="(\d)"', page) == ["2"]


def test_ranges_and_files_are_links_that_need_no_script(as_owner, measured):
    page = page_of(as_owner, device=measured.pk, metric="voltage")

    week = re.search(r'href="\?([^"]*)" title="Last 7 days"', page)[1].replace("&amp;", "&")
    files = re.findall(r'href="(/api/v1/devices/[^"]+\.csv\?[^"]*)"', page)
    assert f"device={measured.pk}&metric=voltage&start=" in week
    assert as_owner.get(f"{ADDRESS}?{week}").status_code == 200
    assert len(files) == 2
    assert all(as_owner.get(one.replace("&amp;", "&")).status_code == 200 for one in files)


def test_figures_are_the_pages_table_alone(as_owner, measured):
    query = {"start": "2026-03-10T13:00", "end": "2026-03-10T14:30"}

    page = page_of(as_owner, **query)
    figures = as_owner.get("/history/figures/", query).content.decode()

    assert rows_of(figures) == rows_of(page)
    assert "<html" not in figures


def test_owner_without_a_device_is_led_to_where_one_is_added(as_owner):
    assert as_owner.get(ADDRESS).url == "/devices/"
    assert as_owner.get("/history/figures/").content == b""


@pytest.mark.parametrize("address", [ADDRESS, "/history/figures/"])
def test_nobody_sees_anothers_device(address, device, measured, as_stranger, nobody):
    query = {"device": device.pk, "start": "2026-03-10T13:00", "end": "2026-03-10T14:30"}
    stranger = as_stranger.get(address, query)
    before_login = nobody.get(address, query)

    assert b"House" not in stranger.content
    assert (before_login.status_code, before_login.url[:7]) == (302, "/login/")


def test_queries_do_not_grow_with_devices(
    as_owner, measured, owner, django_assert_num_queries, django_assert_max_num_queries
):
    query = {"start": "2026-03-01T00:00", "end": "2026-03-25T00:00"}
    with django_assert_max_num_queries(12) as few:
        as_owner.get(ADDRESS, {**query, "device": measured.pk})
    others = [create_device(owner, f"Meter {n}")[0].pk for n in range(2)]

    with django_assert_num_queries(len(few)):
        as_owner.get(ADDRESS, {**query, "device": [measured.pk, *others]})

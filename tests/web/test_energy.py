"""The energy page, what is behind its figures, and setting them right."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from wattkeep.history.consumption import to_kwh, used_between
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from web.energy_pages import HOUR, MIDNIGHT, chart, day, page, store_hours, table

pytestmark = pytest.mark.django_db


def test_table_and_bars_have_the_figures_of_the_ledger_to_the_last_digit(as_owner, device):
    store_hours(device, 30, kw=0.777)

    text = page(as_owner, **day(device=device.pk))

    edges = [MIDNIGHT + n * HOUR for n in range(25)]
    figures = [to_kwh(one.total_mwh) for one in used_between([device], edges)[device.pk]]
    bars, rows = chart(text), table(text)[1:-1]
    assert bars["parts"][0]["measured"] == figures
    assert [bar["text"] for bar in bars["bars"]] == [row[1] for row in rows]
    assert [row[:2] for row in rows[:2]] == [
        ["00:00 – 01:00", f"{figures[0]:.3f}"],
        ["01:00 – 02:00", f"{figures[1]:.3f}"],
    ]
    assert table(text)[-1][1] == f"{sum(figures):.3f}"


def test_page_and_api_agree(as_owner, device):
    store_hours(device, 30, kw=0.777)
    query = {"start": "2026-01-05", "end": "2026-01-06", "by": "hour"}
    answer = as_owner.get(reverse("api:device-consumption", args=[device.pk]), query)

    rows = chart(page(as_owner, **day(device=device.pk)))

    assert [
        {"start": row["start"], "consumption": row["consumption"]} for row in answer.json()["rows"]
    ] == [
        {"start": bar["start"], "consumption": kwh}
        for bar, kwh in zip(rows["bars"], rows["parts"][0]["measured"], strict=True)
    ]


@pytest.mark.parametrize(
    ("date_", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-28", 24)]
)
def test_day_has_as_many_bars_as_hours(as_owner, device, date_, hours):
    store_hours(device, 30, start=datetime.fromisoformat(f"{date_}T00:00+00:00") - 2 * HOUR)

    bars = chart(page(as_owner, span="day", date=date_))["bars"]

    assert len(bars) == hours
    assert len({bar["label"] for bar in bars}) == hours


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"span": "day", "by": "quarter"}, 96),
        ({"span": "week"}, 7),
        ({"span": "week", "by": "hour"}, 168),
        ({"span": "month"}, 31),
        ({"span": "month", "by": "week"}, 5),
        ({"span": "year"}, 12),
        ({"span": "year", "by": "day"}, 365),
        ({"span": "days", "from": "2026-01-03", "to": "2026-01-12"}, 10),
    ],
)
def test_periods_are_divided_as_asked(as_owner, device, query, count):
    store_hours(device, 30)

    text = page(as_owner, **{"date": "2026-01-05", **query})

    assert len(chart(text)["bars"]) == count


@pytest.mark.parametrize(
    "query",
    [
        {"date": "yesterday"},
        {"span": "fortnight"},
        {"span": "days", "from": "2026-01-03"},
        {"by": "second"},
        {"compare": "neighbours"},
        {"device": "999999"},
        {"site": "x"},
        {"date": "0001-01-01"},
        {"span": "week", "date": "1971-01-01", "compare": "year"},
        {"span": "year", "date": "2199-01-01", "compare": "before"},
        {"span": "days", "from": "1971-01-01", "to": "2199-12-31", "compare": "year"},
        {"span": "all", "compare": "before"},
    ],
)
def test_what_makes_no_sense_shows_the_usual(as_owner, device, query):
    store_hours(device, 3)

    assert "data-energy" in page(as_owner, **query)


def test_address_reproduces_the_view(as_owner, owner, device):
    create_device(owner, "Garage")
    store_hours(device, 30)
    asked = {"device": str(device.pk), "span": "week", "date": "2026-01-07", "by": "hour",
             "compare": "before"}  # fmt: skip
    first = chart(page(as_owner, **asked))

    again = chart(page(as_owner, f"/energy/{first['address']}"))

    assert first["address"] == (
        f"?device={device.pk}&span=week&date=2026-01-05&by=hour&compare=before"
    )
    assert {**again, "now": 0} == {**first, "now": 0}


def test_next_and_previous_end_where_the_readings_do(as_owner, device):
    store_hours(device, 30)

    text = page(as_owner, **day())

    assert f'href="?device={device.pk}&span=day&date=2026-01-06" aria-label="Later"' in text
    assert 'aria-label="Earlier"' not in text
    assert ">Today</a>" in text


def test_site_is_stacked_without_counting_twice(as_owner, owner, device):
    heating = create_device(owner, "Heating")[0]
    heating.parent = device
    heating.save()
    create_device(owner, "Never heard")
    store_hours(device, 24, kw=1.0)
    store_hours(heating, 24, kw=0.4)

    text = page(as_owner, **day())

    assert table(text)[0][:4] == ["Hour", "Total", "Heating", "House, the rest"]
    assert table(text)[1][:4] == ["00:00 – 01:00", "1.000", "0.400", "0.600"]
    assert table(text)[-1][:4] == ["Total", "24.000", "9.600", "14.400"]


def test_every_part_of_a_stack_has_a_colour_of_its_own(as_owner, owner, device):
    create_device(owner, "Never heard")
    more = [create_device(owner, f"Flat {number}")[0] for number in range(1, 6)]
    for place, one in enumerate([device, *more]):
        store_hours(one, 2, kw=0.3 + place / 10)
    curves = [part["curve"] for part in chart(page(as_owner, **day()))["parts"]]
    assert sorted(curves) == [1, 2, 3, 4, 5, 6]

    for number in (6, 7):
        store_hours(create_device(owner, f"Flat {number}")[0], 2, kw=0.2)
    parts = chart(page(as_owner, **day()))["parts"]

    assert parts[-1]["name"] == "Other devices"
    assert parts[-1]["curve"] == 7
    assert sorted(part["curve"] for part in parts) == sorted({part["curve"] for part in parts})
    assert len(parts) == 6


def test_sub_meters_beyond_their_parent_are_told(as_owner, owner, device):
    heating = create_device(owner, "Heating")[0]
    heating.parent = device
    heating.save()
    store_hours(device, 24, kw=0.4)
    store_hours(heating, 24, kw=1.0)

    assert "Sub-meters show 14.400 kWh more than passed through" in page(as_owner, **day())


def test_other_period_stands_beside(as_owner, device):
    store_hours(device, 24, kw=0.5)
    later = MIDNIGHT + 24 * HOUR + timedelta(minutes=5)
    store_hours(device, 24, kw=1.0, start=later, first_kwh=112.083)

    text = page(as_owner, span="day", date="2026-01-06", compare="before")

    assert "100 % more</span> than 12.000 kWh in Mon 5 Jan 2026" in text
    assert [bar["compared_text"] for bar in chart(text)["bars"]] == ["0.500"] * 24
    assert table(text)[1][:3] == ["00:00 – 01:00", "1.000", "0.500"]


def test_comparison_is_told_in_the_page_s_language(as_owner, device):
    store_hours(device, 24, kw=0.5)
    later = MIDNIGHT + 24 * HOUR + timedelta(minutes=5)
    store_hours(device, 24, kw=1.0, start=later, first_kwh=112.083)
    as_owner.cookies["django_language"] = "de"

    text = page(as_owner, span="day", date="2026-01-06", compare="before")

    assert re.search(r"mehr</span> als [\d,]+ kWh", text)


def test_repeated_hour_is_not_compared_with_another_one(as_owner, device):
    start = datetime(2026, 10, 23, 22, tzinfo=UTC)
    store_hours(device, 50, start=start)

    bars = chart(page(as_owner, span="day", date="2026-10-25", compare="before"))["bars"]

    assert [bar["compared"] is None for bar in bars] == [place == 3 for place in range(25)]


def test_period_before_the_readings_is_not_taken_for_nothing(as_owner, device):
    store_hours(device, 24)

    text = page(as_owner, **day(compare="year"))

    assert "Nothing was measured in Sun 5 Jan 2025." in text
    assert {bar["compared"] for bar in chart(text)["bars"]} == {None}


def test_estimated_parts_and_events_are_marked(as_owner, device):
    store_hours(device, 3)
    store_hours(device, 3, start=MIDNIGHT + 6 * HOUR, first_kwh=104.0)
    update_device(device.pk, MIDNIGHT + 24 * HOUR)

    text = page(as_owner, **day())

    rows = chart(text)
    assert [kwh > 0 for kwh in rows["parts"][0]["estimated"][:8]] == [False] * 3 + [True] * 3 + [
        False, False,
    ]  # fmt: skip
    assert rows["bars"][4]["events"] == ["No readings"]
    assert "estimated No readings" in " ".join(table(text)[5][-1].split())


def test_hours_without_knowledge_are_not_zero(as_owner, device):
    store_hours(device, 3, start=MIDNIGHT + 6 * HOUR)

    figures = [row[1] for row in table(page(as_owner, **day()))[1:-1]]

    # The last reading is that of 09:00.
    assert figures == ["–"] * 6 + ["0.600"] * 3 + ["0.000"] + ["–"] * 14


@pytest.mark.parametrize(
    ("date_", "words"),
    [("2025-06-01", "The first readings are of 5 January 2026."),
     ("2026-06-01", "The newest readings are of 5 January 2026.")],
)  # fmt: skip
def test_empty_period_says_where_the_readings_are(as_owner, device, date_, words):
    store_hours(device, 3)

    text = page(as_owner, span="month", date=date_)

    assert words in text
    assert f'href="?device={device.pk}&span=month&date=2026-01-01" data-page>Go there' in text


def test_device_that_never_reported_says_how_to_connect_it(as_owner, device):
    text = page(as_owner)

    assert "Nothing has arrived yet" in text
    assert f'href="{reverse("web:device", args=[device.pk])}">How to connect it' in text


def test_without_a_device_one_can_be_added(as_owner):
    assert f'href="{reverse("web:device_add")}"' in page(as_owner)


def test_number_of_queries_does_not_grow_with_devices(as_owner, owner, device):
    counts = []
    store_hours(device, 3)
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page(as_owner, **day(site=device.site_id, compare="before"))
        counts.append(len(queries))
        for name in ("B", "C", "D"):
            store_hours(create_device(owner, name)[0], 3)

    # One of them is for the language the person reads, one for what they may change.
    assert counts[0] == counts[1] <= 22


@pytest.mark.parametrize("name", ["energy", "energy_why", "energy_correct"])
def test_nobody_is_asked_to_log_in(nobody, db, name):
    answer = nobody.get(reverse(f"web:{name}"))

    assert (answer.status_code, answer.url.startswith("/login/")) == (302, True)


def test_price_makes_costs(as_owner, device):
    store_hours(device, 24)
    device.site.price_per_kwh = "0.25"
    device.site.save()

    text = page(as_owner, **day())

    assert table(text)[-1][2] == "3.60 EUR"
    assert table(text)[1][2] == "0.15 EUR"
    assert ', 0.600 kWh, <span class="whitespace-nowrap">0.15 EUR</span></p>' in text


def test_page_begins_with_this_month(as_owner, device):
    store_hours(device, 3, start=datetime.now(UTC) - 4 * HOUR)
    today = datetime.now(device.site.zone).date()

    text = page(as_owner)

    assert chart(text)["address"].endswith(f"span=month&date={date(today.year, today.month, 1)}")

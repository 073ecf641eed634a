"""What is behind a figure, from sentences down to single readings."""

import re
from datetime import timedelta

import pytest

from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from web.energy_pages import HOUR, MIDNIGHT, QUARTER, page, store_hours, why

pytestmark = pytest.mark.django_db


def test_why_tells_a_gap_and_leads_to_the_quarter_hours(as_owner, device):
    store_hours(device, 3)
    store_hours(device, 3, start=MIDNIGHT + 6 * HOUR, first_kwh=104.0)
    update_device(device.pk, MIDNIGHT + 24 * HOUR)

    text = why(as_owner, device, MIDNIGHT + 4 * HOUR, MIDNIGHT + 5 * HOUR, by="hour")

    assert "Why 0.733 kWh?" in text
    assert "No readings from 5 Jan 2026, 03:00 to 5 Jan 2026, 06:00." in text
    assert "The meter counted 2.200 kWh meanwhile." in text
    assert "spread evenly over that time" in text
    assert len(re.findall(r'aria-label="Why [\d.]+ kWh, 04:', text)) == 4


def test_why_of_a_quarter_hour_shows_its_readings_and_those_around(as_owner, device):
    store_hours(device, 3)
    update_device(device.pk, MIDNIGHT + 24 * HOUR)

    text = why(as_owner, device, MIDNIGHT + HOUR, MIDNIGHT + HOUR + QUARTER, by="quarter")

    inside = re.findall(r"<tr><th scope=\"row\" title=\"[^\"]*\">([\d:]{8})</th>", text)
    assert inside == ["01:00:00", "01:05:00", "01:10:00"]
    assert text.count(">outside<") == 6
    assert "All of it was counted by the meter, reading by reading." in text


def test_why_tells_a_reset(as_owner, device):
    store_hours(device, 3)
    store_hours(device, 3, start=MIDNIGHT + 3 * HOUR + timedelta(minutes=5), first_kwh=0.0)
    update_device(device.pk, MIDNIGHT + 24 * HOUR)

    text = why(as_owner, device, MIDNIGHT, MIDNIGHT + 24 * HOUR, by="day")

    assert "counter was set to zero by 5 Jan 2026, 03:05 (it had shown 101.800 kWh)" in text


NAMES = ("House", "Garage")


def test_why_of_a_site_shares_it_out_and_says_whose_is_estimated(as_owner, owner, device):
    garage = create_device(owner, "Garage")[0]
    store_hours(device, 3)
    store_hours(garage, 1, kw=0.3)
    store_hours(garage, 1, kw=0.3, start=MIDNIGHT + 2 * HOUR, first_kwh=100.6)
    span = {"start": MIDNIGHT.isoformat(), "end": (MIDNIGHT + 2 * HOUR).isoformat()}

    text = page(as_owner, "/energy/why/", site=device.site_id, **span)

    assert "Why 1.800 kWh?" in text
    shares = {name: re.search(rf"Why ([\d.]+) kWh of {name}\?.*?</td>", text) for name in NAMES}
    assert {name: found[1] for name, found in shares.items()} == {
        "House": "1.200",
        "Garage": "0.600",
    }
    assert ["estimated" in shares[name][0] for name in NAMES] == [False, True]


@pytest.mark.parametrize(
    "query",
    [{}, {"start": "x", "end": "y"}, {"start": "2026-01-05T00:00:00", "end": "2026-01-06T00:00Z"},
     {"start": "2026-01-06T00:00Z", "end": "2026-01-05T00:00Z"}],
)  # fmt: skip
def test_why_needs_a_span(as_owner, device, query):
    assert as_owner.get("/energy/why/", query).status_code == 404


def test_long_spans_are_divided_coarsely(as_owner, device):
    store_hours(device, 3)

    text = why(as_owner, device, MIDNIGHT - 900 * 24 * HOUR, MIDNIGHT, by="hour")

    assert text.count("data-dialog-link aria-label=") < 400

"""The insights and voltage pages: figures that are known before, empty states, whose they are."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import SLOT_MS
from wattkeep.history.insights import gather_insights, gather_quarters, voltage_report
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Correction, EnergyReading, EnergySlot

pytestmark = pytest.mark.django_db

# A Wednesday evening in Paris.
NOW = datetime(2026, 11, 18, 18, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 17, 23, tzinfo=UTC)


def store_slots(device, days, until, power_at=lambda _: 400.0):
    """Store quarter-hours of whole days before an instant, with power by the hour (UTC)."""
    end_ms = to_ms(until)
    slots = []
    for at_ms in range(end_ms - days * 96 * SLOT_MS, end_ms, SLOT_MS):
        power = power_at(from_ms(at_ms))
        slots.append(
            EnergySlot(
                device=device,
                start=from_ms(at_ms),
                measured_mwh=round(power * 250),
                samples=90,
                power_min=power,
                power_mean=power,
                power_max=power,
                voltage_mean=230.0,
            )
        )
    EnergySlot.objects.bulk_create(slots)


def text_of(page):
    plain = re.sub(r"<[^>]+>", " ", page.content.decode())
    return re.sub(r"\s+", " ", plain)


def test_weeks_tell_what_is_on_and_where_the_month_goes(device):
    store_slots(device, 21, MIDNIGHT, lambda at: 100.0 if at.hour < 4 else 400.0)

    found = gather_insights(device, NOW)

    a_day_wh = 4 * 100 + 20 * 400
    assert (found.floor.power_w, found.floor.days) == (100.0, 21)
    # Seventeen days of November are stored, and none of today.
    assert found.used_wh == pytest.approx(17 * a_day_wh)
    assert found.outlook.weeks == 3
    # Every week is like the other: of today four and a half hours are left, then twelve days.
    expected = found.used_wh + 4.5 * 400 + 12 * a_day_wh
    assert found.outlook.least_wh == pytest.approx(expected)
    assert found.outlook.greatest_wh == pytest.approx(expected)
    assert found.month_peaks == [
        (date(2026, 10, 1), 400.0),
        (date(2026, 11, 1), 400.0),
    ]
    assert found.blind_w == pytest.approx(4.6)


def test_corrections_count_in_what_was_used(device, owner):
    store_slots(device, 2, MIDNIGHT)
    first = MIDNIGHT - timedelta(days=1)
    Correction.objects.create(
        device=device,
        start=first,
        end=first + timedelta(hours=1),
        energy_wh=0.0,
        reason="test",
        author=owner,
    )

    local = first.astimezone(device.site.zone).date()
    quarters = gather_quarters(device, local, local + timedelta(days=1))

    assert [quarter.energy_wh for quarter in quarters[:5]] == [0.0, 0.0, 0.0, 0.0, 100.0]
    assert len(quarters) == 96


def test_page_shows_the_figures(as_owner, device):
    device.site.price_per_kwh = "0.25"
    device.site.save()
    store_slots(device, 28, datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))

    page = as_owner.get("/insights/")

    text = text_of(page)
    assert page.status_code == 200
    assert "Always on 400 W" in text
    # 0.4 kW all year long at 0.25.
    assert "3,504 kWh , 100 % of what is used. It costs 876.00 EUR ." in text
    assert "The meter is blind below 4.6 W" in text
    assert page.context["outlook"]["weeks"] >= 3
    assert len(page.context["week"]["hours"]) == 24
    assert len(page.context["peaks"]) == 10


def test_new_device_says_what_is_missing(as_owner, device):
    text = text_of(as_owner.get("/insights/"))

    assert "This takes 3 full days. There are 0 so far." in text
    assert "To say where it is heading takes two full weeks" in text
    assert "The first full day fills it." in text


def test_nothing_to_show_leads_to_adding_a_device(as_stranger):
    for address in ("/insights/", "/insights/voltage/"):
        page = as_stranger.get(address).content.decode()
        assert reverse("web:device_add") in page


@pytest.mark.parametrize("name", ["web:insights", "web:voltage"])
def test_pages_are_ones_own(name, device, as_owner, as_stranger, nobody):
    create_device(User.objects.get(username="stranger"), "Shed")
    address = f"{reverse(name)}?device={device.pk}"

    assert as_owner.get(address).status_code == 200
    assert as_stranger.get(address).status_code == 404
    assert nobody.get(address).url.startswith("/login/")
    assert as_owner.get(f"{reverse(name)}?device=x").status_code == 404


def test_meter_above_the_others_is_shown_first(as_owner, owner, device):
    main, _ = create_device(owner, "Zähler")
    device.parent = main
    device.save()

    assert as_owner.get("/insights/").context["device"] == main


# -- voltage --------------------------------------------------------------------------------------


def store_volts(device, start, volts, step_s=10):
    EnergyReading.objects.bulk_create(
        EnergyReading(
            device=device,
            timestamp=start + timedelta(seconds=step_s * number),
            voltage=value,
            current=1.0,
            power=230.0,
            energy=1.0,
            frequency=50.0,
            power_factor=1.0,
        )
        for number, value in enumerate(volts)
    )


def test_report_goes_by_local_days(device):
    store_volts(device, MIDNIGHT - timedelta(minutes=10), [230.0] * 60 + [200.0] * 60)

    found = voltage_report(device, NOW.date(), 7)

    assert [(day.day, one.means, one.share) for day, one in found.days] == [
        (17, 1, 1.0),
        (18, 1, 0.0),
    ]
    assert (found.whole.nominal_v, found.whole.share) == (230, 0.5)


def test_report_without_readings_is_none(device):
    assert voltage_report(device, NOW.date(), 7) is None


def test_report_page_tells_a_sag(as_owner, device):
    start = datetime.now(UTC) - timedelta(hours=2)
    store_volts(device, start, [231.0] * 120 + [195.5] * 3 + [231.0] * 237)

    page = as_owner.get("/insights/voltage/?days=28")

    text = text_of(page)
    assert "230 V ± 10 %: 207.0 to 253.0 V" in text
    assert [row["extreme"] for row in page.context["excursions"]] == ["195.5"]
    assert page.context["excursions"][0]["seconds"] == "30 s"
    assert page.context["report"]["sags"] == 1
    assert page.context["report"]["hz_share"] == "100"


def test_nominal_voltage_can_be_chosen(as_owner, device):
    store_volts(device, datetime.now(UTC) - timedelta(hours=1), [236.0] * 120)

    guessed = as_owner.get("/insights/voltage/").context["nominal_v"]
    chosen = as_owner.get("/insights/voltage/?nominal=240").context["nominal_v"]
    nonsense = as_owner.get("/insights/voltage/?nominal=7").context["nominal_v"]

    assert (guessed, chosen, nonsense) == (230, 240, 230)


@pytest.mark.parametrize("address", ["/insights/", "/insights/voltage/"])
def test_number_of_queries_does_not_grow_with_devices(address, as_owner, owner, device):
    store_slots(device, 3, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    store_volts(device, datetime.now(UTC) - timedelta(hours=1), [236.0] * 120)
    counts = []
    for name in (None, "Car", "Shed"):
        if name:
            create_device(owner, name)
        as_owner.get(address)
        with CaptureQueriesContext(connection) as counted:
            as_owner.get(address)
        counts.append(len(counted))

    assert len(set(counts)) == 1

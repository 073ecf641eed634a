"""The drawing on an incident's page."""

from datetime import UTC, datetime, timedelta

import pytest

from stored import store
from wattkeep.monitoring.models import Alert
from wattkeep.web.incident_curve import HEIGHT, WIDTH, incident_curve

BEGAN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ENDED = BEGAN + timedelta(hours=1)
NOW = BEGAN + timedelta(days=2)


def make_alert(device, alert_type="HIGH_POWER", **values):
    rule = device.rules.get(alert_type=alert_type)
    shown = {"message": "High power", "value": 6543, "created_at": BEGAN, "resolved_at": ENDED}
    return Alert.objects.create(
        device=device, rule=rule, alert_type=alert_type, **{**shown, **values}
    )


@pytest.fixture
def measured(device):
    """Return a device that reported each minute for four hours around noon, but for ten minutes."""
    for minute in range(-120, 121):
        if not 70 <= minute < 80:
            power = 6000.0 if 0 <= minute < 60 else 400.0
            store(device, BEGAN + timedelta(minutes=minute), power=power)
    return device


def points(line):
    return [tuple(map(float, point.split(","))) for point in line.split(" ")]


def test_curve_shows_the_time_around_with_limit_and_span(measured):
    curve = incident_curve(make_alert(measured), NOW)

    assert (curve.begin, curve.end) == ("Fri 20 Nov, 12:30", "Fri 20 Nov, 14:30")
    assert (curve.bottom, curve.top, curve.limit) == ("0 W", "6,000 W", "Limit 5,000 W")
    assert (curve.left, curve.width) == (WIDTH / 4, WIDTH / 2)
    assert curve.limit_y == HEIGHT / 6
    drawn = [point for line in curve.lines for point in points(line)]
    assert {y for x, y in drawn if 260 < x < 740} == {0.0}
    assert all(y == pytest.approx(HEIGHT * 5600 / 6000, abs=0.1) for x, y in drawn if x < 240)


def test_gap_stays_a_gap(measured):
    curve = incident_curve(make_alert(measured), NOW)

    before, after = curve.lines
    assert points(before)[-1][0] < WIDTH * 105 / 120 < points(after)[0][0]


def test_open_incident_ends_now(measured):
    alert = make_alert(measured, resolved_at=None)

    curve = incident_curve(alert, BEGAN + timedelta(hours=1, minutes=30))

    assert curve.left + curve.width == pytest.approx(WIDTH, abs=0.2)


def test_rule_without_a_curve_of_its_own_shows_power(measured):
    curve = incident_curve(make_alert(measured, "DEVICE_OFFLINE"), NOW)

    assert (curve.limit, curve.limit_y, curve.top) == ("", None, "6,000 W")
    assert "metric=power" in curve.history


def test_voltage_is_not_drawn_from_zero(measured):
    curve = incident_curve(make_alert(measured, "HIGH_VOLTAGE"), NOW)

    assert float(curve.bottom.split()[0]) > 200


def test_nothing_measured_is_no_curve(device):
    assert incident_curve(make_alert(device), NOW) is None


def test_page_holds_the_drawing(measured, as_owner):
    page = as_owner.get(f"/alerts/{make_alert(measured).pk}/").content.decode()

    assert page.count("<polyline") == 2
    assert "Limit 5,000 W" in page

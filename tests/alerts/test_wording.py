"""What an incident says."""

import pytest

from wattkeep.alerts.wording import duration, opening_message, quantity
from wattkeep.monitoring.models import AlertRule


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3570, "1 h"),
        (7500, "2 h 5 min"),
        (86_400, "1 day"),
        (180_000, "2 days 2 h"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("power", 6543.21, "6,543 W"),
        ("voltage", 253.04, "253.0 V"),
        ("power_factor", 0.4, "0.40"),
        ("energy_month", 1234.56, "1,234.6 kWh"),
    ],
)
def test_quantity(metric, value, words):
    assert quantity(metric, value) == words


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        (
            {"name": "High power", "metric": "power", "threshold": 5000},
            6543,
            "High power: 6,543 W (limit 5,000 W)",
        ),
        (
            {"name": "Sauna", "metric": "power", "threshold": 3000, "hold_s": 7200},
            3500,
            "Sauna: 3,500 W for 2 h (limit 3,000 W)",
        ),
        (
            {"name": "Mains", "metric": "frequency_off", "threshold": 0.5},
            0.62,
            "Mains: 0.62 Hz beside 50 or 60 Hz (limit 0.50 Hz)",
        ),
        (
            {"name": "Counter", "metric": "counter", "threshold": 0.01},
            1.5,
            "Counter: the meter's counter fell by 1.50 kWh",
        ),
        ({"name": "Gone", "metric": "offline"}, 1, "Gone"),
    ],
    ids=["plain", "long", "frequency", "counter", "silence"],
)
def test_opening_message(rule, value, words):
    assert opening_message(AlertRule(**rule), value) == words

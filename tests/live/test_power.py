"""What a site draws now."""

import pytest

from wattkeep.domain.presence import Status
from wattkeep.live.power import draws, total_w
from wattkeep.live.presence import Presence
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(owner):
    """Return a garage, and a house with a heat pump and an oven behind its meter."""
    found = {name: create_device(owner, name)[0] for name in ("Garage", "House", "Oven", "Pump")}
    for name in ("Oven", "Pump"):
        found[name].parent = found["House"]
        found[name].save()
    return found


def told(site, **powers):
    """Return presences; None stands for a device whose last value is old."""
    return {
        device.pk: Presence(
            EnergyReading(power=7000.0 if powers[name] is None else powers[name]),
            None,
            Status.OFFLINE if powers[name] is None else Status.ONLINE,
        )
        for name, device in site.items()
    }


def summary(site, **powers):
    found = draws(list(site.values()), told(site, **powers))
    return [(one.device.name, one.power_w, one.rest_w) for one in found], total_w(found)


def test_sub_meters_follow_their_parent_and_count_once(site):
    assert summary(site, Garage=10.0, House=1000.0, Oven=300.0, Pump=500.0) == (
        [
            ("House", 1000.0, 200.0),
            ("Oven", 300.0, None),
            ("Pump", 500.0, None),
            ("Garage", 10.0, None),
        ],
        1010.0,
    )


def test_what_is_not_told_now_is_not_counted(site):
    rows, total = summary(site, Garage=None, House=1000.0, Oven=None, Pump=500.0)

    assert rows == [
        ("House", 1000.0, 500.0),
        ("Oven", None, None),
        ("Pump", 500.0, None),
        ("Garage", None, None),
    ]
    assert total == 1000.0


def test_sub_meters_that_claim_more_leave_less_than_nothing(site):
    rows, _ = summary(site, Garage=10.0, House=100.0, Oven=300.0, Pump=0.0)

    assert rows[0] == ("House", 100.0, -200.0)


def test_nobody_there_draws_nothing_known(site):
    _, total = summary(site, Garage=None, House=None, Oven=300.0, Pump=500.0)

    assert total is None

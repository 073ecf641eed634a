"""A real household replayed: every long rise is in an incident, and there are few of them."""

import os
from collections import Counter
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from alerts.replaying import Replay, outside, told_by_day
from alerts.telling import make_channel
from wattkeep.alerts.preview import propose
from wattkeep.domain.instants import from_ms
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Alert
from wattkeep.sim.formats import Minute, meter_minutes, read_rows

pytestmark = pytest.mark.django_db

# The data set's file, for the year that does not fit into the repository.
FILE = os.environ.get("HOUSEHOLD_FILE")
YEAR_S = (1_199_142_000, 1_230_764_400)  # 2008 by the data's clock, UTC+1
DAY_MS = 86_400_000


@pytest.fixture
def meter(owner):
    make_channel(owner)
    return create_device(owner, "House", interval_s=60)[0]


def minutes_of(path, first_s=0, end_s=1 << 40):
    return (
        row for row in read_rows(path) if isinstance(row, Minute) and first_s <= row.start_s < end_s
    )


@pytest.mark.sqlite
def test_fortnight_of_a_household(meter):
    replay = Replay(meter)
    with as_file(files("wattkeep.sim.data") / "household-2007-12.txt.xz") as path:
        replay.play(meter_minutes(minutes_of(path), opening=False))

    periods = replay.periods_over(5000)
    incidents = replay.incidents("HIGH_POWER")
    assert len(periods) > 50
    assert outside(periods, incidents) == []
    assert len(incidents) <= 30
    assert max(told_by_day(meter.site.zone).values()) <= 3
    assert len(replay.network.sent) == told_by_day(meter.site.zone).total() > 10
    assert all(one.peak_value > 5000 for one in Alert.objects.filter(alert_type="HIGH_POWER"))


@pytest.mark.skipif(not FILE, reason="HOUSEHOLD_FILE names no file of the data set")
def test_year_of_a_household(meter, capsys):
    """With the default rules, then with the threshold proposed after 30 days."""
    minutes = list(minutes_of(Path(FILE), *YEAR_S))
    replay = Replay(meter)
    replay.play(meter_minutes(minutes, opening=False))

    periods, incidents = replay.periods_over(5000), replay.incidents("HIGH_POWER")
    told = told_by_day(meter.site.zone)
    with capsys.disabled():
        print("\nreadings", len(replay.readings), "over", sum(w > 5000 for _, w in replay.readings))
        print("periods over a minute", len(periods), "outside", len(outside(periods, incidents)))
        print(Counter(Alert.objects.values_list("alert_type", flat=True)))
        print("messages in the year", told.total(), "days with so many", Counter(told.values()))
    assert outside(periods, incidents) == []
    assert max(told.values()) <= 3
    assert Alert.objects.count() <= 480

    first = replay.readings[0][0]
    proposed = propose(meter, "power", "above", from_ms(first + 30 * DAY_MS))
    other = create_device(meter.user, "Proposed", interval_s=60)[0]
    other.rules.filter(alert_type="HIGH_POWER").update(
        threshold=proposed, recovery_threshold=proposed * 0.9
    )
    again = Replay(other)
    again.play(meter_minutes(minutes, opening=False))
    with capsys.disabled():
        print(
            "proposed",
            proposed,
            "incidents",
            Counter(a for a in other.alerts.values_list("alert_type", flat=True)),
        )
    assert other.alerts.count() <= 60

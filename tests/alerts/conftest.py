"""A device with one plain rule, a watch with clocks that go when told, and ways to feed it."""

from datetime import timedelta

import pytest

from wattkeep.alerts.watch import Watch
from wattkeep.domain.instants import from_ms
from wattkeep.domain.readings import Reading
from wattkeep.monitoring.models import Alert, EnergyReading, NotificationChannel

START_MS = 1_700_000_000_000
START = from_ms(START_MS)


HIGH, CALM = 6000.0, 300.0


class Clock:
    """Both of a watch's clocks, in seconds after the start."""

    def __init__(self):
        self.now_s = 0.0

    def monotonic(self):
        return self.now_s

    def now_ms(self):
        return START_MS + int(self.now_s * 1000)

    def now(self):
        return from_ms(self.now_ms())


def every(step, first, last, power_w):
    """Return (second, W) from `first` to `last`, both included."""
    return [(second, power_w) for second in range(first, last + 1, step)]


def at(second):
    """Return an instant so many seconds after the start."""
    return START + timedelta(seconds=second)


def reading(device, second, power_w=300.0, **values):
    """Return what a device measured at a second."""
    shown = {
        "voltage": 230.0,
        "current": 2.3,
        "power": power_w,
        "energy": 12.4,
        "frequency": 50.0,
        "power_factor": 1.0,
        **values,
    }
    return Reading(device.pk, START_MS + int(second * 1000), **shown)


def commit(*readings):
    """Store readings as a commit does; those that are known stay as they are."""
    EnergyReading.objects.bulk_create(
        [
            EnergyReading(
                device_id=one.device_id,
                timestamp=from_ms(one.timestamp_ms),
                **{name: getattr(one, name) for name in one._fields[2:]},
            )
            for one in readings
        ],
        ignore_conflicts=True,
    )


def incidents(device, alert_type="HIGH_POWER"):
    """Return (began, ended) in seconds of each, oldest first."""
    rows = Alert.objects.filter(device=device, alert_type=alert_type).order_by("created_at")
    assert all(row.is_resolved is (row.resolved_at is not None) for row in rows)

    def second(instant):
        return None if instant is None else (instant - START).total_seconds()

    return [(second(row.created_at), second(row.resolved_at)) for row in rows]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_watch(clock):
    """Return a function that makes what one process has."""
    return lambda: Watch(clock.monotonic, clock.now_ms)


@pytest.fixture
def watch(make_watch):
    return make_watch()


@pytest.fixture
def feed(device, clock):
    """Return a function that stores (second, W) readings as one commit and has a watch judge it.

    The clocks stand at the newest reading of all.
    """

    def feed(watch, *readings, of=device, **values):
        rows = [reading(of, second, power_w, **values) for second, power_w in readings]
        commit(*rows)
        clock.now_s = max(clock.now_s, *(second for second, _ in readings))
        watch.judge_now(rows)

    return feed


@pytest.fixture
def channel(owner):
    return NotificationChannel.objects.create(user=owner, name="Mail")


@pytest.fixture
def plain(device):
    """Make the device's high power rule one without holds: over 5,000 W or not."""
    rule = device.rules.get(alert_type="HIGH_POWER")
    rule.hold_s = rule.recovery_hold_s = 0
    rule.recovery_threshold = None
    rule.save()
    return rule

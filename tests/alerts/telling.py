"""Channels and incidents for tests of the outbox, and a network that is a list."""

from datetime import UTC, datetime, timedelta

from wattkeep.alerts import incidents
from wattkeep.alerts.incidents import Course
from wattkeep.alerts.notify_channels import set_address
from wattkeep.alerts.notify_send import Outcome
from wattkeep.monitoring.models import NotificationChannel

# A Monday noon in Paris.
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)


def make_channel(owner, url="json://127.0.0.1:9/", name="Hook", **values):
    channel = NotificationChannel(user=owner, name=name, **values)
    if channel.kind != NotificationChannel.Kind.BROWSER:
        set_address(channel, url)
    channel.save()
    return channel


def open_incident(device, now, alert_type="HIGH_POWER", **values):
    """Open an incident that began as long ago as its rule wants it to last."""
    rule = device.rules.get(alert_type=alert_type)
    began = now - timedelta(seconds=rule.hold_s)
    course = Course(began, value=6543.0, peak=7120.0, last=6543.0, last_at=now)
    alert = incidents.record(rule, course, now, device=device, **values)
    assert alert is not None
    return alert


class Network:
    """Takes every message, or none."""

    def __init__(self):
        self.sent = []
        self.tried = 0
        self.error = ""

    def send(self, message):
        self.tried += 1
        if not self.error:
            self.sent.append(message)
        return Outcome(self.error)

    @property
    def subjects(self):
        return [message.subject for message in self.sent]

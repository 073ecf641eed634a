"""A household's minutes stored and judged one by one, as if they came in as they were measured."""

from collections import Counter
from datetime import UTC, datetime
from itertools import groupby

from django.db import connection

from alerts.telling import Network
from wattkeep.alerts.notify import WAITING
from wattkeep.alerts.outbox import deliver_due
from wattkeep.alerts.watch import Watch
from wattkeep.domain.instants import from_ms
from wattkeep.domain.readings import Reading
from wattkeep.monitoring.models import Alert, Notification

MINUTE_MS = 60_000
# Readings between two looks into the outbox.
DELIVERED_EVERY = 15
INSERT = (
    "INSERT INTO monitoring_energyreading (device_id, timestamp, voltage, current, power, energy,"
    " frequency, power_factor) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)


class Replay:
    """Plays samples into one device; the clocks are the samples' own."""

    def __init__(self, device):
        self.device = device
        self.network = Network()
        self.now_ms = 0
        self.readings = []
        self.watch = Watch(clock_s=lambda: self.now_ms / 3_600_000, now_ms=lambda: self.now_ms)

    def play(self, samples):
        with connection.cursor() as cursor:
            for sample in samples:
                reading = Reading(
                    self.device.pk,
                    sample.timestamp_ms,
                    sample.voltage,
                    sample.current,
                    sample.power,
                    sample.energy,
                    sample.frequency,
                    sample.power_factor,
                )
                self.readings.append((reading.timestamp_ms, reading.power))
                cursor.execute(INSERT, reading)
                self.now_ms = reading.timestamp_ms
                self.watch.judge_now([reading])
                if len(self.readings) % DELIVERED_EVERY == 0 and self._is_due():
                    deliver_due(from_ms(self.now_ms), send=self.network.send)

    def _is_due(self):
        due = Notification.objects.filter(WAITING, not_before__lte=from_ms(self.now_ms))
        return due.exists()

    def incidents(self, alert_type=None):
        """Return (start, end or None) in ms of the incidents, oldest first."""
        found = Alert.objects.filter(device=self.device).order_by("created_at")
        if alert_type:
            found = found.filter(alert_type=alert_type)
        return [(one.created_at, one.resolved_at) for one in found]

    def periods_over(self, limit_w):
        """Return (first, last) of each run of samples over a limit that lasts over a minute."""
        runs = groupby(self.readings, key=lambda one: one[1] > limit_w)
        spans = [[at for at, _ in run] for is_over, run in runs if is_over]
        return [
            (from_ms(span[0]), from_ms(span[-1]))
            for span in spans
            if span[-1] - span[0] >= MINUTE_MS
        ]


def outside(periods, incidents):
    """Return the periods that lie inside no incident."""
    far = datetime.max.replace(tzinfo=UTC)
    return [
        (first, last)
        for first, last in periods
        if not any(start <= first and last <= (end or far) for start, end in incidents)
    ]


def told_by_day(zone):
    """Return local day → messages delivered on it. Rows with the same claim were one message."""
    delivered = Notification.objects.filter(delivered_at__isnull=False)
    messages = dict(delivered.values_list("claim", "delivered_at"))
    return Counter(at.astimezone(zone).date() for at in messages.values())

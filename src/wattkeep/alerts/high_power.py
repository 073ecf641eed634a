"""High power: one incident a device, opened above the limit, closed when it falls back."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from django.db import Error, IntegrityError, close_old_connections, connection, transaction
from django.utils import timezone

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.thresholds import Transition, judge
from wattkeep.monitoring.models import Alert, Device, EnergyReading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.domain.readings import Reading

logger = logging.getLogger(__name__)

TYPE = Alert.Type.HIGH_POWER
RECALL_EVERY_S = 5.0


class HighPowerWatch:
    """Judges each commit's readings; only a transition touches the database.

    Runs on a thread of its own, fed by `judge_later`, so that no acknowledgement waits for it.
    What is open is read from the database every few seconds, in one query for all devices, so a
    restart forgets nothing and other processes are heard; a unique index keeps an incident single.
    """

    def __init__(self, limit_w: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_w = limit_w
        self._clock = clock
        self._open: set[int] = set()
        self._recall_at = 0.0
        self._newest_ms: dict[int, int] = {}
        self._started = timezone.now()
        self._waiting: list[Sequence[Reading]] = []
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "wattkeep-alerts")

    def judge_later(self, readings: Sequence[Reading]) -> None:
        """Queue a commit's new readings and return at once."""
        with self._lock:
            self._waiting.append(readings)
            first = len(self._waiting) == 1
        if first:
            self._thread.submit(self._judge_waiting)

    def close(self) -> None:
        """Judge what waits, then stop."""
        self._thread.submit(connection.close)
        self._thread.shutdown(wait=True)

    def _judge_waiting(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        close_old_connections()
        for readings in waiting:
            try:
                self.judge(readings)
            except Error:
                logger.exception("alerts could not be written; the next reading tries again")
                self._recall_at = 0.0
                connection.close()

    def judge(self, readings: Sequence[Reading]) -> None:
        """Open and close incidents by readings that are newer than what was judged before."""
        if self._clock() >= self._recall_at:
            self._recall()
        for device_id in {reading.device_id for reading in readings} - self._newest_ms.keys():
            self._meet(device_id, readings)
        for reading in sorted(readings, key=lambda one: one.timestamp_ms):
            # What came late tells of the past: it neither opens nor closes.
            if reading.timestamp_ms <= self._newest_ms.get(reading.device_id, 0):
                continue
            match judge(reading.power, self._limit_w, is_open=reading.device_id in self._open):
                case Transition.OPEN:
                    self._open_incident(reading)
                case Transition.CLOSE:
                    self._close_incident(reading)
            self._newest_ms[reading.device_id] = reading.timestamp_ms

    def _recall(self) -> None:
        is_open = Alert.objects.filter(alert_type=TYPE, is_resolved=False)
        self._open = set(is_open.values_list("device_id", flat=True))
        self._recall_at = self._clock() + RECALL_EVERY_S

    def _meet(self, device_id: int, readings: Sequence[Reading]) -> None:
        """Learn at a device's first commit whether it tells of the past.

        It does if something newer was stored before this process started.
        """
        stored = EnergyReading.objects.filter(device_id=device_id, timestamp__lte=self._started)
        newest = stored.order_by("-timestamp").values_list("timestamp", flat=True).first()
        brought_ms = max(one.timestamp_ms for one in readings if one.device_id == device_id)
        self._newest_ms[device_id] = (
            to_ms(newest) if newest is not None and to_ms(newest) > brought_ms else 0
        )

    def _open_incident(self, reading: Reading) -> None:
        try:
            with transaction.atomic():
                if not Device.objects.filter(pk=reading.device_id).exists():
                    return
                Alert.objects.create(
                    device_id=reading.device_id,
                    alert_type=TYPE,
                    message=f"High power: {reading.power:,.0f} W (limit {self._limit_w:,.0f} W)",
                    value=reading.power,
                    created_at=from_ms(reading.timestamp_ms),
                )
        except IntegrityError:
            logger.debug("device %s: another process opened the incident", reading.device_id)
        self._open.add(reading.device_id)

    def _close_incident(self, reading: Reading) -> None:
        Alert.objects.filter(
            device_id=reading.device_id, alert_type=TYPE, is_resolved=False
        ).update(is_resolved=True, resolved_at=from_ms(reading.timestamp_ms))
        self._open.discard(reading.device_id)

"""High power: one incident a device, opened above the limit, closed when it falls back."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from django.db import DatabaseError, IntegrityError, close_old_connections, connection, transaction

from wattkeep.domain.instants import from_ms
from wattkeep.domain.thresholds import Transition, judge
from wattkeep.monitoring.models import Alert, Device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.domain.readings import Reading

logger = logging.getLogger(__name__)

TYPE = Alert.Type.HIGH_POWER


class HighPowerWatch:
    """Judges each commit's readings; only a transition touches the database.

    Runs on a thread of its own, fed by `judge_later`, so that no acknowledgement waits for it.
    What is open is read from the database at a device's first reading, so a restart forgets
    nothing; a unique index keeps the incident single across processes.
    """

    def __init__(self, limit_w: float) -> None:
        self._limit_w = limit_w
        self._open: dict[int, bool] = {}
        self._newest_ms: dict[int, int] = {}
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
        self._thread.shutdown(wait=True)

    def _judge_waiting(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        close_old_connections()
        for readings in waiting:
            try:
                self.judge(readings)
            except DatabaseError:
                logger.exception("alerts could not be written; the next reading tries again")
                self._open.clear()
                connection.close()

    def judge(self, readings: Sequence[Reading]) -> None:
        """Open and close incidents by readings that are newer than what was judged before."""
        # A backlog tells of the past: the present is judged by its newest reading alone.
        for reading in sorted(readings, key=lambda one: one.timestamp_ms):
            if reading.timestamp_ms <= self._newest_ms.get(reading.device_id, 0):
                continue
            is_open = self._open.get(reading.device_id)
            if is_open is None:
                is_open = self._recall(reading)
            match judge(reading.power, self._limit_w, is_open=is_open):
                case Transition.OPEN:
                    self._open_incident(reading)
                case Transition.CLOSE:
                    self._close_incident(reading)
            self._newest_ms[reading.device_id] = reading.timestamp_ms

    def _recall(self, reading: Reading) -> bool:
        is_open = Alert.objects.filter(
            device_id=reading.device_id, alert_type=TYPE, is_resolved=False
        ).exists()
        self._open[reading.device_id] = is_open
        return is_open

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
        self._open[reading.device_id] = True

    def _close_incident(self, reading: Reading) -> None:
        Alert.objects.filter(
            device_id=reading.device_id, alert_type=TYPE, is_resolved=False
        ).update(is_resolved=True, resolved_at=from_ms(reading.timestamp_ms))
        self._open[reading.device_id] = False

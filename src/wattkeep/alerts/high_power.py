"""High power: one incident a device, opened above the limit, closed when it falls back."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from django.db import IntegrityError, close_old_connections, connection, transaction

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.thresholds import Transition, judge
from wattkeep.monitoring.models import Alert, Device, EnergyReading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattkeep.domain.readings import Reading

logger = logging.getLogger(__name__)

TYPE = Alert.Type.HIGH_POWER
RECALL_EVERY_S = 5.0
# Commits that wait to be judged; beyond that the oldest are let go, a newer one says what is true.
MOST_WAITING = 1000


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
        self._is_judging = False
        self._waiting: list[Sequence[Reading]] = []
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "wattkeep-alerts")

    def judge_later(self, readings: Sequence[Reading]) -> None:
        """Queue a commit's new readings and return at once."""
        with self._lock:
            is_idle = not (self._waiting or self._is_judging)
            # Nearly always nothing is to be done, and finding that out is quicker than waking up
            # a thread for it.
            if is_idle and self._clock() < self._recall_at and self._are_calm(readings):
                self._note_newest(readings)
                return
            if len(self._waiting) >= MOST_WAITING:
                del self._waiting[0]
            self._waiting.append(readings)
            is_first = not self._is_judging
            self._is_judging = True
        if is_first:
            self._thread.submit(self._judge_waiting)

    def close(self) -> None:
        """Judge what waits, then stop."""
        self._thread.submit(connection.close)
        self._thread.shutdown(wait=True)

    def _judge_waiting(self) -> None:
        close_old_connections()
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                self._is_judging = bool(waiting)
            if not waiting:
                return
            for readings in waiting:
                try:
                    self.judge(readings)
                except Exception:
                    # Whatever it is, later readings must still be judged.
                    logger.exception("alerts could not be written; the next reading tries again")
                    self._recall_at = 0.0
                    connection.close()

    def judge(self, readings: Sequence[Reading]) -> None:
        """Open and close incidents by readings that are newer than what was judged before."""
        if self._clock() >= self._recall_at:
            self._recall()
        if self._are_calm(readings):
            self._note_newest(readings)
            return
        brought = dict(sorted((one.device_id, one.timestamp_ms) for one in readings))
        for reading in sorted(readings, key=lambda one: one.timestamp_ms):
            # What came late tells of the past: it neither opens nor closes.
            if reading.timestamp_ms <= self._newest_ms.get(reading.device_id, 0):
                continue
            is_open = reading.device_id in self._open
            transition = judge(reading.power, self._limit_w, is_open=is_open)
            if transition is not Transition.NONE and self._is_past(brought, reading.device_id):
                continue
            if transition is Transition.OPEN:
                self._open_incident(reading)
            elif transition is Transition.CLOSE:
                self._close_incident(reading)
            self._newest_ms[reading.device_id] = reading.timestamp_ms

    def _are_calm(self, readings: Sequence[Reading]) -> bool:
        """Tell whether no reading is over the limit and none is of a device with an incident."""
        limit_w, is_open = self._limit_w, self._open
        if any([reading.power > limit_w for reading in readings]):  # noqa: C419 - a list is quicker
            return False
        return not is_open or is_open.isdisjoint([reading.device_id for reading in readings])

    def _note_newest(self, readings: Sequence[Reading]) -> None:
        newest = self._newest_ms
        for reading in readings:
            # By position: three times as quick as by name or by unpacking.
            at_ms = reading[1]
            if at_ms > newest.get(reading[0], 0):
                newest[reading[0]] = at_ms

    def _recall(self) -> None:
        is_open = Alert.objects.filter(alert_type=TYPE, is_resolved=False)
        self._open = set(is_open.values_list("device_id", flat=True))
        self._recall_at = self._clock() + RECALL_EVERY_S

    def _is_past(self, brought: dict[int, int], device_id: int) -> bool:
        """Tell whether something newer is stored than what this commit brought of a device.

        Another process, or this one before it was restarted, may have stored it.
        """
        stored = EnergyReading.objects.filter(device_id=device_id)
        newest = stored.order_by("-timestamp").values_list("timestamp", flat=True).first()
        if newest is None or to_ms(newest) <= brought[device_id]:
            return False
        self._newest_ms[device_id] = max(to_ms(newest), self._newest_ms.get(device_id, 0))
        return True

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

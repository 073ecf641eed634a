"""What follows each commit: calm readings pass at once, the others are judged on a thread."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from django.db import close_old_connections, connection

from wattkeep.alerts.bands import last_calm
from wattkeep.alerts.judging import Judge
from wattkeep.alerts.waiting import Waiting
from wattkeep.domain.readings import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wattkeep.alerts.bands import Band, Newest
    from wattkeep.domain.readings import Reading

logger = logging.getLogger(__name__)

RECALL_EVERY_S = 5.0
CLOSED_WITHIN_S = 5.0
# So much is read up and judged in one go, with all that is known of it in memory.
DEVICES_AT_ONCE, READINGS_AT_ONCE = 250, 5_000
# Devices not heard of since the start are read up in groups: so long it waits for more of them.
GATHERED_FOR_S = 0.2


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _disconnect() -> None:
    # `connection.close` by itself belongs to whichever thread says it, not to the one that calls.
    connection.close()


class Watch:
    """Judges each commit's readings by their devices' rules.

    `judge_later` runs on the event loop and must return at once. For each device it knows a band
    of values inside which nothing can change, so that calm readings cost a few comparisons and
    no acknowledgement waits. The rest goes to a thread. A device whose readings wait there has no
    band until they are judged, so nothing overtakes.
    """

    def __init__(
        self,
        clock_s: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._clock_s = clock_s
        self._judge = Judge(now_ms, clock_s)
        self._bands: dict[int, Band] = {}
        self._newest: dict[int, Newest] = {}
        self._waiting = Waiting()
        self._is_judging = False
        self._is_over = False
        self._recall_at_s = 0.0
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "wattkeep-alerts")

    def judge_later(self, readings: Sequence[Reading]) -> None:
        """Let calm readings pass and queue the others; return at once."""
        is_due = self._clock_s() >= self._recall_at_s
        with self._lock:
            self._take_all(readings)
            if not (self._waiting or is_due) or self._is_judging:
                return
            self._is_judging = True
        self._thread.submit(self._judge_waiting)

    def judge_now(self, readings: Sequence[Reading]) -> None:
        """Judge readings here and now, as `judge_later` has the thread do it."""
        with self._lock:
            self._take_all(readings)
        self._work()

    @property
    def waiting(self) -> int:
        """How many readings wait to be judged."""
        return self._waiting.count

    def close(self) -> None:
        """Judge what waits, for some seconds, then stop.

        After a rush it could take minutes. Whatever is left is stored, and found from there: by
        the next reading, or by another process.
        """
        closed = self._thread.submit(_disconnect)
        try:
            closed.result(CLOSED_WITHIN_S)
        except TimeoutError:
            self._is_over = True
            logger.warning("readings of %d devices wait to be judged; left", len(self._waiting))
        self._thread.shutdown(wait=True)

    def _take_all(self, readings: Sequence[Reading]) -> None:
        if isinstance(readings, Run):
            self._take(readings.device_id, readings)
            return
        for device_id, some in groupby(readings, itemgetter(0)):
            self._take(device_id, list(some))

    def _take(self, device_id: int, readings: Sequence[Reading]) -> None:
        band = self._bands.get(device_id)
        if band is not None:
            newest = last_calm(readings, band, self._newest[device_id])
            if newest is not None:
                self._newest[device_id] = newest
                return
            del self._bands[device_id]
        self._waiting.put(device_id, readings)

    def _judge_waiting(self) -> None:
        close_old_connections()
        with self._lock:
            are_new = not all(map(self._judge.knows, self._waiting))
        if are_new:
            time.sleep(GATHERED_FOR_S)
        self._work()

    def _work(self) -> None:
        while True:
            if self._clock_s() >= self._recall_at_s:
                self._recall()
            with self._lock:
                some = self._waiting.take(DEVICES_AT_ONCE, READINGS_AT_ONCE)
                self._is_judging = bool(some)
            if not some:
                return
            self._learn(some)
            for device_id, readings in some.items():
                if self._is_over:
                    return
                self._judge_device(device_id, readings)

    def _learn(self, some: Mapping[int, Sequence[Reading]]) -> None:
        try:
            self._judge.learn(some)
        except Exception:
            logger.exception("rules and incidents could not be read; tried again in a moment")
            connection.close()

    def _judge_device(self, device_id: int, readings: Sequence[Reading]) -> None:
        try:
            self._judge.judge(device_id, readings, self._newest.get(device_id))
            calm = self._judge.calm_of(device_id)
        except Exception:
            # Whatever it is, later readings must still be judged.
            logger.exception("alerts could not be written; the next reading tries again")
            self._recall_at_s = 0.0
            connection.close()
            return
        with self._lock:
            # What came meanwhile comes first: only after it may anything pass.
            if calm is not None and device_id not in self._waiting:
                self._bands[device_id], self._newest[device_id] = calm

    def _recall(self) -> None:
        self._recall_at_s = self._clock_s() + RECALL_EVERY_S
        try:
            news, have_rules_changed = self._judge.recall()
        except Exception:
            logger.exception("rules and incidents could not be read; tried again in a moment")
            connection.close()
            return
        with self._lock:
            gone = list(self._bands) if have_rules_changed else news
            for device_id in gone:
                self._bands.pop(device_id, None)

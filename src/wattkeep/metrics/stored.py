"""What the database tells of how an installation is: devices, lags, tasks."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import Error, connection, connections
from django.db.models import Min
from django.utils import timezone

from wattkeep.alerts.notify import WAITING
from wattkeep.domain.instants import to_ms
from wattkeep.domain.presence import MOST_QUIET
from wattkeep.ledger.blocks import DAY_MS
from wattkeep.ledger.sealing import SETTLED_AFTER_MS
from wattkeep.metrics.families import labelled
from wattkeep.monitoring.models import (
    Alert,
    Device,
    DeviceBoot,
    Lease,
    LedgerMark,
    Notification,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from wattkeep.metrics.families import Figures

# However often somebody asks, the database is asked no oftener.
KEPT_S = 5.0
# What looks at each device's readings, a hundred thousand times at worst.
SEALING_KEPT_S = 300.0
DAY = timedelta(days=1)

_LEDGER_LAG = """
    SELECT MAX({behind}) FROM monitoring_deviceboot AS boot
    JOIN monitoring_device AS device ON device.id = boot.device_id
    JOIN monitoring_ledgerstate AS state ON state.device_id = boot.device_id
    WHERE boot.last_seen > state.done_to
"""
_BEHIND = {
    "sqlite": "(boot.last_seen - state.done_to) / 1000.0",
    "postgresql": "EXTRACT(EPOCH FROM boot.last_seen - state.done_to)",
}
_OLDEST_ROW = """
    SELECT MIN(oldest) FROM (
        SELECT (SELECT {instant} FROM monitoring_energyreading AS reading
                WHERE reading.device_id = device.id ORDER BY timestamp LIMIT 1) AS oldest
        FROM monitoring_device AS device) AS rows_
"""
_INSTANT_MS = {"sqlite": "timestamp", "postgresql": "EXTRACT(EPOCH FROM timestamp) * 1000"}
_SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


class StoredFigures:
    """Asks the database, and remembers what it said for some seconds; for one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._figures: Figures = {}
        self._until_s = 0.0
        self._sealing: Figures = {}
        self._sealing_until_s = 0.0

    def look(self) -> Figures:
        """Return what the database says; of one that is away, only that."""
        if self._clock() < self._until_s:
            return self._figures
        try:
            self._figures = {"wattkeep_database_up": 1} | self._ask(timezone.now())
        except Error:
            self._figures = {"wattkeep_database_up": 0}
        finally:
            connections.close_all()
        self._until_s = self._clock() + KEPT_S
        return self._figures

    def _ask(self, now: datetime) -> Figures:
        if self._clock() >= self._sealing_until_s:
            self._sealing = _sealing_lag(now)
            self._sealing_until_s = self._clock() + SEALING_KEPT_S
        return _sizes() | _devices(now) | _notifications(now) | _tasks(now) | self._sealing


def _sizes() -> Figures:
    return {
        "wattkeep_database_bytes": _value(_SIZE[connection.vendor]) + _wal_bytes(),
        "wattkeep_ledger_lag_seconds": _value(
            _LEDGER_LAG.format(behind=_BEHIND[connection.vendor])
        ),
        "wattkeep_ledger_marks": LedgerMark.objects.count(),
    }


def _wal_bytes() -> int:
    wal = Path(f"{connection.settings_dict['NAME']}-wal")
    return wal.stat().st_size if connection.vendor == "sqlite" and wal.exists() else 0


def _devices(now: datetime) -> Figures:
    heard = DeviceBoot.objects.filter(last_seen__gt=now - MOST_QUIET)
    return {
        "wattkeep_devices": Device.objects.filter(is_active=True).count(),
        "wattkeep_devices_online": heard.values("device_id").distinct().count(),
        "wattkeep_open_incidents": Alert.objects.filter(is_resolved=False).count(),
    }


def _notifications(now: datetime) -> Figures:
    due = Notification.objects.filter(WAITING, not_before__lte=now)
    oldest = due.aggregate(oldest=Min("not_before"))["oldest"]
    return {
        "wattkeep_waiting_notifications": due.count(),
        "wattkeep_notification_lag_seconds": (now - oldest).total_seconds() if oldest else 0,
        "wattkeep_failed_notifications": Notification.objects.filter(
            failed_at__gt=now - DAY
        ).count(),
    }


def _tasks(now: datetime) -> Figures:
    figures: Figures = {}
    for lease in Lease.objects.order_by("name"):
        overdue_s = max((now - lease.until).total_seconds(), 0)
        figures[labelled("wattkeep_task_overdue_seconds", task=lease.name)] = overdue_s
        figures[labelled("wattkeep_task_failing", task=lease.name)] = int(bool(lease.error))
        if lease.done_at is not None:
            done_s = lease.done_at.timestamp()
            figures[labelled("wattkeep_task_done_seconds", task=lease.name)] = done_s
    return figures


def _sealing_lag(now: datetime) -> Figures:
    oldest_ms = _value(_OLDEST_ROW.format(instant=_INSTANT_MS[connection.vendor]))
    could_be_ms = oldest_ms // DAY_MS * DAY_MS + DAY_MS + SETTLED_AFTER_MS
    lag_s = max(to_ms(now) - could_be_ms, 0) / 1000 if oldest_ms else 0
    return {"wattkeep_sealing_lag_seconds": lag_s}


def _value(sql: str) -> float:
    """Return the one value of a query, 0 for none."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return float(cursor.fetchone()[0] or 0)

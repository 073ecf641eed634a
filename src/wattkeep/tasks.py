"""What is done again and again, and how often; each server's ticker runs it, or a beat does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.alerts.outbox import deliver_due
from wattkeep.alerts.reports_queue import queue_reports
from wattkeep.alerts.sweep import sweep
from wattkeep.backups.schedule import backup_if_due
from wattkeep.ledger.retention import drop_days
from wattkeep.ledger.sealing import SealedDay, seal_days
from wattkeep.ledger.update import update_each_due
from wattkeep.monitoring.deletion import sweep_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


class Task(NamedTuple):
    """A function of the present moment that may run twice, also at once.

    If it returns an iterator, its steps are what it does: between two of them others get their
    turn, and a server that stops does not wait for the rest.
    """

    name: str
    every: timedelta
    run: Callable[[datetime], object]


class DaysFailedError(Exception):
    """Days that could not be sealed; the message names them."""


def seal_each_due(now: datetime) -> Iterator[object]:
    """Seal finished days one by one.

    Raises:
        DaysFailedError: once all are done, if some could not be.
    """
    problems = []
    for done in seal_days(now):
        if not isinstance(done, SealedDay):
            problems.append(str(done))
        yield done
    if problems:
        raise DaysFailedError("; ".join(problems))


def sweep_lost_rows(_now: datetime) -> list[int]:
    """Delete what a deleted device's board could still send before its key was forgotten."""
    return sweep_telemetry()


TASKS = (
    Task("alerts", timedelta(seconds=5), sweep),
    Task("notifications", timedelta(seconds=5), deliver_due),
    Task("reports", timedelta(minutes=5), queue_reports),
    Task("ledger", timedelta(seconds=30), update_each_due),
    Task("sealing", timedelta(hours=1), seal_each_due),
    Task("retention", timedelta(days=1), drop_days),
    Task("backup", timedelta(hours=1), backup_if_due),
    Task("sweeping", timedelta(days=1), sweep_lost_rows),
)

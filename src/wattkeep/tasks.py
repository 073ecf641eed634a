"""What is done again and again, and how often; each server's ticker runs it, or a beat does."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.alerts.outbox import deliver_due
from wattkeep.alerts.reports_queue import queue_reports
from wattkeep.alerts.sweep import sweep
from wattkeep.backups.schedule import backup_if_due
from wattkeep.history.preparing import prepare_due
from wattkeep.ledger.due import Share
from wattkeep.ledger.retention import drop_days
from wattkeep.ledger.sealing import SealedDay, seal_days
from wattkeep.ledger.update import update_each_due
from wattkeep.monitoring.audit import forget_old
from wattkeep.monitoring.deletion import sweep_telemetry
from wattkeep.monitoring.devices import forget_ended_keys
from wattkeep.monitoring.partitions import make_partitions
from wattkeep.monitoring.sessions import SessionStore
from wattkeep.monitoring.sharing import forget_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime


class Task(NamedTuple):
    """A function of the present moment that may run twice, also at once.

    If it returns an iterator, its steps are what it does: between two of them others get their
    turn, and a server that stops does not wait for the rest. After a failure it is tried again in
    `every`, or in `again` if that is less. Where several workers are to help, `run_share` does it
    for some of the devices.
    """

    name: str
    every: timedelta
    run: Callable[[datetime], object]
    run_share: Callable[..., object] | None = None
    # Whether it can go on for minutes; others must not wait behind it.
    is_long: bool = False
    again: timedelta = timedelta(minutes=5)
    # Whether it takes more than its share of a core once it is behind.
    hurries: bool = True


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


def sweep_lost_rows(now: datetime) -> Iterator[object]:
    """Delete what is over: lost rows, replaced keys, sessions, the log of long ago."""
    yield sweep_telemetry()
    yield forget_ended_keys()
    SessionStore.clear_expired()
    yield forget_old(now)
    yield forget_over(now)


TASKS = (
    Task("alerts", timedelta(seconds=5), sweep),
    Task("notifications", timedelta(seconds=5), deliver_due),
    Task("reports", timedelta(minutes=5), queue_reports),
    Task("ledger", timedelta(seconds=30), update_each_due, run_share=update_each_due),
    Task("partitions", timedelta(hours=1), make_partitions),
    Task("sealing", timedelta(hours=1), seal_each_due, is_long=True),
    Task("retention", timedelta(days=1), drop_days, is_long=True),
    Task("backup", timedelta(hours=1), backup_if_due, is_long=True),
    Task("exports", timedelta(seconds=10), prepare_due, is_long=True, hurries=False),
    Task("sweeping", timedelta(days=1), sweep_lost_rows, is_long=True),
)


def split(tasks: Iterable[Task], shares: int) -> Iterator[Task]:
    """Yield the tasks, those that can be done in shares as so many tasks of their own."""
    for task in tasks:
        if task.run_share is None:
            yield task
            continue
        for number in range(shares):
            run = partial(task.run_share, share=Share(number, shares))
            yield task._replace(name=f"{task.name}-{number}", run=run, run_share=None)

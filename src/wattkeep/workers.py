"""Celery: the periodic tasks as messages, for worker processes on as many machines as needed.

A message says no more than "look whether it is due". The lease in the database decides who does
a task and when it is due again, so doubled, late and lost messages, two beats and killed workers
cost time at most.
"""

from __future__ import annotations

import logging
import math
import os
import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wattkeep.settings")

import billiard
import django
from celery import Celery, signals
from celery.apps.beat import Beat
from celery.beat import Scheduler, SchedulingError
from django.conf import settings

django.setup(set_prefix=False)

# isort: split
from django.db import DatabaseError
from kombu.transport import redis as transport
from redis.exceptions import ConnectionError as LostError

from wattkeep.heartbeat import show_life
from wattkeep.tasks import TASKS, split
from wattkeep.tether import PARENT_VARIABLE, tether_to_parent
from wattkeep.ticker import Runner
from wattkeep.tracing import end_tracing, traced_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattkeep.tasks import Task

# So many processes can make quarter-hours at the same time.
LEDGER_SHARES = 8
# A task that is due more seldom is asked for so often: after a restart a beat knows of no past.
ASKED_EVERY = timedelta(minutes=1)
# A beat's messages come this much too early at most.
LEAD = timedelta(seconds=5)
# What can go on for minutes waits in a queue of its own.
QUICK, LONG = f"{settings.REDIS_PREFIX}-quick", f"{settings.REDIS_PREFIX}-long"
QUEUES = {"all": f"{QUICK},{LONG}", "quick": QUICK, "long": LONG}
# Five tasks can be long ones, and the others must not wait for them.
CONCURRENCY = 7
# Longer than a worker that is busy leaves a message waiting; it is stale long before.
VISIBLE_AGAIN_S = 600
# Redis answers a worker's blocking question within a second.
SOCKET_S = 5.0
BRIEFLY_EVERY_S = 60.0

is_stopping: Any = billiard.get_context("fork").Event()


class Line(transport.Channel):
    """A line to Redis that fails as one even when it is over.

    After Redis went away a worker lets go of its line, then gives the messages back that it had
    from there. By itself that ends in an AttributeError, which ends the worker.
    """

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise LostError("this line is over")
        return super()._connparams(*args, **kwargs)  # type: ignore[no-untyped-call]


# For each scheme of an address: a transport under a name of its own would not know TLS.
transport.Transport.Channel = Line

app = Celery("wattkeep")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": VISIBLE_AGAIN_S,
        "socket_timeout": SOCKET_S,
        "socket_connect_timeout": SOCKET_S,
        "global_keyprefix": f"{settings.REDIS_PREFIX}:",
    },
    task_default_queue=QUICK,
    task_ignore_result=True,
    # Taken off the queue when it is done; the message of a process that died comes back.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    timezone="UTC",
    beat_scheduler="wattkeep.workers:Asking",
)


@cache
def _runner() -> Runner:
    return Runner(is_stopping, breathes=False, lead=LEAD)


def _as_celery_task(task: Task) -> Any:
    """Return what runs a task if it is due; a database that is away is tried again."""

    def run() -> bool:
        return _runner().run_if_due(task)

    declare: Callable[..., Any] = app.task(
        name=f"wattkeep.{task.name}",
        autoretry_for=(DatabaseError,),
        max_retries=3,
        retry_backoff=2,
        retry_jitter=True,
    )
    return declare(run)


def _beats_entry(task: Task) -> dict[str, Any]:
    every = min(task.every, ASKED_EVERY)
    # While nobody takes them they do not pile up.
    options = {"queue": LONG if task.is_long else QUICK, "expires": every.total_seconds()}
    return {"task": f"wattkeep.{task.name}", "schedule": every, "options": options}


DUTIES = traced_tasks(tuple(split(TASKS, LEDGER_SHARES)))
tasks = {task.name: _as_celery_task(task) for task in DUTIES}
app.conf.beat_schedule = {task.name: _beats_entry(task) for task in DUTIES}


class Asking(Scheduler):  # type: ignore[misc]  # without types
    """Asks for tasks by a schedule in memory, and shows a sign of life with every message.

    No file that two beats could fight for: the leases know when what was done.
    """

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        result = super().apply_async(*args, **kwargs)
        show_life("beat")
        return result


class Briefly(logging.Filter):
    """Has a beat say once a minute, in one line, that it can ask for nothing.

    By itself it says so for each task each time, with two tracebacks.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._again_s = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if not isinstance(fault, SchedulingError):
            return True
        record.msg, record.args, record.exc_info = "no task can be asked for: %s", (fault,), None
        is_due = self._clock() >= self._again_s
        if is_due:
            self._again_s = self._clock() + BRIEFLY_EVERY_S
        return is_due


def _keep_our_logging(**_: Any) -> None:
    """Leave logging as the settings have it: Celery's own would replace it."""
    logging.getLogger("celery.beat").addFilter(Briefly())


def _end_with_parent(**_: Any) -> None:
    tether_to_parent()


def _end_steps(**_: Any) -> None:
    is_stopping.set()


def _show_life(**_: Any) -> None:
    """Every 2 seconds, from the loop that takes messages, while it has a line to Redis."""
    show_life("worker")


signals.heartbeat_sent.connect(_show_life)
signals.setup_logging.connect(_keep_our_logging)
signals.worker_process_init.connect(_end_with_parent)
signals.worker_process_shutdown.connect(end_tracing)
signals.worker_shutting_down.connect(_end_steps)


def run_worker(queues: str, concurrency: int, on_ready: Callable[[], None]) -> None:
    """Do tasks until SIGTERM or Ctrl-C; what is under way ends after its step."""
    os.environ[PARENT_VARIABLE] = str(os.getpid())
    signals.worker_ready.connect(lambda **_: on_ready(), weak=False)
    app.worker_main(
        [
            "--quiet",
            "worker",
            f"--queues={QUEUES[queues]}",
            f"--concurrency={concurrency}",
            f"--loglevel={settings.LOG_LEVEL}",
            # Several on one machine must not be called the same.
            f"--hostname={os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",
        ]
    )


def run_beat(on_ready: Callable[[], None]) -> None:
    """Say when tasks are due, until SIGTERM or Ctrl-C."""
    signals.beat_init.connect(lambda **_: on_ready(), weak=False)
    Beat(app=app, loglevel=settings.LOG_LEVEL, quiet=True).run()

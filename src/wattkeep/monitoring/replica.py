"""A replica that answers what is asked about the past, as long as it is not too far behind."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import Error, connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)

PRIMARY, REPLICA = "default", "replica"
# How long an answer about the replica's state holds.
LOOK_EVERY_S = 2.0
# One that failed is asked again after so long.
REST_S = 10.0
MOST_SAMPLES = 64
WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
REPEATED = """
    SELECT CASE WHEN pg_is_in_recovery()
           THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint END
"""

_is_on_replica: ContextVar[bool] = ContextVar("is_on_replica", default=False)


class ReplicaRouter:
    """Sends reads to the replica inside `on_replica`, and everything else to the primary."""

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        return REPLICA if _is_on_replica.get() else PRIMARY

    def db_for_write(self, _model: Any, **_hints: Any) -> str:
        # Said aloud: a row that came from the replica would be saved there otherwise.
        return PRIMARY

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, _app: str, **_hints: Any) -> bool:
        return db != REPLICA


def reading_connection() -> BaseDatabaseWrapper:
    """Return the connection that statements of our own read from."""
    return connections[REPLICA if _is_on_replica.get() else PRIMARY]


@contextmanager
def on_replica() -> Iterator[None]:
    """Read from the replica within the block."""
    token = _is_on_replica.set(True)
    try:
        yield
    finally:
        _is_on_replica.reset(token)


class ReplicaState:
    """How far behind the replica is, found out at most every two seconds.

    The primary's place in its log is remembered with the time of asking. The replica is behind by
    no more than the age of the newest place that it has reached. That needs no privilege, and holds
    where the line between the two is cut and neither knows.
    """

    def __init__(
        self,
        *,
        most_behind_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_behind_s = most_behind_s
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque(maxlen=MOST_SAMPLES)
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._rests_until = float("-inf")
        self._behind_s = float("inf")

    def is_usable(self) -> bool:
        """Tell whether answers may come from the replica now."""
        now = self._clock()
        if now < self._rests_until:
            return False
        with self._lock:
            if not 0 <= now - self._looked_at < LOOK_EVERY_S:
                self._looked_at = now
                self._look(now)
        return self._behind_s + (now - self._looked_at) <= self._most_behind_s

    def leave_alone(self, error: Exception) -> None:
        """Ask nothing of it for a while: it failed."""
        logger.warning("the replica does not answer; the primary does: %s", error)
        self._rests_until = self._clock() + REST_S
        self._behind_s = float("inf")
        connections[REPLICA].close()

    def _look(self, now: float) -> None:
        written = _ask(PRIMARY, WRITTEN)
        if written is not None:
            self._samples.append((now, written))
        try:
            reached = _ask(REPLICA, REPEATED)
        except Error as error:
            self.leave_alone(error)
            return
        if reached is None:
            logger.warning("WATTKEEP_REPLICA_URL names no replica: it is not used")
            self._rests_until = now + REST_S
            return
        passed = [at for at, place in self._samples if place <= reached]
        self._behind_s = now - max(passed) if passed else float("inf")


def _ask(alias: str, sql: str) -> int | None:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    return None if row is None else row[0]


def make_state() -> ReplicaState:
    """Return the state of the replica that is set up."""
    return ReplicaState(most_behind_s=settings.REPLICA_MOST_BEHIND_S)

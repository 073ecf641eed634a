"""Leases: which process does a periodic task, and until when nobody else may."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Q

from wattkeep.monitoring.models import Lease

if TYPE_CHECKING:
    from datetime import datetime

# A task that shows no sign of life for so long is taken over.
HELD_FOR = timedelta(seconds=45)
LONGEST_ERROR = 2000


class Outcome(NamedTuple):
    """When a task ended, when it is due again, and what went wrong."""

    again_at: datetime
    at: datetime
    error: str | None


def new_holder() -> str:
    """Return a name for this process that no other has, also not after it."""
    return f"{socket.gethostname()[:20]}:{os.getpid()}:{secrets.token_hex(4)}"


def take_lease(name: str, holder: str, every: timedelta, now: datetime) -> bool:
    """Take a task if it is due and nobody has it; two that try at once do not both get it."""
    lease = Lease.objects.filter(name=name).values_list("until", flat=True)
    if not lease:
        Lease.objects.bulk_create([Lease(name=name, holder="", until=now)], ignore_conflicts=True)
    elif not _is_free(lease[0], every, now):
        # Looked at first: a change that changes nothing takes SQLite's write lock as well.
        return False
    # Nobody's lease reaches further than this, unless the clock was set back since.
    reach = now + max(every, HELD_FOR)
    free = Lease.objects.filter(Q(until__lte=now) | Q(until__gt=reach), name=name)
    return bool(free.update(holder=holder, until=now + HELD_FOR))


def keep_lease(name: str, holder: str, now: datetime) -> bool:
    """Hold a task for longer; False: it took too long, somebody else has it now."""
    own = Lease.objects.filter(name=name, holder=holder)
    return bool(own.update(until=now + HELD_FOR))


def give_back(name: str, holder: str, outcome: Outcome) -> None:
    """Give a task back, done well or with an error, until it is due again."""
    values: dict[str, Any] = {"until": outcome.again_at, "error": ""}
    if outcome.error is None:
        values["done_at"] = outcome.at
    else:
        values["error"] = outcome.error[:LONGEST_ERROR]
    Lease.objects.filter(name=name, holder=holder).update(**values)


def let_go(name: str, holder: str, now: datetime) -> None:
    """Give a task back that is not done: the next who looks may go on with it."""
    Lease.objects.filter(name=name, holder=holder).update(until=now)


def _is_free(until: datetime, every: timedelta, now: datetime) -> bool:
    return until <= now or until > now + max(every, HELD_FOR)

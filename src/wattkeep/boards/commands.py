"""Things a board is to do once: asked for, handed over, done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from wattkeep.boards.configuration import count_change
from wattkeep.monitoring.models import BoardCommand

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

# There are three kinds, and each waits once.
MOST_AT_ONCE = 8


def queue_command(device_id: int, kind: str, user: User) -> tuple[BoardCommand, bool]:
    """Have a board do something; return the command and whether it is new.

    While one of its kind waits, that one is returned.
    """
    with transaction.atomic():
        command, is_new = BoardCommand.objects.get_or_create(
            device_id=device_id, kind=kind, done_at=None, defaults={"created_by": user}
        )
        if is_new:
            count_change([device_id])
    return command, is_new


def withdraw_command(device_id: int, command_id: int) -> bool:
    """Take a command back; False once it was handed over, because the board may have done it."""
    waiting = BoardCommand.objects.filter(
        pk=command_id, device_id=device_id, delivered_at=None, done_at=None
    )
    return bool(waiting.delete()[0])


def hand_over(device_id: int, now: datetime) -> list[list[int | str]]:
    """Return what a board has to do, oldest first, as it travels.

    A command comes again until the board has reported it; the board does each number once.
    """
    waiting = BoardCommand.objects.filter(device_id=device_id, done_at=None).order_by("id")
    commands = list(waiting[:MOST_AT_ONCE])
    if any(command.delivered_at is None for command in commands):
        ids = [command.pk for command in commands]
        handed = BoardCommand.objects.filter(pk__in=ids)
        handed.update(delivered_at=Coalesce(F("delivered_at"), now))
    return [[command.pk, command.kind] for command in commands]


def settle(device_id: int, done: Iterable[tuple[int, str]], now: datetime) -> None:
    """Note what a board says it has done; numbers that are not its own are nobody's."""
    for number, result in done:
        own = BoardCommand.objects.filter(pk=number, device_id=device_id, done_at=None)
        own.exclude(delivered_at=None).update(done_at=now, result=result)


def recent_commands(device_id: int, most: int) -> QuerySet[BoardCommand]:
    """Return a device's last commands, newest first."""
    return BoardCommand.objects.filter(device_id=device_id).select_related("created_by")[:most]

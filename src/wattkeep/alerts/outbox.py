"""Delivering what is in the outbox: claimed, sent, noted; tried again until it is given up.

A row is claimed by one process for a while, in the same transaction that looks whether another
one is at the channel. So what is counted (a day's messages) holds with any number of processes.
Whoever dies after the claim leaves rows that are due again when it ends: nothing is lost, and
only a crash between a service's "taken" and our noting it can tell something twice.
"""

from __future__ import annotations

import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.alerts.notify import WAITING, queue_reminders
from wattkeep.alerts.notify_channels import address_of
from wattkeep.alerts.notify_send import Message, Outcome, send
from wattkeep.alerts.notify_text import compose
from wattkeep.alerts.outbox_limits import Allowance, allowance, put_off
from wattkeep.alerts.outbox_sorting import sort_out
from wattkeep.monitoring.languages import language_of, speak_to
from wattkeep.monitoring.models import Notification, NotificationChannel, Severity
from wattkeep.monitoring.secrets import SecretUnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wattkeep.alerts.notify_send import Send

logger = logging.getLogger(__name__)

# Longer than a send may take.
CLAIMED_FOR = timedelta(minutes=2)
# A while less: then somebody else may send it.
NOTED_WITHIN = timedelta(minutes=1)
NOTED_AGAIN_S = 0.5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
# With these pauses that is most of a day.
MOST_ATTEMPTS = 24
AT_ONCE = 8
LAST_TODAY = lazy(
    "This is the last message of today here. More is held back, and shown on the page."
)


def deliver_due(now: datetime, send: Send = send) -> int:
    """Send what is due; return how many messages were taken.

    To be called every few seconds; safe in several processes at once. Channels do not wait for
    each other, except within one round of sends.
    """
    queue_reminders(now)
    taken = 0
    while messages := _claim_round(now):
        with ThreadPoolExecutor(min(AT_ONCE, len(messages)), "wattkeep-send") as pool:
            outcomes = list(pool.map(lambda message: _safely(send, message), messages))
        for message, outcome in zip(messages, outcomes, strict=True):
            _note_surely(message, outcome, now)
            taken += not outcome.error
    return taken


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many failures: 30 s, doubling up to an hour."""
    doublings = min(max(attempts - 1, 0), 16)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def _claim_round(now: datetime) -> list[Message]:
    """Claim the next message of every channel that has one due."""
    due = Notification.objects.filter(WAITING, not_before__lte=now)
    due = due.filter(Q(claimed_until__isnull=True) | Q(claimed_until__lte=now))
    channel_ids = due.order_by("channel_id").values_list("channel_id", flat=True).distinct()
    claimed = (_claim(channel_id, now) for channel_id in list(channel_ids))
    return [message for message in claimed if message is not None]


def _claim(channel_id: int, now: datetime) -> Message | None:
    """Claim one message of a channel; None if nothing is due, or another process is at it."""
    with transaction.atomic():
        locked = NotificationChannel.objects.select_for_update(of=("self",))
        channel = locked.select_related("user").filter(pk=channel_id).first()
        rows = Notification.objects.filter(WAITING, channel_id=channel_id)
        if channel is None or rows.filter(claimed_until__gt=now).exists():
            return None
        while due := sort_out(channel, rows.filter(not_before__lte=now), now):
            group = [row for row in due if row.group_key == due[0].group_key]
            allowed = allowance(channel, group, now)
            if allowed is not Allowance.NONE:
                return _take(channel, group, now, is_last=allowed is Allowance.LAST)
            put_off(group, now)
    return None


def _take(
    channel: NotificationChannel, group: Sequence[Notification], now: datetime, *, is_last: bool
) -> Message | None:
    claim = secrets.token_hex(8)
    ids = [row.pk for row in group]
    free = Notification.objects.filter(WAITING, pk__in=ids)
    free.update(claim=claim, claimed_until=now + CLAIMED_FOR, attempts=F("attempts") + 1)
    first = group[0]
    subject, body = first.subject, first.body
    severity, is_over = int(Severity.INFO), False
    alerts = [row.alert for row in group if row.alert is not None]
    if alerts:
        with speak_to(channel.user_id):
            text = compose(group, str(LAST_TODAY) if is_last else "")
        subject, body = text.subject, text.body
        severity = max(alert.severity for alert in alerts)
        is_over = all(alert.is_resolved for alert in alerts)
        free.filter(claim=claim).update(subject=subject, body=body)
    try:
        url = "" if channel.kind == NotificationChannel.Kind.BROWSER else address_of(channel)
    except SecretUnreadableError as error:
        Notification.objects.filter(claim=claim).update(
            failed_at=now, claimed_until=None, error=str(error)
        )
        return None
    return Message(
        claim,
        channel.pk,
        url,
        subject,
        body,
        first.html,
        severity,
        is_over,
        language_of(channel.user_id),
    )


def _safely(send: Send, message: Message) -> Outcome:
    try:
        with translation.override(message.language or None):
            return send(message)
    except Exception as error:
        logger.exception("channel %s: sending failed", message.channel_id)
        return Outcome(_("Sending failed: %(error)s.") % {"error": type(error).__name__})


def _note_surely(message: Message, outcome: Outcome, now: datetime) -> None:
    """Write down what became of a message, through a database that is away for a while.

    What a service took and nobody noted would be sent again.
    """
    until = time.monotonic() + NOTED_WITHIN.total_seconds()
    while True:
        try:
            _note(message, outcome, now)
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() >= until:
                raise
            time.sleep(NOTED_AGAIN_S)
        else:
            return


def _note(message: Message, outcome: Outcome, now: datetime) -> None:
    """Write down what became of a message, unless it was claimed anew meanwhile."""
    rows = Notification.objects.filter(WAITING, claim=message.claim)
    channel = NotificationChannel.objects.filter(pk=message.channel_id)
    with transaction.atomic():
        if not outcome.error:
            rows.update(delivered_at=now, claimed_until=None, error="")
            channel.update(last_success_at=now, last_error="", verified_at=now)
            return
        channel.update(last_error_at=now, last_error=outcome.error)
        for row in rows:
            is_over = outcome.is_final or row.attempts >= MOST_ATTEMPTS
            row.failed_at = now if is_over else None
            row.not_before = now + pause_after(row.attempts)
            row.claimed_until, row.error = None, outcome.error
            row.save(update_fields=["failed_at", "not_before", "claimed_until", "error"])

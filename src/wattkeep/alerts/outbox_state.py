"""What became of messages, for those who want to know, and a channel's test."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext as _

from wattkeep.alerts.notify import WAITING, Kind
from wattkeep.alerts.notify_channels import address_of
from wattkeep.alerts.notify_send import Message, Outcome, send
from wattkeep.monitoring.models import Notification, NotificationChannel
from wattkeep.monitoring.secrets import SecretUnreadableError

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from django.db.models import QuerySet

    from wattkeep.alerts.notify_send import Send

FAILED_SHOWN_FOR = timedelta(days=30)
# What a browser that was closed meanwhile still shows when it comes back.
BROWSER_SHOWS = timedelta(hours=1)
TEST_SUBJECT = "Wattkeep can reach you here"
TEST_BODY = "This is a test. Incidents will be told like this."
Browser = NotificationChannel.Kind.BROWSER


def notifications_of(user: Any) -> QuerySet[Notification]:
    """Return the messages of a user's channels, newest first."""
    return Notification.objects.filter(channel__user=user).select_related("channel", "alert")


def undelivered_of(user: Any, now: datetime) -> QuerySet[Notification]:
    """Return what was given up, and what is being tried again."""
    given_up = Q(failed_at__gt=now - FAILED_SHOWN_FOR, withheld_at__isnull=True)
    struggling = WAITING & Q(attempts__gt=0) & ~Q(error="")
    return notifications_of(user).filter(given_up | struggling)


def for_browser(user: Any, after: int, now: datetime) -> QuerySet[Notification]:
    """Return the messages a browser has not shown yet, oldest first; one row a message."""
    rows = notifications_of(user).filter(
        channel__kind=Browser, delivered_at__gt=now - BROWSER_SHOWS, pk__gt=after
    )
    return rows.order_by("pk")


def state_of(row: Notification) -> str:
    """Return what became of a message: delivered, failed, withheld, waiting."""
    if row.delivered_at is not None:
        return "delivered"
    if row.withheld_at is not None:
        return "withheld"
    return "failed" if row.failed_at is not None else "waiting"


def retry(row: Notification, now: datetime) -> bool:
    """Have a message that was given up, or waits for its next try, tried now."""
    found = Notification.objects.filter(pk=row.pk, delivered_at=None, withheld_at=None)
    return bool(found.update(failed_at=None, not_before=now, attempts=1))


def dismiss(row: Notification, now: datetime) -> bool:
    """Note that somebody has seen that a message was not delivered."""
    found = Notification.objects.filter(pk=row.pk, delivered_at=None, withheld_at=None)
    return bool(found.update(withheld_at=now))


def try_channel(channel: NotificationChannel, now: datetime, send: Send = send) -> Outcome:
    """Send a test and wait for what comes of it."""
    claim = secrets.token_hex(8)
    try:
        url = "" if channel.kind == Browser else address_of(channel)
    except SecretUnreadableError as error:
        outcome = Outcome(str(error), is_final=True)
    else:
        outcome = send(Message(claim, channel.pk, url, TEST_SUBJECT, TEST_BODY))
    Notification.objects.create(
        channel=channel,
        kind=Kind.TEST,
        subject=TEST_SUBJECT,
        body=TEST_BODY,
        claim=claim,
        attempts=1,
        created_at=now,
        not_before=now,
        delivered_at=None if outcome.error else now,
        # Its outcome is said on the spot: nobody has to be told again.
        withheld_at=now if outcome.error else None,
        error=outcome.error,
    )
    if outcome.error:
        channel.last_error, channel.last_error_at = outcome.error, now
    else:
        channel.last_error, channel.verified_at, channel.last_success_at = "", now, now
    channel.save(update_fields=["last_error", "last_error_at", "verified_at", "last_success_at"])
    return outcome


def outcome_text(channel: NotificationChannel, outcome: Outcome) -> str:
    """Say what a test came to."""
    if outcome.error:
        return f"{_('The test did not get through.')} {outcome.error}"
    if channel.kind == Browser:
        return _("The test is on its way to every browser where you allowed it.")
    service = channel.url_shown.partition(",")[0].partition(" → ")[0]
    return _("%(service)s took the test. Look whether it has arrived.") % {"service": service}

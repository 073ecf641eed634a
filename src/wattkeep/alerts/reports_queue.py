"""When reports are due: into the outbox once for every period that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from wattkeep.alerts.reports import build_report, span_before
from wattkeep.alerts.reports_mail import write_mail
from wattkeep.monitoring.access import Principal, sites_for
from wattkeep.monitoring.languages import speak_to
from wattkeep.monitoring.models import Notification, ReportSchedule

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from wattkeep.alerts.reports import Span
    from wattkeep.monitoring.models import NotificationChannel, Site

# Local time of the day after from which a report is sent: late readings are in by then.
SENT_FROM_HOUR = 7


def queue_reports(now: datetime) -> int:
    """Queue the reports that are due; return how many. To be called every few minutes."""
    schedules = ReportSchedule.objects.filter(is_enabled=True, channel__is_enabled=True)
    return sum(_queue_if_due(one, now) for one in schedules.select_related("channel__user"))


def set_reports(channel: NotificationChannel, periods: Iterable[str], now: datetime) -> None:
    """Have a channel get these reports and no others, from the next end of a period on."""
    wanted = set(periods)
    channel.reports.exclude(period__in=wanted).delete()
    sites = sites_of(channel)
    for period in wanted:
        last = span_before(period, _today(sites, now)).start if sites else None
        ReportSchedule.objects.get_or_create(
            channel=channel, period=period, defaults={"last_start": last}
        )


def queue_report(channel: NotificationChannel, span: Span, now: datetime) -> None:
    """Put one report into the outbox."""
    with speak_to(channel.user_id):
        mail = write_mail(build_report(sites_of(channel), span, now))
    Notification.objects.create(
        channel=channel,
        kind=Notification.Kind.REPORT,
        group_key=f"report-{span.period}-{span.start}",
        subject=mail.subject[:200],
        body=mail.body,
        html=mail.html,
        created_at=now,
        not_before=now,
    )


def sites_of(channel: NotificationChannel) -> list[Site]:
    """Return the sites a channel is about: of those its user may see the chosen ones, or all.

    Whoever chose one that they may not see any more is told of nothing, not of all others.
    """
    visible = sites_for(Principal(channel.user))
    chosen = channel.sites.values("pk")
    return list(visible.filter(pk__in=chosen) if chosen.exists() else visible)


def _queue_if_due(schedule: ReportSchedule, now: datetime) -> bool:
    sites = sites_of(schedule.channel)
    if not sites or now.astimezone(sites[0].zone).hour < SENT_FROM_HOUR:
        return False
    span = span_before(schedule.period, _today(sites, now))
    if schedule.last_start is not None and schedule.last_start >= span.start:
        return False
    with transaction.atomic():
        # Of two processes that see it due, one moves the mark.
        unmoved = ReportSchedule.objects.filter(pk=schedule.pk, last_start=schedule.last_start)
        if not unmoved.update(last_start=span.start):
            return False
        if schedule.last_start is not None:
            queue_report(schedule.channel, span, now)
    return schedule.last_start is not None


def _today(sites: list[Site], now: datetime) -> date:
    return now.astimezone(sites[0].zone).date()

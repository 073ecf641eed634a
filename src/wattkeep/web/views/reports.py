"""Reports as they would be sent, and sending one now."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from wattkeep.alerts.reports import MONTH, WEEK, Span, build_report, span_before, span_of
from wattkeep.alerts.reports_mail import render_html
from wattkeep.alerts.reports_queue import queue_report
from wattkeep.api.access import sites_of
from wattkeep.api.channel_views import channels_of
from wattkeep.monitoring.models import NotificationChannel
from wattkeep.web.middleware import HEADER, policy_header

if TYPE_CHECKING:
    from django.http import HttpRequest, QueryDict

    from wattkeep.monitoring.models import Site

# A mail has its styles inside; nothing else of it may do anything.
MAIL_POLICY = {
    "default-src": "'none'",
    "style-src": "'unsafe-inline'",
    "img-src": "data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'self'",
}


@never_cache
@login_required
@require_safe
def report(request: HttpRequest) -> HttpResponse:
    """Show a week's or month's report as it is mailed."""
    sites = _sites(request)
    span = _span(request.GET, sites)
    after = span_of(span.period, span.end)
    channels = channels_of(request.user).exclude(kind=NotificationChannel.Kind.BROWSER)
    context = {
        "span": span,
        "mail": f"{reverse('web:report_mail')}?period={span.period}&start={span.start}",
        "before": span.before,
        "after": after if after.start <= _today(sites) else None,
        "channels": channels.filter(is_enabled=True),
        "is_week": span.period == WEEK,
        "is_under_way": span.end > _today(sites),
    }
    return render(request, "web/alerts/report.html", context)


@never_cache
@login_required
@xframe_options_sameorigin
@require_safe
def report_mail(request: HttpRequest) -> HttpResponse:
    """Answer the mail itself, for the frame of the preview."""
    sites = _sites(request)
    html = render_html(build_report(sites, _span(request.GET, sites), timezone.now()))
    return HttpResponse(html, headers={HEADER: policy_header(MAIL_POLICY)})


@login_required
@require_POST
def report_send(request: HttpRequest) -> HttpResponse:
    """Put a report into a channel's outbox now."""
    chosen = request.POST.get("channel", "")
    own = channels_of(request.user).exclude(kind=NotificationChannel.Kind.BROWSER)
    channel = get_object_or_404(own, pk=int(chosen) if chosen.isdecimal() else 0)
    span = _span(request.POST, _sites(request))
    queue_report(channel, span, timezone.now())
    messages.success(request, _("The report is on its way: %(name)s.") % {"name": channel.name})
    return redirect(f"{reverse('web:report')}?period={span.period}&start={span.start}")


def _sites(request: HttpRequest) -> list[Site]:
    return list(sites_of(request))


def _today(sites: list[Site]) -> date:
    now = timezone.now()
    return now.astimezone(sites[0].zone).date() if sites else now.date()


def _span(asked: QueryDict, sites: list[Site]) -> Span:
    """Return the period asked for; the last one that is over where it makes no sense."""
    period = MONTH if asked.get("period") == MONTH else WEEK
    today = _today(sites)
    try:
        start = date.fromisoformat(asked.get("start", ""))
    except ValueError:
        return span_before(period, today)
    is_known = date(2000, 1, 1) <= start <= today
    return span_of(period, start) if is_known else span_before(period, today)

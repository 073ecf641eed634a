"""Channels: where one is told of incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from wattkeep.alerts.outbox_state import outcome_text, try_channel
from wattkeep.alerts.reports_queue import set_reports
from wattkeep.api.access import sites_of
from wattkeep.api.channel_views import TOLD_OF_CHANNELS, channels_of
from wattkeep.monitoring.audit import Subject, changes, note, words_of
from wattkeep.monitoring.models import NotificationChannel, Severity
from wattkeep.web.channel_forms import WAYS, ChannelForm

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from wattkeep.monitoring.models import Site

ASKED = {
    Severity.INFO: lazy("everything"),
    Severity.WARNING: lazy("warnings and urgent ones"),
    Severity.CRITICAL: lazy("urgent ones only"),
}
EVERY = {"week": lazy("every week"), "month": lazy("every month")}


@never_cache
@login_required
@require_safe
def channel_list(request: HttpRequest) -> HttpResponse:
    """Show the channels with how they fare, and the ways to add one."""
    rows = [
        {
            "channel": channel,
            "asked": ASKED[Severity(channel.minimum_severity)],
            "sites": ", ".join(site.name for site in channel.sites.all()),
            "reports": _(" and ").join(
                sorted(str(EVERY[one.period]) for one in channel.reports.all())
            ),
            "is_browser": channel.kind == NotificationChannel.Kind.BROWSER,
        }
        for channel in channels_of(request.user)
    ]
    return render(request, "web/alerts/channels.html", {"rows": rows, "ways": WAYS})


@never_cache
@login_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def channel_add(request: HttpRequest, way: str) -> HttpResponse:
    """Make a channel of one kind."""
    if way not in WAYS:
        raise Http404
    is_browser = way == "browser"
    kind = NotificationChannel.Kind.BROWSER if is_browser else NotificationChannel.Kind.APPRISE
    channel = NotificationChannel(user=request.user, kind=kind)  # type: ignore[misc]  # login_required
    form = WAYS[way].form(
        request.POST or None,
        instance=channel,
        sites=_sites(request),
        initial={"name": WAYS[way].name},
    )
    if request.method == "POST" and form.is_valid():
        _save(form)
        note(request, Subject.CHANNEL, "added", name=channel.name, details=channel.url_shown)
        messages.success(
            request, _("%(name)s is added. Try it with the test button.") % {"name": channel.name}
        )
        return redirect("web:channels")
    context = {"form": form, "way": WAYS[way]}
    return render(request, "web/alerts/channel.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def channel_edit(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Change what a channel gets; its address is replaced by adding another one."""
    channel = get_object_or_404(channels_of(request.user), pk=channel_id)
    title, before = channel.name, words_of(channel, TOLD_OF_CHANNELS)
    form = ChannelForm(request.POST or None, instance=channel, sites=_sites(request))
    if request.method == "POST" and form.is_valid():
        _save(form)
        told = changes(before, words_of(channel, TOLD_OF_CHANNELS))
        note(request, Subject.CHANNEL, "changed", name=channel.name, details=told)
        messages.success(request, _("%(name)s is saved.") % {"name": channel.name})
        return redirect("web:channels")
    context = {"form": form, "channel": channel, "title": title}
    return render(request, "web/alerts/channel.html", context)


@login_required
@require_POST
def channel_act(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Test a channel and say what happened, or delete it."""
    channel = get_object_or_404(channels_of(request.user), pk=channel_id)
    if request.POST.get("do") == "delete":
        channel.delete()
        note(request, Subject.CHANNEL, "deleted", name=channel.name)
        messages.success(request, _("%(name)s is deleted.") % {"name": channel.name})
    else:
        outcome = try_channel(channel, timezone.now())
        say = messages.error if outcome.error else messages.success
        say(request, f"{channel.name}: {outcome_text(channel, outcome)}")
    return redirect("web:channels")


def _sites(request: HttpRequest) -> QuerySet[Site]:
    return sites_of(request)


def _save(form: ChannelForm) -> None:
    channel = form.save()
    if "reports" in form.cleaned_data:
        set_reports(channel, form.cleaned_data["reports"], timezone.now())

"""Incidents: what is open, what was, what people do about them, and links out of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from wattkeep.alerts import notify_links as links
from wattkeep.alerts.incidents import acknowledge, incidents_of, resolve, snooze
from wattkeep.alerts.notify import site_of
from wattkeep.alerts.outbox_state import dismiss, notifications_of, retry, undelivered_of
from wattkeep.api.access import devices_of, require, sites_to_change
from wattkeep.api.audited import note_incident
from wattkeep.monitoring.access import Principal, may, principal_of
from wattkeep.monitoring.audit_words import Told, tell
from wattkeep.monitoring.models import Role
from wattkeep.web.alert_wording import facts, moment_text, show_incident, show_told
from wattkeep.web.incident_curve import incident_curve
from wattkeep.web.snoozes import SNOOZES, snooze_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse

    from wattkeep.monitoring.models import Alert

OPEN_SHOWN, PAST_SHOWN, UNDELIVERED_SHOWN = 100, 25, 10


@never_cache
@login_required
@require_safe
def incident_list(request: HttpRequest) -> HttpResponse:
    """Show what is open, what is over, and messages that did not get through."""
    now = timezone.now()
    own = incidents_of(principal_of(request))
    devices = list(devices_of(request))
    chosen = _number(request.GET.get("device"))
    if chosen is not None and any(device.pk == chosen for device in devices):
        own = own.filter(device_id=chosen)
    else:
        chosen = None
    past = own.filter(is_resolved=True)
    before = _number(request.GET.get("before"))
    if before is not None:
        edge = past.filter(pk=before).order_by().values("created_at")
        past = past.filter(Q(created_at__lt=edge[:1]) | Q(created_at=edge[:1], pk__lt=before))
    shown = list(past[: PAST_SHOWN + 1])
    is_open = [] if before else own.filter(is_resolved=False)[:OPEN_SHOWN]
    undelivered = undelivered_of(request.user, now)[:UNDELIVERED_SHOWN]
    changed = sites_to_change(request)
    context = {
        "open": [
            show_incident(alert, now, may_act=site_of(alert).pk in changed) for alert in is_open
        ],
        "past": [show_incident(alert, now) for alert in shown[:PAST_SHOWN]],
        "older": shown[PAST_SHOWN - 1].pk if len(shown) > PAST_SHOWN else None,
        "before": before,
        "undelivered": [] if before else list(undelivered),
        "devices": devices,
        "chosen": chosen,
        "snoozes": SNOOZES,
        "has_channel": _has_channel(request),
        "now": now,
    }
    return render(request, "web/alerts/incidents.html", context)


@never_cache
@login_required
@require_safe
def incident(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Show one incident, who was told of it and what people did."""
    alert = get_object_or_404(incidents_of(principal_of(request)), pk=alert_id)
    now, zone = timezone.now(), site_of(alert).zone
    told = notifications_of(request.user).filter(alert=alert).order_by("pk")
    may_act = may(principal_of(request), alert.device or site_of(alert), Role.EDITOR)
    context = {
        "one": show_incident(alert, now, may_act=may_act),
        "facts": facts(alert, now),
        "curve": incident_curve(alert, now),
        "told": [show_told(row, zone) for row in told],
        "has_channel": _has_channel(request),
        "snoozes": SNOOZES,
        "now": now,
    }
    return render(request, "web/alerts/incident.html", context)


@login_required
@require_POST
def incident_act(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Acknowledge, snooze or resolve an incident."""
    alert = get_object_or_404(incidents_of(principal_of(request)), pk=alert_id)
    require(request, alert.device or site_of(alert), Role.EDITOR)
    user: User = request.user  # type: ignore[assignment]  # login_required
    messages.success(request, _act(request, alert, user, request.POST, timezone.now()))
    return redirect(_back(request))


@login_required
@require_POST
def undelivered_act(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Try a message again, or put it away."""
    row = get_object_or_404(notifications_of(request.user), pk=notification_id)
    if request.POST.get("do") == "dismiss":
        dismiss(row, timezone.now())
    elif retry(row, timezone.now()):
        messages.success(request, _("Trying %(name)s again.") % {"name": row.channel.name})
    return redirect("web:alerts")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to do what a message's link does; do it when asked to.

    Opening it changes nothing: mail scanners and previews open every link.
    """
    try:
        wanted = links.read(token)
    except links.LinkExpiredError:
        return render(request, "web/alerts/link_over.html", {"is_expired": True}, status=410)
    except links.LinkInvalidError:
        return render(request, "web/alerts/link_over.html", status=404)
    user = get_user_model().objects.filter(pk=wanted.user_id, is_active=True).first()
    if user is None:
        return render(request, "web/alerts/link_over.html", status=404)
    now = timezone.now()
    may_act = incidents_of(Principal(user), Role.EDITOR)
    found = list(may_act.filter(pk__in=wanted.alert_ids))
    if request.method == "POST":
        values = {"do": wanted.deed, "hours": request.POST.get("hours")}
        for alert in found:
            if not alert.is_resolved:
                _act(request, alert, user, values, now)
    context = {
        "deed": wanted.deed,
        "is_done": request.method == "POST",
        "incidents": [show_incident(alert, now) for alert in found],
        "is_open": any(not alert.is_resolved for alert in found),
        "snoozes": SNOOZES,
    }
    response = render(request, "web/alerts/link.html", context)
    # The address is a key: it goes to nobody else, and into no index.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _act(
    request: HttpRequest, alert: Alert, user: User, values: Mapping[str, Any], now: datetime
) -> str:
    """Do what a form asks for; return it in words."""
    deed = str(values.get("do"))
    if deed == "acknowledge":
        acknowledge(alert, user, now)
        note_incident(request, alert, "acknowledged", _way(request, user))
        return _("Acknowledged: you get no more messages about it but that it is over.")
    if deed.startswith("snooze"):
        # A button of the menu says it by itself: snooze-4.
        asked = deed.partition("-")[2] or str(values.get("hours"))
        zone = site_of(alert).zone
        until = snooze_until(asked, now, zone)
        snooze(alert, user, until, now)
        note_incident(request, alert, "snoozed", _way(request, user))
        return _("Snoozed until %(moment)s.") % {"moment": moment_text(until, zone)}
    if deed == "resolve":
        resolve(alert, user, now)
        note_incident(request, alert, "resolved", _way(request, user))
        return _("Resolved. It opens again only after it has been over.")
    raise Http404


def _way(request: HttpRequest, user: User) -> list[Told]:
    """Return what the log says of how; a message's link needs no log-in, and says for whom."""
    if request.user.pk == user.pk:
        return []
    return [tell(noop("By a message's link to %(name)s"), name=user.get_username())]


def _has_channel(request: HttpRequest) -> bool:
    user: User = request.user  # type: ignore[assignment]  # login_required
    return user.channels.filter(is_enabled=True).exists()


def _number(text: object) -> int | None:
    return int(str(text)) if str(text).isdecimal() and len(str(text)) < 19 else None  # noqa: PLR2004 - 64 bits


def _back(request: HttpRequest) -> str:
    """Return the page the form was on."""
    address = request.POST.get("next", "")
    is_ours = address.startswith("/alerts/") and url_has_allowed_host_and_scheme(address, None)
    return address if is_ours else "/alerts/"

"""One's own log-in: second factors, sessions, and what else opens the account."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.invitations import invitations_are_used
from wattkeep.monitoring.models import AccessToken
from wattkeep.monitoring.sessions import row_key
from wattkeep.web.addresses import can_use_passkeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse, HttpResponseBase

# The first that is in a browser's own description wins: most claim to be several.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@never_cache
@login_required
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Show what opens this account, and who is logged in to it."""
    user: Any = request.user
    factors = {one.type: one.wrap() for one in Authenticator.objects.filter(user=user)}
    kinds = Authenticator.Type
    passkeys = Authenticator.objects.filter(user=user, type=kinds.WEBAUTHN).count()
    codes = factors.get(kinds.RECOVERY_CODES)
    context = {
        "addresses": EmailAddress.objects.filter(user=user).order_by("-primary", "email"),
        "mail_is_set_up": settings.MAIL_IS_SET_UP,
        "has_app": kinds.TOTP in factors,
        "passkeys": passkeys,
        "codes_left": len(codes.get_unused_codes()) if codes else None,
        "can_use_passkeys": can_use_passkeys(request),
        "sessions": _sessions_of(request),
        "tokens": AccessToken.objects.filter(user=user, expires_at__gt=timezone.now()).count(),
        "may_invite": user.is_staff and invitations_are_used(),
    }
    return render(request, "web/account/security.html", context)


@never_cache
@login_required
@require_POST
def session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """End one of one's sessions, wherever it is."""
    session = get_object_or_404(UserSession, pk=session_id, user=request.user)
    if session.session_key == row_key(request.session.session_key or ""):
        session.delete()
        logout(request)
        return redirect("web:login")
    session.end()
    note(request, Subject.LOGIN, "session ended", details=browser_name(session.user_agent))
    messages.success(request, _("That session is over."))
    return redirect("web:security")


@never_cache
@login_required
@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    """End every session of one's own but this one."""
    others = UserSession.objects.filter(user=request.user).exclude(
        session_key=row_key(request.session.session_key or "")
    )
    for session in others:
        session.end()
    note(request, Subject.LOGIN, "other sessions ended")
    messages.success(request, _("You are logged out everywhere else."))
    return redirect("web:security")


def needs_mail(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a view be reached only where mail is set up; elsewhere say who can help."""

    @functools.wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.MAIL_IS_SET_UP:
            return render(request, "web/account/no_mail.html", status=404)
        return view(request, *args, **kwargs)

    return checked


def _sessions_of(request: HttpRequest) -> list[dict[str, Any]]:
    user: Any = request.user
    sessions = UserSession.objects.purge_and_list(user)
    this = row_key(request.session.session_key or "")
    rows = [
        {
            "id": session.pk,
            "browser": browser_name(session.user_agent),
            "address": session.ip,
            "since": session.created_at,
            "is_this": session.session_key == this,
        }
        for session in sessions
    ]
    return sorted(rows, key=lambda row: (not row["is_this"], -row["since"].timestamp()))


def browser_name(description: str) -> str:
    """Return a browser and its system in a few words, as far as it says so."""
    browser = next((name for mark, name in BROWSERS if mark in description), "")
    system = next((name for mark, name in SYSTEMS if mark in description), "")
    if not browser:
        return description[:40] or "?"
    return f"{browser}, {system}" if system else browser

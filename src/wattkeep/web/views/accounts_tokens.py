"""Personal access tokens and invitations: pages that show a secret once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from wattkeep.api.audited import note_account_invitation
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.invitations import invitations_are_used, make_invitation
from wattkeep.monitoring.models import AccessToken, AccountInvitation
from wattkeep.monitoring.tokens import MOST_TOKENS, make_token
from wattkeep.web.account_adapters import public
from wattkeep.web.account_forms import InvitationForm, TokenForm
from wattkeep.web.once import hold_secret, take_secret

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

TOKEN_NAME = "new_token"  # noqa: S105 - where it is held
INVITATION_NAME = "new_invitation"
INVITATIONS_SHOWN = 50


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]
def tokens(request: HttpRequest) -> HttpResponse:
    """Show one's tokens; make one, and show it this once."""
    user: Any = request.user
    own = AccessToken.objects.filter(user=user)
    form = TokenForm(request.POST or None)
    if request.method == "POST" and own.count() >= MOST_TOKENS:
        form.add_error(None, _("These are enough. Revoke one that nobody uses first."))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        expires_at = timezone.now() + timedelta(days=given["days"])
        made, text = make_token(user, given["name"], scope=given["scope"], expires_at=expires_at)
        note(request, Subject.TOKEN, f"made, may {made.scope}", name=made.name)
        hold_secret(request, TOKEN_NAME, text)
        return redirect("web:tokens")
    context = {
        "form": form,
        "tokens": own,
        "now": timezone.now(),
        "new_token": take_secret(request, TOKEN_NAME) if request.method == "GET" else None,
    }
    return render(request, "web/account/tokens.html", context)


@never_cache
@login_required
@require_POST
def token_revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one of one's tokens."""
    token = get_object_or_404(AccessToken, pk=token_id, user=request.user)
    token.delete()
    note(request, Subject.TOKEN, "revoked", name=token.name)
    messages.success(request, _("%(name)s is revoked.") % {"name": token.name})
    return redirect("web:tokens")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitations(request: HttpRequest) -> HttpResponse:
    """Let staff invite people to make an account."""
    user = _staff_or_404(request)
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        _made, token = make_invitation(user, email=given["email"], days=given["days"])
        note_account_invitation(request, given["email"])
        link = public(request, reverse("web:invited", args=[token]))
        if given["email"] and settings.MAIL_IS_SET_UP:
            told = {"link": link, "inviter": user.get_username(), "days": given["days"]}
            get_adapter().send_mail("account/email/invitation", given["email"], told)
            messages.success(request, _("The invitation is on its way."))
        hold_secret(request, INVITATION_NAME, link)
        return redirect("web:invitations")
    context = {
        "form": form,
        "invitations": AccountInvitation.objects.select_related("used_by", "invited_by")[
            :INVITATIONS_SHOWN
        ],
        "now": timezone.now(),
        "new_link": take_secret(request, INVITATION_NAME) if request.method == "GET" else None,
    }
    return render(request, "web/account/invitations.html", context)


@never_cache
@login_required
@require_POST
def invitation_revoke(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Revoke an invitation that nobody has used."""
    _staff_or_404(request)
    invitation = get_object_or_404(AccountInvitation, pk=invitation_id, used_at=None)
    invitation.delete()
    note(request, Subject.ACCOUNT, "invitation withdrawn", name=invitation.email or "–")
    messages.success(request, _("The invitation is revoked."))
    return redirect("web:invitations")


def _staff_or_404(request: HttpRequest) -> Any:
    user: Any = request.user
    if not user.is_staff or not invitations_are_used():
        raise Http404
    return user

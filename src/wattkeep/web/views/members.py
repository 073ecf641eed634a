"""Who shares a site: members, invitations, handing over, and an administrator's look at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.mail import send_mail
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from wattkeep.api.access import TOO_LITTLE, require, site_or_404, sites_of
from wattkeep.api.audited import (
    note_invitation,
    note_member,
    note_new_owner,
    note_role,
    role_line,
)
from wattkeep.monitoring.access import SEES_ALL_FOR_S, SEES_ALL_UNTIL, principal_of, role_on
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.models import Role, Site, SiteInvitation, SiteMember
from wattkeep.monitoring.models.sharing import GIVEN_ROLES
from wattkeep.monitoring.sharing import (
    INVITATION_LASTS,
    TooManyError,
    accept,
    find_invitation,
    hand_over,
    invitations_to,
    invite,
)
from wattkeep.web.account_adapters import public
from wattkeep.web.once import hold_secret, take_secret
from wattkeep.web.sharing_forms import ROLE_WORDS, InviteForm

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse


INVITATION_NAME = "new_site_invitation"


@never_cache
@login_required
@require_safe
def sharing(request: HttpRequest) -> HttpResponse:
    """Show one's sites with one's role at each, and the invitations that wait for an answer."""
    who = principal_of(request)
    user: User = request.user  # type: ignore[assignment]  # login_required
    memberships = {one.site_id: one for one in SiteMember.objects.filter(user=user)}
    rows = []
    for site in sites_of(request).select_related("owner"):
        member = memberships.get(site.pk)
        role = Role(member.role) if member and not who.sees_all else role_on(who, site)
        rows.append({"site": site, "role": role, "member": member})
    context = {"rows": rows, "invitations": invitations_to(user), "owner": Role.OWNER}
    return render(request, "web/sharing/sites.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def site_members(request: HttpRequest, site_id: int) -> HttpResponse:
    """Show a site's members and invitations, and invite somebody."""
    site = site_or_404(request, site_id, Role.OWNER)
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _invite(request, site, form.cleaned_data)
        except TooManyError as error:
            form.add_error(None, str(error))
        else:
            return redirect("web:site_members", site.pk)
    context = {
        "site": site,
        "form": form,
        "members": site.members.select_related("user"),
        "roles": GIVEN_ROLES,
        "invitations": site.invitations.filter(expires_at__gt=timezone.now()),
        "new_link": take_secret(request, INVITATION_NAME) if request.method == "GET" else "",
        "days": INVITATION_LASTS.days,
    }
    return render(request, "web/sharing/members.html", context)


@login_required
@require_POST
def member_act(request: HttpRequest, site_id: int, member_id: int) -> HttpResponse:
    """Change a member's role, remove them or make them the owner; or leave, or mute it, oneself."""
    site = site_or_404(request, site_id)
    member = get_object_or_404(site.members.select_related("user"), pk=member_id)
    deed = request.POST.get("do", "")
    is_own = member.user_id == request.user.pk
    if deed in {"leave", "mute", "unmute"}:
        if not is_own:
            raise PermissionDenied(TOO_LITTLE)
        _act_on_oneself(request, member, deed)
        return redirect("web:sharing")
    require(request, site, Role.OWNER)
    _act_on_member(request, member, deed)
    return redirect(
        "web:sharing" if deed == "hand_over" else reverse("web:site_members", args=[site.pk])
    )


@login_required
@require_POST
def invitation_withdraw(request: HttpRequest, site_id: int, invitation_id: int) -> HttpResponse:
    """Take an offer back."""
    site = site_or_404(request, site_id, Role.OWNER)
    invitation = get_object_or_404(site.invitations, pk=invitation_id)
    invitation.delete()
    note_invitation(request, invitation, "invitation withdrawn")
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("web:site_members", site.pk)


@login_required
@require_POST
def invitation_answer(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Take up or decline an offer that was made to one's account."""
    rows = SiteInvitation.objects.filter(invitee=request.user, expires_at__gt=timezone.now())  # type: ignore[misc]  # login_required
    invitation = get_object_or_404(rows.select_related("site"), pk=invitation_id)
    if request.POST.get("do") == "accept":
        _accept(request, invitation)
    else:
        invitation.delete()
        note(request, Subject.MEMBER, "invitation declined", on=invitation.site)
    return redirect("web:sharing")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Show what an invitation's link offers, and take it up when asked to."""
    invitation = find_invitation(token)
    if invitation is None:
        return render(request, "web/sharing/join.html", status=404)
    if request.method == "POST":
        _accept(request, invitation)
        return redirect("web:sharing")
    context = {"invitation": invitation, "role_words": ROLE_WORDS[invitation.role]}
    response = render(request, "web/sharing/join.html", context)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@login_required
@require_POST
def everything(request: HttpRequest) -> HttpResponse:
    """Let an administrator see and change what is others', for an hour; the log says so."""
    if not request.user.is_staff:
        raise Http404
    if request.POST.get("do") == "show":
        request.session[SEES_ALL_UNTIL] = time.time() + SEES_ALL_FOR_S
        note(request, Subject.ADMIN, "began to look at everybody's sites")
        messages.success(request, _("For an hour you see everybody's sites. The log says so."))
    else:
        request.session.pop(SEES_ALL_UNTIL, None)
        note(request, Subject.ADMIN, "stopped looking at everybody's sites")
    return redirect("web:sharing")


def _invite(request: HttpRequest, site: Site, wanted: dict[str, Any]) -> None:
    user: User = request.user  # type: ignore[assignment]  # login_required
    invitation, token = invite(
        site, wanted["role"], user, user_name=wanted["user_name"], email=wanted["email"]
    )
    note_invitation(request, invitation, "invited")
    if not token:
        told = _("If there is an account %(name)s, the invitation waits there.")
        messages.success(request, told % {"name": invitation.addressee})
        return
    link = public(request, reverse("web:join", args=[token]))
    if wanted["email"] and settings.MAIL_IS_SET_UP and _mail(invitation, link):
        told = _("The invitation is on its way to %(name)s.")
        messages.success(request, told % {"name": invitation.addressee})
        return
    hold_secret(request, INVITATION_NAME, link)


def _mail(invitation: SiteInvitation, link: str) -> bool:
    words = {
        "name": invitation.invited_by,
        "site": invitation.site,
        "role": ROLE_WORDS[invitation.role],
        "days": INVITATION_LASTS.days,
    }
    offer = _("%(name)s invites you to look after “%(site)s” in Wattkeep (%(role)s).") % words
    way = _("Open this link within %(days)s days and log in:") % words
    subject = _("Invitation to %(site)s") % words
    try:
        send_mail(subject[:150], f"{offer}\n\n{way}\n{link}\n", None, [invitation.addressee])
    except OSError:  # every fault of smtplib is one: the link is shown instead
        return False
    return True


def _accept(request: HttpRequest, invitation: SiteInvitation) -> None:
    user: User = request.user  # type: ignore[assignment]  # login_required
    member = accept(invitation, user)
    if member is None:
        messages.error(request, _("This invitation is not good any more, or the site is yours."))
        return
    note_member(request, member, "joined", role_line(member.role))
    messages.success(request, _("You are a member of %(site)s.") % {"site": invitation.site})


def _act_on_oneself(request: HttpRequest, member: SiteMember, deed: str) -> None:
    if deed == "leave":
        member.delete()
        note_member(request, member, "left")
        messages.success(request, _("You left %(site)s.") % {"site": member.site})
        return
    member.is_muted = deed == "mute"
    member.save(update_fields=["is_muted"])
    words = (
        _("You get no messages about %(site)s.")
        if member.is_muted
        else _("You get messages again about %(site)s.")
    )
    messages.success(request, words % {"site": member.site})


def _act_on_member(request: HttpRequest, member: SiteMember, deed: str) -> None:
    site = member.site
    if deed == "remove":
        member.delete()
        note_member(request, member, "removed")
        messages.success(request, _("%(name)s is no member any more.") % {"name": member.user})
    elif deed == "hand_over":
        if request.POST.get("confirm") != "yes":
            messages.error(request, _("Tick the box first: only the new owner can give it back."))
            return
        before = site.owner
        if not hand_over(site, member):
            messages.error(request, _("The site has another owner by now, or they have left."))
            return
        note_new_owner(request, site, before, member.user)
        words = _("%(site)s is %(name)s's now; you stay as an editor.")
        messages.success(request, words % {"site": site, "name": member.user})
    elif deed.isdecimal() and int(deed) in dict(GIVEN_ROLES):
        was = member.role
        member.role = int(deed)
        member.save(update_fields=["role"])
        note_role(request, member, was)
        messages.success(request, f"{member.user}: {member.get_role_display()}.")
    else:
        raise Http404

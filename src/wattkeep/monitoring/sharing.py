"""Sharing a site: invitations, members, handing over, and links for those without an account."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.models import (
    Device,
    KeyChange,
    Role,
    RuleChange,
    Site,
    SiteInvitation,
    SiteMember,
    ViewerLink,
)

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User

INVITATION_LASTS = timedelta(days=14)
LINK_LASTS = {
    1: lazy("1 day"),
    7: lazy("1 week"),
    30: lazy("1 month"),
    90: lazy("3 months"),
    365: lazy("1 year"),
}
TOKEN_BYTES = 24
LONGEST_TOKEN = 60
USE_NOTED_EVERY = timedelta(minutes=1)
# What is over is shown for so long before it is swept away.
OVER_KEPT_FOR = timedelta(days=30)
MOST_OPEN = 100


class TooManyError(ValueError):
    """A site has as many invitations or links as it may; the message is for people."""


def invite(
    site: Site, role: int, by: User, *, user_name: str = "", email: str = ""
) -> tuple[SiteInvitation, str]:
    """Offer a role; return the invitation and, unless it is to a user name, its link's token.

    Nobody learns here whether there is an account of a name: an offer to none waits like others.

    Raises:
        TooManyError: a hundred wait already.
    """
    now = timezone.now()
    if site.invitations.filter(expires_at__gt=now).count() >= MOST_OPEN:
        raise TooManyError(
            _("%(count)s invitations wait already. Withdraw some first.") % {"count": MOST_OPEN}
        )
    invitee = None
    token = "" if user_name else secrets.token_urlsafe(TOKEN_BYTES)
    if user_name:
        accounts = get_user_model().objects.filter(username=user_name, is_active=True)
        invitee = accounts.exclude(pk=site.owner_id).first()
    invitation = SiteInvitation.objects.create(
        site=site,
        role=role,
        addressee=(user_name or email)[:254],
        invitee=invitee,
        token_hash=key_hash(token) if token else None,
        invited_by=by,
        expires_at=now + INVITATION_LASTS,
    )
    return invitation, token


def invitations_to(user: User) -> list[SiteInvitation]:
    """Return the offers that wait for an account's answer."""
    waiting = SiteInvitation.objects.filter(invitee=user, expires_at__gt=timezone.now())
    return list(waiting.select_related("site", "invited_by"))


def find_invitation(token: str) -> SiteInvitation | None:
    """Return the invitation whose link ends with `token`, if it is still good."""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    rows = SiteInvitation.objects.filter(token_hash=key_hash(token), expires_at__gt=timezone.now())
    return rows.select_related("site", "invited_by").first()


def accept(invitation: SiteInvitation, user: User) -> SiteMember | None:
    """Take an offer up; None if it was taken meanwhile, or the site is the user's own.

    Whoever is a member already keeps the greater of the two roles.
    """
    with transaction.atomic():
        # Of two who open one link at once, one deletes it.
        if not SiteInvitation.objects.filter(pk=invitation.pk).delete()[0]:
            return None
        if invitation.site.owner_id == user.pk:
            return None
        member, is_new = SiteMember.objects.get_or_create(
            site=invitation.site, user=user, defaults={"role": invitation.role}
        )
        if not is_new and member.role < invitation.role:
            member.role = invitation.role
            member.save(update_fields=["role"])
    return member


def hand_over(site: Site, member: SiteMember) -> bool:
    """Make a member the site's owner; who was it stays as an editor.

    False, and nothing done, if the site has another owner by now, or the member has left or
    cannot log in any more.
    """
    before, after = site.owner, member.user
    with transaction.atomic():
        still_there = SiteMember.objects.filter(pk=member.pk, user__is_active=True)
        if not still_there.delete()[0]:
            return False
        if not Site.objects.filter(pk=site.pk, owner=before).update(owner=after):
            transaction.set_rollback(True)
            return False
        site.owner = after
        Device.objects.filter(site=site, user=before).update(user=after)
        SiteMember.objects.create(site=site, user=before, role=Role.EDITOR)
        # Processes hold devices with their owners.
        KeyChange.note()
        RuleChange.note()
    return True


def make_link(
    site: Site, device: Device | None, by: User, *, days: int, name: str = ""
) -> tuple[ViewerLink, str]:
    """Make a link to a site, or to one device of it; return it and its token, known only now.

    Raises:
        TooManyError: there are a hundred already.
    """
    now = timezone.now()
    if site.viewer_links.filter(expires_at__gt=now).count() >= MOST_OPEN:
        raise TooManyError(
            _("There are %(count)s links already. Revoke some first.") % {"count": MOST_OPEN}
        )
    token = secrets.token_urlsafe(TOKEN_BYTES)
    link = ViewerLink.objects.create(
        name=name,
        site=site,
        device=device,
        token_hash=key_hash(token),
        created_by=by,
        expires_at=now + timedelta(days=days),
    )
    return link, token


def find_link(token: str) -> ViewerLink | None:
    """Return the viewer link of a token, if it is still good; note its use once a minute."""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    now = timezone.now()
    rows = ViewerLink.objects.filter(token_hash=key_hash(token), expires_at__gt=now)
    link = rows.select_related("site", "device__site").first()
    if link is not None:
        before = now - USE_NOTED_EVERY
        is_due = Q(last_used_at=None) | Q(last_used_at__lte=before)
        if link.last_used_at is None or link.last_used_at <= before:
            ViewerLink.objects.filter(is_due, pk=link.pk).update(last_used_at=now)
    return link


def forget_over(now: datetime) -> int:
    """Delete invitations and links whose time has been over for a month; return how many."""
    edge = now - OVER_KEPT_FOR
    invitations, _rows = SiteInvitation.objects.filter(expires_at__lt=edge).delete()
    links, _rows = ViewerLink.objects.filter(expires_at__lt=edge).delete()
    return invitations + links

"""Invitations to make an account: making, finding and using one up."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.models import AccountInvitation

if TYPE_CHECKING:
    from django.contrib.auth.models import User

USUAL_DAYS = 7
MOST_LETTERS = 64


def invitations_are_used() -> bool:
    """Tell whether an invitation opens anything here."""
    return settings.REGISTRATION in {"open", "invitation"}


def make_invitation(
    invited_by: User, *, email: str = "", days: int = USUAL_DAYS
) -> tuple[AccountInvitation, str]:
    """Make an invitation; return it and its token, of which only the hash is kept."""
    token = secrets.token_urlsafe(24)
    made = AccountInvitation.objects.create(
        invited_by=invited_by,
        email=email,
        token_hash=key_hash(token),
        expires_at=timezone.now() + timedelta(days=days),
    )
    return made, token


def find_invitation(token: str) -> AccountInvitation | None:
    """Return the invitation of this token; None if it is none, over, used or not wanted here."""
    if not invitations_are_used() or len(token) > MOST_LETTERS:
        return None
    found = AccountInvitation.objects.filter(
        token_hash=key_hash(token),
        used_at=None,
        expires_at__gt=timezone.now(),
        invited_by__is_active=True,
    )
    return found.first()


def use_up(invitation: AccountInvitation, user: User) -> bool:
    """Let an invitation count for this account; False if somebody was faster."""
    unused = AccountInvitation.objects.filter(pk=invitation.pk, used_at=None)
    return bool(unused.update(used_at=timezone.now(), used_by=user))

"""Personal access tokens: making one, and whose one is."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from wattkeep.domain.keys import key_hash, new_key
from wattkeep.monitoring.models import AccessToken

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User

# Known at a glance, also by programs that look for secrets in published code.
TOKEN_START = "wkp_"  # noqa: S105 - it names the kind
USUAL_DAYS = 365
MOST_DAYS = 3660
USE_NOTED_EVERY = timedelta(minutes=1)
MOST_LETTERS = 100
# A person's; more are a program gone wrong.
MOST_TOKENS = 50
_NOBODYS = key_hash("")


def make_token(
    user: User, name: str, *, scope: str, expires_at: datetime
) -> tuple[AccessToken, str]:
    """Make a token for `user`; return it and its text, which is shown now and never again."""
    text = TOKEN_START + new_key()
    made = AccessToken.objects.create(
        user=user,
        name=name,
        scope=scope,
        token_prefix=_prefix_of(text),
        token_hash=key_hash(text),
        expires_at=expires_at,
    )
    return made, text


def find_token(text: str) -> AccessToken | None:
    """Return the token that `text` is, with its user; None if it is none, or not good any more.

    Every text costs one query by the part that is no secret and one comparison in constant time.
    """
    if len(text) > MOST_LETTERS:
        return None
    rows = AccessToken.objects.select_related("user")
    token = rows.filter(token_prefix=_prefix_of(text)).first()
    kept = bytes(token.token_hash) if token else _NOBODYS
    is_right = hmac.compare_digest(key_hash(text), kept)
    if token is None or not is_right:
        return None
    now = timezone.now()
    if not token.is_good_at(now) or not token.user.is_active:
        return None
    _note_use(token, now)
    return token


def _note_use(token: AccessToken, now: datetime) -> None:
    """Write that a token was used, once a minute at most."""
    before = now - USE_NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at > before:
        return
    is_due = Q(last_used_at=None) | Q(last_used_at__lte=before)
    AccessToken.objects.filter(is_due, pk=token.pk).update(last_used_at=now)
    token.last_used_at = now


def _prefix_of(text: str) -> str:
    """Return the part of a token that may be shown, `wkp_` and eight letters."""
    start, _, rest = text.partition("_")
    return f"{start}_{rest.partition('_')[0]}"[:16]

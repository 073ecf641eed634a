"""Signed links that acknowledge or snooze incidents from a message, without a login."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core import signing

if TYPE_CHECKING:
    from collections.abc import Sequence

SALT = "wattkeep.alerts.links"
VALID_FOR = timedelta(days=3)
ACKNOWLEDGE, SNOOZE = "acknowledge", "snooze"
DEEDS = (ACKNOWLEDGE, SNOOZE)
LINK_PATH = "/l/"
ALERTS_PATH = "/alerts/"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link does, for whom, to which incidents."""

    deed: str
    user_id: int
    alert_ids: tuple[int, ...]


class LinkExpiredError(Exception):
    """The link was good, but its time is over."""


class LinkInvalidError(Exception):
    """This is not a link of this installation's."""


def sign(link: Link) -> str:
    """Return the token that stands in a link's address."""
    return signing.dumps([link.deed, link.user_id, list(link.alert_ids)], salt=SALT, compress=True)


def read(token: str) -> Link:
    """Return what a token says.

    Raises:
        LinkExpiredError: it is too old.
        LinkInvalidError: it was not signed here.
    """
    try:
        deed, user_id, alert_ids = signing.loads(token, salt=SALT, max_age=VALID_FOR)
    except signing.SignatureExpired:
        raise LinkExpiredError from None
    except (signing.BadSignature, ValueError):
        raise LinkInvalidError from None
    if deed not in DEEDS:
        raise LinkInvalidError
    return Link(deed, user_id, tuple(alert_ids))


def address(path: str) -> str:
    """Return a full address of ours; empty where nobody said by which name we are reached."""
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else ""


def deed_address(deed: str, user_id: int, alert_ids: Sequence[int]) -> str:
    """Return the address that does something to incidents; empty without a public address."""
    return address(f"{LINK_PATH}{sign(Link(deed, user_id, tuple(alert_ids)))}/")

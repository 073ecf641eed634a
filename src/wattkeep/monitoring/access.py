"""What may this person see: the one place where it is decided, for pages, the API and messages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q

from wattkeep.monitoring.models import AccessToken, Device, Role, Site, SiteMember, ViewerLink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

SEES_ALL_UNTIL = "sees_all_until"
SEES_ALL_FOR_S = 3600
# What a token may do beside what its user may.
MOST_BY_SCOPE = {
    AccessToken.Scope.READ: Role.VIEWER,
    AccessToken.Scope.WRITE: Role.EDITOR,
    AccessToken.Scope.ADMIN: Role.OWNER,
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks: a user, a program with a user's token, or a link without any account.

    `most` is what they may do at the most, whatever their role. An administrator sees what is
    others' only after saying so (`sees_all`), which is noted in the audit log.
    """

    user: Any = None
    most: Role = Role.OWNER
    sees_all: bool = False
    link: ViewerLink | None = None

    @classmethod
    def of_link(cls, link: ViewerLink) -> Principal:
        """Return whoever opened a viewer link."""
        return cls(most=Role.VIEWER, link=link)

    @classmethod
    def of_token(cls, token: AccessToken) -> Principal:
        """Return a program: its scope narrows what its user may; an administrator's sees all."""
        scope = AccessToken.Scope(token.scope)
        is_admin = token.user.is_staff and scope == AccessToken.Scope.ADMIN
        return cls(token.user, MOST_BY_SCOPE[scope], sees_all=is_admin)

    @property
    def user_id(self) -> int:
        """The user's number, 0 for nobody: no row has that one."""
        return (self.user.pk if self.user is not None else None) or 0


def principal_of(request: Any) -> Principal:
    """Return who sent a request, of Django's or of the REST framework's."""
    token = getattr(request, "auth", None)
    if isinstance(token, AccessToken):
        return Principal.of_token(token)
    if isinstance(token, ViewerLink):
        return Principal.of_link(token)
    return Principal(request.user, sees_all=sees_all(request))


def sees_all(request: Any) -> bool:
    """Tell whether an administrator asked to see everything, less than an hour ago."""
    if not getattr(request.user, "is_staff", False):
        return False
    return bool(request.session.get(SEES_ALL_UNTIL, 0) > time.time())


def devices_for(who: Principal, at_least: Role = Role.VIEWER) -> QuerySet[Device]:
    """Return the devices where `who` has this role or more."""
    return Device.objects.filter(_devices(who, at_least)).select_related("site")


def sites_for(who: Principal, at_least: Role = Role.VIEWER) -> QuerySet[Site]:
    """Return the sites where `who` has this role or more."""
    if at_least > who.most:
        return Site.objects.none()
    if who.link is not None:
        is_whole = who.link.device_id is None
        return Site.objects.filter(pk=who.link.site_id) if is_whole else Site.objects.none()
    if who.sees_all:
        return Site.objects.all()
    own = Q(owner_id=who.user_id)
    if at_least < Role.OWNER:
        own |= Q(pk__in=_shared(who, at_least))
    return Site.objects.filter(own)


def role_on(who: Principal, thing: Device | Site) -> Role | None:
    """Return what `who` may do at a device or site; None if it does not exist for them."""
    is_device = isinstance(thing, Device)
    if who.link is not None:
        found = (devices_for if is_device else sites_for)(who).filter(pk=thing.pk)
        return Role.VIEWER if found.exists() else None
    owner_id = thing.user_id if isinstance(thing, Device) else thing.owner_id
    if who.sees_all or owner_id == who.user_id:
        return who.most
    if isinstance(thing, Device) and thing.user_id != thing.site.owner_id:
        return None
    site_id = thing.site_id if isinstance(thing, Device) else thing.pk
    members = SiteMember.objects.filter(site_id=site_id, user_id=who.user_id)
    given = members.values_list("role", flat=True).first()
    return None if given is None else Role(min(given, who.most))


def may(who: Principal, thing: Device | Site, at_least: Role) -> bool:
    """Tell whether `who` has this role or more at a device or site."""
    role = role_on(who, thing)
    return role is not None and role >= at_least


def hide_keys(who: Principal, devices: Iterable[Device]) -> list[Device]:
    """Return devices ready to be shown: who may only look sees nothing of their keys."""
    found = list(devices)
    others = [one.pk for one in found if one.user_id != who.user_id]
    if others and not who.sees_all:
        changed = devices_for(who, Role.EDITOR).filter(pk__in=others)
        shown = set(changed.values_list("pk", flat=True))
        for one in found:
            if one.user_id != who.user_id and one.pk not in shown:
                one.key_prefix = ""  # never written back: `Device.KEY_COLUMNS`
    return found


def people_of(site: Site) -> list[int]:
    """Return the users who are told of a site's incidents: its owner and unmuted members."""
    members = SiteMember.objects.filter(site=site, is_muted=False)
    return [site.owner_id, *members.values_list("user_id", flat=True)]


def _devices(who: Principal, at_least: Role) -> Q:
    if at_least > who.most:
        return Q(pk__in=())
    if who.link is not None:
        wanted = Q(site_id=who.link.site_id, user_id=F("site__owner_id"))
        return wanted & Q(pk=who.link.device_id) if who.link.device_id else wanted
    if who.sees_all:
        return Q()
    own = Q(user_id=who.user_id)
    if at_least == Role.OWNER:
        return own
    return own | Q(site_id__in=_shared(who, at_least), user_id=F("site__owner_id"))


def _shared(who: Principal, at_least: Role) -> QuerySet[SiteMember, int]:
    members = SiteMember.objects.filter(user_id=who.user_id, role__gte=at_least)
    return members.values_list("site_id", flat=True)

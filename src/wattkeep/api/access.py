"""What is not theirs does not exist for whoever asks; what they may not change, they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.cache import add_never_cache_headers
from rest_framework.views import APIView

from wattkeep.monitoring.access import (
    devices_for,
    hide_keys,
    may,
    principal_of,
    role_on,
    sites_for,
)
from wattkeep.monitoring.models import Device, Role, Site

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.response import Response

    AnyRequest = HttpRequest | Request

TOO_LITTLE = "Your role at this site does not allow that."


def devices_of(request: AnyRequest, at_least: Role = Role.VIEWER) -> QuerySet[Device]:
    """Return the devices where whoever asks has this role or more."""
    return devices_for(principal_of(request), at_least)


def shown_devices(request: AnyRequest, site_id: int | None = None) -> list[Device]:
    """Return the devices to be shown to whoever asks: all, or those of a site."""
    devices = devices_of(request)
    if site_id is not None:
        devices = devices.filter(site_id=site_id)
    return hide_keys(principal_of(request), devices)


def sites_of(request: AnyRequest, at_least: Role = Role.VIEWER) -> QuerySet[Site]:
    """Return the sites where whoever asks has this role or more."""
    return sites_for(principal_of(request), at_least)


def sites_to_change(request: AnyRequest) -> frozenset[int]:
    """Return the numbers of the sites where whoever asks may change things."""
    return frozenset(sites_of(request, Role.EDITOR).values_list("pk", flat=True))


def device_or_404(request: AnyRequest, device_id: int, at_least: Role = Role.VIEWER) -> Device:
    """Return a device of those that whoever asks may see.

    Raises:
        Http404: there is none of that number, or it is none of theirs.
        PermissionDenied: they may see it, and not do this.
    """
    # By its key alone: together with who may see it, it would be looked for among all of theirs.
    device = Device.objects.select_related("site").filter(pk=device_id).first()
    who = principal_of(request)
    _check(None if device is None else role_on(who, device), at_least)
    return hide_keys(who, [device] if device else [])[0]


def site_or_404(request: AnyRequest, site_id: int, at_least: Role = Role.VIEWER) -> Site:
    """Return a site of those that whoever asks may see; it raises as `device_or_404` does."""
    site = Site.objects.filter(pk=site_id).first()
    _check(None if site is None else role_on(principal_of(request), site), at_least)
    return site  # type: ignore[return-value]  # checked


def _check(role: Role | None, at_least: Role) -> None:
    if role is None:
        raise Http404
    if role < at_least:
        raise PermissionDenied(TOO_LITTLE)


def require(request: AnyRequest, thing: Device | Site, at_least: Role) -> None:
    """Raise PermissionDenied unless whoever asks has this role or more at a device or site."""
    if at_least > Role.VIEWER and not may(principal_of(request), thing, at_least):
        raise PermissionDenied(TOO_LITTLE)


class OwnView(APIView):
    """What is answered is one person's, and of this moment: no cache may keep it."""

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        add_never_cache_headers(response)
        return response

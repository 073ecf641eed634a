"""Who may see what: everybody their own, and what is not theirs does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.utils.cache import add_never_cache_headers
from rest_framework.views import APIView

from wattkeep.monitoring.models import Device, Site

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.response import Response


def devices_of(user: Any) -> QuerySet[Device]:
    """Return the devices `user` may see."""
    return Device.objects.filter(user=user).select_related("site")


def device_or_404(request: Request, device_id: int) -> Device:
    """Return one of the asking user's devices.

    Raises:
        Http404: there is none of that number, or it is somebody else's.
    """
    device = devices_of(request.user).filter(pk=device_id).first()
    if device is None:
        raise Http404
    return device


def site_or_404(request: Request, site_id: int) -> Site:
    """Return one of the asking user's sites.

    Raises:
        Http404: there is none of that number, or it is somebody else's.
    """
    user: Any = request.user
    site = Site.objects.filter(owner=user, pk=site_id).first()
    if site is None:
        raise Http404
    return site


class OwnView(APIView):
    """What is answered is one person's, and of this moment: no cache may keep it."""

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        add_never_cache_headers(response)
        return response

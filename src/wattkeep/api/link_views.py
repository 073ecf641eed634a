"""What the page behind a viewer link asks for: the API's own answers, for that link alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, Throttled

from wattkeep.api.access import OwnView
from wattkeep.api.figure_views import DeviceSeriesView
from wattkeep.api.overview import SiteOverviewView
from wattkeep.api.views import DashboardView, DevicesView, RealtimeView
from wattkeep.arrival import client_address
from wattkeep.monitoring.sharing import find_link
from wattkeep.monitoring.throttles import TOKENS_BY_ADDRESS, group_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.response import Response

    from wattkeep.monitoring.models import ViewerLink

# The address is a key: it goes to nobody else, and into no index.
KEEP_TO_ITSELF = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


class LinkAuthentication(authentication.BaseAuthentication):
    """The token in the address; for one that never was or is over there is one answer."""

    def authenticate(self, request: Request) -> tuple[Any, ViewerLink]:
        link = find_link(request._request.link_token)  # type: ignore[attr-defined]  # noqa: SLF001 - DRF's way to Django's
        if link is not None:
            return AnonymousUser(), link
        if wait_s := TOKENS_BY_ADDRESS.take(group_of(client_address(request))):
            raise Throttled(wait_s)
        raise AuthenticationFailed("This link is not good any more.")

    def authenticate_header(self, _request: Request) -> str:
        return "Link"


class OfLink(OwnView):
    """A view of the API that a viewer link may ask, to look only."""

    # None of the API's addresses: its description does not name it.
    schema = None
    authentication_classes = (LinkAuthentication,)
    permission_classes = ()
    http_method_names = ("get", "head")

    def dispatch(self, request: HttpRequest, token: str, **kwargs: Any) -> HttpResponseBase:
        request.link_token = token  # type: ignore[attr-defined]
        return super().dispatch(request, **kwargs)

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        for name, value in KEEP_TO_ITSELF.items():
            response.headers[name] = value
        return response


class LinkRealtimeView(OfLink, RealtimeView):
    """The newest reading of a device."""


class LinkDashboardView(OfLink, DashboardView):
    """Everything a device's page shows."""


class LinkSeriesView(OfLink, DeviceSeriesView):
    """A device's curve."""


class LinkDevicesView(OfLink, DevicesView):
    """A site's devices."""


class LinkOverviewView(OfLink, SiteOverviewView):
    """A site at a glance."""

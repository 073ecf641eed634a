"""The page behind a viewer link: a device or a site, to look at, without an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wattkeep.api.link_views import KEEP_TO_ITSELF
from wattkeep.arrival import client_address
from wattkeep.monitoring.access import Principal, devices_for, hide_keys
from wattkeep.monitoring.sharing import find_link
from wattkeep.monitoring.throttles import TOKENS_BY_ADDRESS, group_of
from wattkeep.web.views.dashboard import live_context
from wattkeep.web.views.overview import site_context

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from wattkeep.monitoring.models import Device, ViewerLink


@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a viewer link is for; one that is over and one that never was look the same."""
    link = find_link(token)
    if link is None:
        return _not_good(request)
    who = Principal.of_link(link)
    devices = hide_keys(who, devices_for(who))
    if link.device_id and not devices:  # it is at another site now
        return _not_good(request)
    if link.device_id:
        return _render(request, link, "web/device.html", _of_device(token, devices[0]))
    context = {**site_context(link.site, devices, timezone.now()), "link": _of_site(token, link)}
    return _render(request, link, "web/overview.html", context)


def _of_device(token: str, device: Device) -> dict[str, Any]:
    link = {
        **_addresses(token),
        **{
            name: reverse(f"web:shared_{name}", args=[token, device.pk])
            for name in ("realtime", "dashboard", "series")
        },
    }
    return {**live_context(device, timezone.now()), "link": link}


def _of_site(token: str, link: ViewerLink) -> dict[str, str]:
    return {
        **_addresses(token),
        "overview": reverse("web:shared_overview", args=[token, link.site_id]),
        "devices": reverse("web:shared_devices", args=[token]),
    }


def _addresses(token: str) -> dict[str, str]:
    page = reverse("web:shared", args=[token])
    return {"page": page, "socket": f"/ws/live/?link={token}"}


def _render(
    request: HttpRequest, link: ViewerLink, template: str, context: dict[str, Any]
) -> HttpResponse:
    shown = {"layout": "web/sharing/layout.html", "until": link.expires_at, **context}
    return _to_itself(render(request, template, shown))


def _not_good(request: HttpRequest) -> HttpResponse:
    wait_s = TOKENS_BY_ADDRESS.take(group_of(client_address(request)))
    status, headers = (429, {"Retry-After": str(wait_s)}) if wait_s else (404, {})
    response = render(request, "web/sharing/link_over.html", status=status)
    for name, value in headers.items():
        response.headers[name] = value
    return _to_itself(response)


def _to_itself(response: HttpResponse) -> HttpResponse:
    for name, value in KEEP_TO_ITSELF.items():
        response.headers[name] = value
    return response

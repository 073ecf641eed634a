"""What is answered where something of ours failed, and to who comes to the admin's door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from wattkeep.logs import request_id

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the number that the fault has in the log."""
    number = request_id.get()
    if request.path_info.startswith("/api/"):
        return JsonResponse(
            {"detail": "Something went wrong here.", "request_id": number}, status=500
        )
    # Without a request: whatever fills a page's frame may be what failed.
    return HttpResponse(render_to_string("500.html", {"request_id": number}), status=500)


def admin_login(request: HttpRequest) -> HttpResponseBase:
    """Send strangers to the page where everybody logs in; to others the admin is not there."""
    target = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    if not request.user.is_authenticated:
        return redirect_to_login(target if is_ours else "/admin/", settings.LOGIN_URL)
    raise Http404

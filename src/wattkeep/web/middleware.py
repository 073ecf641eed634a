"""The headers every answer carries, the hosts that are ours, a person's language, static files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import DataError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from servestatic.middleware import (  # type: ignore[import-untyped]  # it says nothing of types
    ServeStaticMiddleware,
)

from wattkeep.domain.hosts import host_name, is_own_host
from wattkeep.logs import request_id
from wattkeep.monitoring.languages import language_for_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

logger = logging.getLogger(__name__)
HEADER = "Content-Security-Policy"
POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# What no page of ours asks a browser for. What is not named keeps the browser's own rule.
NEVER_ASKED_FOR = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "display-capture",
    "encrypted-media",
    "geolocation",
    "gyroscope",
    "hid",
    "identity-credentials-get",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
    "xr-spatial-tracking",
)


def policy_header(policy: dict[str, str]) -> str:
    """Return a policy as the header's value."""
    return "; ".join(f"{name} {sources}" for name, sources in policy.items())


class HeadersMiddleware:
    """Lets a page load from, post to and connect to this server only; nothing runs inline.

    Other sites may neither embed what is here nor share a window with it, and a page gets none of
    a browser's devices.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._headers = {
            HEADER: policy_header(POLICY),
            "Permissions-Policy": ", ".join(f"{name}=()" for name in NEVER_ASKED_FOR),
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Permitted-Cross-Domain-Policies": "none",
        }

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response


class HostMiddleware:
    """Answers under names of its own only: any other may be a stranger's page that points here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        own_address = request.META.get("SERVER_NAME", "")
        host = host_name(request.META.get("HTTP_HOST", own_address))
        if is_own_host(host, settings.NAMED_HOSTS, own_address):
            return self.get_response(request)
        said = f"Wattkeep does not answer to the name {host!r}." if host else "No host was named."
        advice = " If it is one of yours, add it to WATTKEEP_ALLOWED_HOSTS and restart.\n"
        return HttpResponse(said + advice, status=400, content_type="text/plain; charset=utf-8")


class PersonsLanguageMiddleware:
    """Shows pages in the language that somebody chose, in whatever browser; else in the browser's.

    What programs ask for goes by what they ask for.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/"):
            self._speak(request)
        return self.get_response(request)

    def _speak(self, request: HttpRequest) -> None:
        try:
            user = request.user
            if not user.is_authenticated:
                return
            language = language_for_page(user.pk, translation.get_language())
        except OperationalError:
            # The page itself finds out, and says so.
            return
        translation.activate(language)
        request.LANGUAGE_CODE = language


class DatabaseAwayMiddleware:
    """Answers 503, to be tried again, where a page cannot be made because the database is away.

    A full disk, a lock that is held too long, a PostgreSQL that starts anew: none is for good. And
    400 where it was asked for what no column can hold.
    """

    RETRY_AFTER_S = 5

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, (OverflowError, DataError)):
            return self._refuse(request, exception)
        if not isinstance(exception, OperationalError):
            return None
        logger.error("the database is away: %s", exception)
        headers = {"Retry-After": str(self.RETRY_AFTER_S)}
        if request.path_info.startswith("/api/"):
            body = {
                "detail": "The database is not there at the moment. Try again.",
                "request_id": request_id.get(),
            }
            return JsonResponse(body, status=503, headers=headers)
        page = render_to_string("503.html", request=request)
        return HttpResponse(page, status=503, headers=headers)

    def _refuse(self, request: HttpRequest, exception: Exception) -> HttpResponse:
        """Answer 400 where a number or text was asked for that no column can hold."""
        logger.warning("%s: %s", request.resolver_match and request.resolver_match.route, exception)
        if request.path_info.startswith("/api/"):
            return JsonResponse({"detail": "A value is out of range."}, status=400)
        return HttpResponse(render_to_string("400.html", request=request), status=400)


class StaticFilesMiddleware:
    """Asks servestatic for static files only.

    It is asynchronous: any other request would change threads twice on its way through it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._files = ServeStaticMiddleware(_find_nothing)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(self._files.static_prefix):
            found: HttpResponse | None = async_to_sync(self._files)(request)
            if found is not None:
                return found
        return self.get_response(request)


async def _find_nothing(_request: HttpRequest) -> Any:
    """Stand where servestatic goes on to the next middleware."""
    return None

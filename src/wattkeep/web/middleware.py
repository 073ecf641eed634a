"""The Content-Security-Policy every answer carries, and the way to static files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.db import OperationalError
from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from servestatic.middleware import (  # type: ignore[import-untyped]  # it says nothing of types
    ServeStaticMiddleware,
)

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
# Swagger UI writes style attributes into its own markup.
DOCS_PATH = "/api/docs/"
DOCS_POLICY = {**POLICY, "style-src": "'self' 'unsafe-inline'"}


def policy_header(policy: dict[str, str]) -> str:
    """Return a policy as the header's value."""
    return "; ".join(f"{name} {sources}" for name, sources in policy.items())


class ContentSecurityPolicyMiddleware:
    """Lets a page load from, post to and connect to this server only; nothing runs inline."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._everywhere = policy_header(POLICY)
        self._docs = policy_header(DOCS_POLICY)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = self._docs if request.path == DOCS_PATH else self._everywhere
        response.headers.setdefault(HEADER, policy)
        return response


class DatabaseAwayMiddleware:
    """Answers 503, to be tried again, where a page cannot be made because the database is away.

    A full disk, a lock that is held too long, a PostgreSQL that starts anew: none is for good.
    """

    RETRY_AFTER_S = 5

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, OperationalError):
            return None
        logger.error("the database is away: %s", exception)
        headers = {"Retry-After": str(self.RETRY_AFTER_S)}
        if request.path_info.startswith("/api/"):
            body = {"detail": "The database is not there at the moment. Try again."}
            return JsonResponse(body, status=503, headers=headers)
        page = render_to_string("503.html", request=request)
        return HttpResponse(page, status=503, headers=headers)


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

"""The Content-Security-Policy every answer carries, and the way to static files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from servestatic.middleware import (  # type: ignore[import-untyped]  # it says nothing of types
    ServeStaticMiddleware,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

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

"""The Content-Security-Policy every answer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

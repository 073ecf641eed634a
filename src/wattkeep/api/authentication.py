"""How the API knows who asks: the page's login, or a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import SAFE_METHODS, BasePermission

from wattkeep.arrival import client_address
from wattkeep.monitoring.models import AccessToken
from wattkeep.monitoring.throttles import TOKENS_BY_ADDRESS, group_of
from wattkeep.monitoring.tokens import find_token

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from rest_framework.request import Request
    from rest_framework.views import APIView

BEARER = "bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """The page's login. Unlike DRF's own, nobody gets 401, not 403: they may log in and retry."""

    def authenticate_header(self, _request: Request) -> str:
        return "Session"


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer …` with a personal access token.

    One answer for a token that never was, is over, or was revoked. Only wrong ones are counted: 190
    random bits are not guessed, and who shares an address with a guesser goes on.
    """

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        text = bearer_token(request.headers.get("Authorization", ""))
        if text is None:
            return None
        if token := find_token(text):
            return token.user, token
        if wait_s := TOKENS_BY_ADDRESS.take(group_of(client_address(request))):
            raise Throttled(wait_s)
        raise AuthenticationFailed("This token is not good.")

    def authenticate_header(self, _request: Request) -> str:
        return "Bearer"


class TokenAllows(BasePermission):
    """A token may do what its scope says; whoever is logged in needs none.

    Reading takes `read`, anything else `write`, and the methods in a view's `admin_methods` take
    `admin`.
    """

    message = "This token may not do that: its scope is too narrow."

    def has_permission(self, request: Request, view: APIView) -> bool:
        token = request.auth
        return not isinstance(token, AccessToken) or token.allows(scope_for(request, view))


def scope_for(request: Request, view: APIView) -> AccessToken.Scope:
    """Return what a token needs for this request."""
    if request.method in getattr(view, "admin_methods", ()):
        return AccessToken.Scope.ADMIN
    is_safe = request.method in SAFE_METHODS
    return AccessToken.Scope.READ if is_safe else AccessToken.Scope.WRITE


def bearer_token(header: str) -> str | None:
    """Return what an Authorization header bears; None if it is another kind, or there is none."""
    scheme, _, text = header.strip().partition(" ")
    return text.strip() if scheme.lower() == BEARER else None

"""Guesses at passwords and codes, counted; what who guesses too often is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.core.exceptions import ImmediateHttpResponse
from django.core.cache import cache
from django.shortcuts import render

from wattkeep.arrival import client_address
from wattkeep.monitoring.throttles import (
    PASSWORDS_BY_ACCOUNT,
    PASSWORDS_BY_ADDRESS,
    PASSWORDS_BY_PAIR,
    group_of,
    hash_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from wattkeep.monitoring.throttles import Throttle

REMEMBERED_S = 30 * 24 * 3600
SOON_S = 60


def too_many(request: HttpRequest, wait_s: int) -> HttpResponse:
    """Return the page for who tried too often, with when to come back."""
    minutes = max(1, -(-wait_s // 60))
    response = render(request, "429.html", {"minutes": minutes}, status=429)
    response["Retry-After"] = str(wait_s)
    return response


def stop_if_too_many(request: HttpRequest, throttle: Throttle, who: str) -> None:
    """Count an attempt.

    Raises:
        ImmediateHttpResponse: it was one too many; the answer is in it.
    """
    if wait_s := throttle.take(who):
        raise ImmediateHttpResponse(too_many(request, wait_s))


class PasswordAttempt:
    """One try at an account's password, whether the account exists or not."""

    def __init__(self, request: HttpRequest, account: str) -> None:
        self._request = request
        self._address = group_of(client_address(request))
        self._account = account.strip().casefold()
        pair = f"{self._account} {self._address}"
        self._familiar = f"familiar:{hash_of(pair)}"
        # Where the account was used before, others' guesses at it do not count.
        self._by, self._who = PASSWORDS_BY_ACCOUNT, self._account
        if cache.get(self._familiar):
            self._by, self._who = PASSWORDS_BY_PAIR, pair

    def begin(self) -> None:
        """Count it.

        Raises:
            ImmediateHttpResponse: it was one too many.
        """
        stop_if_too_many(self._request, PASSWORDS_BY_ADDRESS, self._address)
        stop_if_too_many(self._request, self._by, self._who)

    def was_right(self) -> None:
        """Uncount it, and remember that this address uses the account."""
        PASSWORDS_BY_ADDRESS.give_back(self._address)
        self._by.give_back(self._who)
        cache.set(self._familiar, 1, REMEMBERED_S)


class RetryAfterMiddleware:
    """Says when to come back where a page is refused without saying so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 429:  # noqa: PLR2004
            response.headers.setdefault("Retry-After", str(SOON_S))
        return response

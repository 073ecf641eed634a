"""Which requests a replica answers: such as look at the past, of people who changed nothing now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import OperationalError

from wattkeep.monitoring.replica import make_state, on_replica

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

# Whoever changed something sees the primary until the replica has it for certain.
WROTE = "wattkeep_wrote"
WROTE_FOR_S = 60
VIEWS = frozenset(
    {
        "api:device-consumption",
        "api:device-series",
        "api:device-why",
        "api:site-consumption",
        "api:site-series",
        "web:energy",
        "web:energy_why",
        "web:history",
        "web:history_figures",
        "web:insights",
        "web:voltage",
    }
)


class ReplicaMiddleware:
    """Has views about the past read from the replica; falls back to the primary by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.REPLICA_URL:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self._state = make_state()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            response.set_cookie(
                WROTE,
                "1",
                max_age=WROTE_FOR_S,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        if (
            request.method not in {"GET", "HEAD"}
            or match is None
            or match.view_name not in VIEWS
            or WROTE in request.COOKIES
            or not self._state.is_usable()
        ):
            return None
        # Who asks is looked up at the primary: a log-out counts at once.
        _ = request.user.is_authenticated
        try:
            with on_replica():
                return view(request, *args, **kwargs)
        except OperationalError as error:
            self._state.leave_alone(error)
            return None

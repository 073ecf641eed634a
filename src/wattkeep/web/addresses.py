"""Where devices post to, as this browser reached us."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

POST_PATH = "/api/energy-data/"
LOOPBACK = ("127.", "localhost", "[::1]")


def post_address(request: HttpRequest) -> str:
    """Return the full address for a device's readings."""
    return request.build_absolute_uri(POST_PATH)


def is_loopback(request: HttpRequest) -> bool:
    """Tell whether the browser reached us by an address that no board can use."""
    return request.get_host().startswith(LOOPBACK)


def can_use_passkeys(request: HttpRequest) -> bool:
    """Tell whether browsers offer passkeys here: by a name, on HTTPS or on this very machine."""
    host = request.get_host().rpartition(":")[0] or request.get_host()
    if host == "localhost":
        return True
    is_number = host.startswith("[") or host.replace(".", "").isdigit()
    return request.is_secure() and not is_number

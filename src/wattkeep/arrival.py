"""How a request arrived: by whom it was sent, under which name, and the number it is logged by."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from wattkeep.domain.hosts import host_name, is_own_host
from wattkeep.domain.proxies import origin_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest

    from wattkeep.domain.proxies import Network

# What a proxy says of its client. Nothing behind this module is to read them: nobody there knows
# who wrote them.
FORWARDED = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-real-ip",
    }
)
_OVER_TLS = {"http": "https", "ws": "wss"}


def new_request_id() -> str:
    """Return a number for a request: 16 hex digits, told apart by chance, and no secret."""
    return f"{random.getrandbits(64):016x}"


def arrived(scope: dict[str, Any], proxies: Sequence[Network]) -> tuple[dict[str, Any], str]:
    """Return an ASGI scope as the client's own proxy saw it, and the request's number.

    Its client, scheme and host are what a named proxy says; what others say of them is left out.
    """
    client = scope.get("client") or ("", 0)
    headers = scope["headers"]
    origin = origin_of(client[0], headers, proxies)
    if any(name in FORWARDED for name, _ in headers):
        kept = [(name, value) for name, value in headers if name not in FORWARDED]
        if origin.host:
            kept = [(name, value) for name, value in kept if name != b"host"]
            kept.append((b"host", origin.host.encode("latin-1")))
        scope = {**scope, "headers": kept}
    if origin.address != client[0]:
        scope = {**scope, "client": (origin.address, 0)}
    if origin.scheme == "https":
        scope = {**scope, "scheme": _OVER_TLS.get(scope["scheme"], scope["scheme"])}
    return scope, origin.request_id or new_request_id()


def client_address(source: HttpRequest | Mapping[str, Any]) -> str:
    """Return the address of whoever sent a request, past the proxies that were named.

    `source` is Django's request or an ASGI scope, both behind `arrived`; "" if there is none.
    """
    if isinstance(source, dict):
        return str((source.get("client") or ("",))[0])
    return str(source.META.get("REMOTE_ADDR", ""))  # type: ignore[union-attr]  # it is a request


def is_welcome_host(scope: Mapping[str, Any], named: Sequence[str]) -> bool:
    """Tell whether an ASGI connection names a host that is ours."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    own_address = str((scope.get("server") or ("",))[0])
    return len(hosts) == 1 and is_own_host(host_name(hosts[0]), named, own_address)

"""What a request says of where it came from, believed only from proxies that were named."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_HOPS = 20
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")


class Origin(NamedTuple):
    """Where a request came from, as far as it can be believed; "" where nobody said."""

    address: str
    scheme: str = ""
    host: str = ""
    request_id: str = ""


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return addresses and networks such as 192.168.1.2 or 10.0.0.0/8.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address belongs to one of the networks."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


def origin_of(
    peer: str, headers: Iterable[tuple[bytes, bytes]], proxies: Sequence[Network]
) -> Origin:
    """Return where a request came from that `peer` sent.

    Each proxy adds whom it heard to X-Forwarded-For's end, so it is read from there: the first
    address that is no proxy's is the client. What stands before it anybody can have written.
    """
    if not proxies or not is_within(peer, proxies):
        return Origin(peer)
    heard: list[str] = []
    last: dict[bytes, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"x-forwarded-for":
            heard += text.split(",")
        elif name in {b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id"}:
            last[name] = text.rpartition(",")[2].strip()
    scheme = last.get(b"x-forwarded-proto", "").lower()
    request_id = last.get(b"x-request-id", "")
    return Origin(
        _client(peer, heard, proxies),
        scheme if scheme in {"http", "https"} else "",
        last.get(b"x-forwarded-host", ""),
        request_id if _REQUEST_ID.fullmatch(request_id) else "",
    )


def _client(peer: str, heard: list[str], proxies: Sequence[Network]) -> str:
    nearest = peer
    for text in reversed(heard[-MOST_HOPS:]):
        address = _without_port(text.strip())
        if not address:
            break
        nearest = address
        if not is_within(address, proxies):
            break
    return nearest


def _without_port(text: str) -> str:
    """Return the address in `1.2.3.4`, `1.2.3.4:80`, `::1` or `[::1]:80`; "" if there is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""

"""Which host names are a local machine's own, and which only a stranger's page would send."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# Names under these cannot be bought, so no stranger's page can be reached by one: RFC 6761, 6762,
# 8375 and ICANN's reservation of "internal".
LOCAL_ENDINGS = (".localhost", ".local", ".home.arpa", ".internal")
# Shared by the customers of a provider or of an overlay network (RFC 6598).
CARRIER_NETWORK = ipaddress.ip_network("100.64.0.0/10")

_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+))(?::\d{1,5})?")


def host_name(header: str) -> str:
    """Return the name or address in a Host header, without its port; "" if it is neither."""
    found = _HOST.fullmatch(header)
    if found is None:
        return ""
    return (found[1] or found[2]).lower().removesuffix(".")


def is_own_host(host: str, named: Collection[str], own_address: str = "") -> bool:
    """Tell whether a page may be asked for under this name.

    What is not `named` (".example.org" stands for all names under it, "*" for any) has to be one
    that no stranger can have: an address of a private network or the one that was connected to, a
    name without a dot, this machine's own, or one with a local ending. A page of a stranger whose
    name was pointed here (DNS rebinding) comes with that name.
    """
    if not host:
        return False
    if any(_is_named(host, name.lower()) for name in named):
        return True
    address = _address(host)
    if address is not None:
        return address == _address(own_address) or _is_local(address)
    return "." not in host or host.endswith(LOCAL_ENDINGS) or host == machine_name()


def machine_name() -> str:
    """Return what this machine calls itself; no name server is asked."""
    return socket.gethostname().lower()


def _is_named(host: str, name: str) -> bool:
    if name.startswith("."):
        return host.endswith(name) or host == name[1:]
    return name in {"*", host}


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_unspecified:
        return False
    return address.is_private or address.is_link_local or address in CARRIER_NETWORK

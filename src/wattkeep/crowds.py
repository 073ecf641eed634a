"""How many connections one address may hold at a time, so that none is left without by another."""

from __future__ import annotations

import ipaddress
import logging
import resource
from typing import TYPE_CHECKING

from wattkeep.domain.proxies import is_within
from wattkeep.monitoring.throttles import group_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.domain.proxies import Network

logger = logging.getLogger(__name__)

# A thousand boards behind one router, each with the connection that it just lost still counted.
USUAL_MOST = 2000
SHARE_OF_ALL = 4
# This machine itself: proxies that nobody named, tests, and whoever is in already.
_OWN = tuple(ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128"))


def usual_most() -> int:
    """Return how many an address may hold where nobody says: a quarter of what the process may."""
    most_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most_files == resource.RLIM_INFINITY:
        return USUAL_MOST
    return max(1, min(USUAL_MOST, most_files // SHARE_OF_ALL))


class Crowds:
    """Counts the connections of each address (IPv6: of its /64 network) to this process.

    Those of named proxies and of this machine are not counted: they are many people's. `most` is 0
    for no limit.
    """

    def __init__(self, most: float, proxies: Sequence[Network] = ()) -> None:
        self._most = most
        self._uncounted = (*_OWN, *proxies)
        self._held: dict[str, int] = {}
        self._told: set[str] = set()

    def group(self, client: tuple[str, int] | None) -> str:
        """Return what a connection is counted by; "" if it is not counted."""
        if not self._most or client is None or is_within(client[0], self._uncounted):
            return ""
        return group_of(client[0])

    def has(self, group: str) -> bool:
        """Tell whether any connection of it is open."""
        return group in self._held

    def enter(self, group: str) -> bool:
        """Count a connection; False if it is one too many, which is not counted."""
        if not group:
            return True
        held = self._held.get(group, 0)
        if held >= self._most:
            self._tell(group)
            return False
        self._held[group] = held + 1
        return True

    def leave(self, group: str) -> None:
        """Uncount a connection that was let in."""
        if not group:
            return
        self._held[group] -= 1
        if not self._held[group]:
            del self._held[group]
            self._told.discard(group)

    def _tell(self, group: str) -> None:
        if group not in self._told:
            self._told.add(group)
            logger.warning(
                "%s holds %.0f connections: more of it are refused."
                " If that is a proxy, name it in WATTKEEP_TRUSTED_PROXIES; if it is many boards"
                " behind one router, raise WATTKEEP_CONNECTIONS_PER_ADDRESS.",
                group,
                self._most,
            )

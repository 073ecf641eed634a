"""How often somebody may guess: failures counted in the cache, by address and by account."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from time import time as clock_s

from django.core.cache import cache


@dataclass(frozen=True)
class Throttle:
    """At most `most` failures in each window of `window_s` seconds.

    Counted in Django's cache, so processes that share one count together. An attempt is counted
    before it is looked at and given back if it was right: many at once get no further than one
    after another.
    """

    name: str
    most: int
    window_s: int

    def wait_s(self, who: str) -> int:
        """Return 0 if `who` may try now, otherwise the seconds until they may."""
        count = cache.get(self._key(who), 0)
        return self._rest_s() if count >= self.most else 0

    def take(self, who: str) -> int:
        """Count an attempt; return 0, or the seconds to wait if this was one too many."""
        key = self._key(who)
        cache.add(key, 0, self.window_s)
        try:
            count = cache.incr(key)
        except ValueError:  # it ended between the two
            cache.set(key, 1, self.window_s)
            count = 1
        return self._rest_s() if count > self.most else 0

    def give_back(self, who: str) -> None:
        """Uncount an attempt that was right."""
        try:
            cache.decr(self._key(who))
        except ValueError:  # its window is over
            return

    def _key(self, who: str) -> str:
        return f"throttle:{self.name}:{int(clock_s() // self.window_s)}:{hash_of(who)}"

    def _rest_s(self) -> int:
        return self.window_s - int(clock_s()) % self.window_s


def hash_of(who: str) -> str:
    """Return a name for the cache: what people type has any length and any letters."""
    return hashlib.sha256(who.encode("utf-8", "replace")).hexdigest()[:32]


def group_of(address: str) -> str:
    """Return what is counted as one: an IPv4 address, or the /64 network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)


# A family behind one address mistypes less than this; a guesser gets 1,920 tries a day.
PASSWORDS_BY_ADDRESS = Throttle("password-address", 20, 15 * 60)
# Many addresses after one account get 960 a day together. Addresses from which the account was
# used before are counted apart, so that nobody can lock its owner out.
PASSWORDS_BY_ACCOUNT = Throttle("password-account", 10, 15 * 60)
PASSWORDS_BY_PAIR = Throttle("password-pair", 10, 15 * 60)
SECOND_FACTORS = Throttle("second-factor", 10, 15 * 60)
TOKENS_BY_ADDRESS = Throttle("token-address", 30, 60)
# Boards that ask for news; posts are counted in `ingest/guesses.py`.
KEYS_BY_ADDRESS = Throttle("key-address", 30, 60)
MAILS_BY_RECIPIENT = Throttle("mail-recipient", 10, 3600)
REGISTRATIONS_BY_ADDRESS = Throttle("registration-address", 20, 3600)
CODES_BY_ADDRESS = Throttle("code-address", 10, 15 * 60)

"""Secrets and who can read them; what strangers can reach."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from django.conf import settings

from wattkeep.doctor.findings import fault, risk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wattkeep.doctor.findings import Finding

FEWEST_SECRET_LETTERS = 32
FEWEST_DIFFERENT_LETTERS = 10
KNOWN_BAD = ("django-insecure", "change", "secret", "example", "password", "12345")
OTHERS = 0o077


def check_secrets() -> Iterator[Finding]:
    """Find secrets that can be guessed or read by others."""
    key = settings.SECRET_KEY
    is_known = any(key.lower().startswith(word) for word in KNOWN_BAD)
    if len(key) < FEWEST_SECRET_LETTERS or len(set(key)) < FEWEST_DIFFERENT_LETTERS or is_known:
        yield fault(
            "secret-key",
            "The secret key can be guessed: whoever guesses it can log in as anybody.",
            "Unset WATTKEEP_SECRET_KEY and let Wattkeep make one, or set 48 random letters."
            " Everybody has to log in again, and signing devices need a new key.",
        )
    for path in (settings.DATA_DIR, *_secret_files()):
        if (mode := _mode(path)) is not None and mode & OTHERS:
            yield risk(
                "file-modes",
                f"Other users of this machine can read {path} (mode {mode:o}).",
                f"Keep it to Wattkeep's own user: chmod go-rwx {path}",
            )


def _secret_files() -> list[Path]:
    names = ("secret-key", "encryption-keys", "wattkeep.sqlite3", "setup-code")
    return [settings.DATA_DIR / name for name in names]


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return None


def check_exposure(public: Sequence[str] | None = None) -> Iterator[Finding]:
    """Find doors that stand open to strangers; `public`: addresses the internet can reach."""
    if settings.DEBUG:
        yield fault(
            "debug",
            "WATTKEEP_DEBUG is on: error pages show settings and code to anybody.",
            "Unset WATTKEEP_DEBUG and restart.",
        )
    public = public_addresses() if public is None else public
    if public and not settings.SESSION_COOKIE_SECURE:
        yield risk(
            "no-tls",
            f"This machine has a public address ({public[0]}) and Wattkeep speaks plain HTTP:"
            " passwords and keys can be read on the way.",
            "Put a proxy with TLS in front, start Wattkeep with --host 127.0.0.1 and set"
            " WATTKEEP_BEHIND_TLS=1; docs/operations.md shows how.",
        )
    if "*" in settings.NAMED_HOSTS:
        yield risk(
            "any-host",
            "Wattkeep answers to any host name, so that a stranger's page in somebody's browser can"
            " reach it by a name of its own.",
            "Set WATTKEEP_ALLOWED_HOSTS to the name people use. Names of the local network need no"
            " naming.",
        )
    if settings.REGISTRATION == "open":
        yield risk(
            "open-registration",
            "Anybody who finds the page can make an account.",
            "Unset WATTKEEP_REGISTRATION unless you mean it.",
        )


def public_addresses() -> list[str]:
    """Return this machine's addresses that the internet could reach, without sending anything."""
    found = []
    # Documentation addresses: connecting a datagram socket only chooses a route.
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                address = probe.getsockname()[0]
        except OSError:
            continue
        if ipaddress.ip_address(address).is_global:
            found.append(address)
    return found

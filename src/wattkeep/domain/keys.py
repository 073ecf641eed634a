"""Device keys: how one is made and what is kept of it."""

from __future__ import annotations

import hashlib
import hmac
import secrets

PREFIX_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
PREFIX_LENGTH = 8


def new_key() -> str:
    """Return a fresh device key, `<prefix>_<secret>`, with 190 random bits in its secret.

    The prefix is no secret: it names the key on pages and in logs. All letters survive a URL, a
    C string and a terminal's double click.
    """
    prefix = "".join(secrets.choice(PREFIX_LETTERS) for _ in range(PREFIX_LENGTH))
    secret = "".join(secrets.choice(PREFIX_LETTERS) for _ in range(39))
    return f"{prefix}_{secret}"


def key_prefix(key: str) -> str:
    """Return the part of a key that may be shown."""
    return key.partition("_")[0]


def key_hash(key: str) -> bytes:
    """Return what is stored of a key: its SHA-256, 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def signing_key(key: str) -> bytes:
    """Return what bodies are signed with in place of sending `key`, 32 bytes."""
    return hmac.digest(key.encode(), b"wattkeep-sign", "sha256")


def is_signature(text: str, body: bytes, secret: bytes) -> bool:
    """Tell whether `text` is `sha256=<hex>` of `body` under `secret`, in constant time."""
    expected = "sha256=" + hmac.digest(secret, body, "sha256").hex()
    return hmac.compare_digest(expected.encode(), text.lower().encode())

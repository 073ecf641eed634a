"""Secrets in the database: encrypted under the installation's own, which is not in it."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class SecretUnreadableError(Exception):
    """A stored secret was encrypted under another installation's secret key."""


def encrypt(secret: bytes) -> bytes:
    """Return `secret` as it may be stored."""
    return _fernet().encrypt(secret)


def decrypt(stored: bytes | memoryview) -> bytes:
    """Return what `encrypt` was given.

    Raises:
        SecretUnreadableError: the installation's secret key is another one now.
    """
    try:
        return _fernet().decrypt(bytes(stored))
    except InvalidToken:
        raise SecretUnreadableError(
            "A stored secret cannot be read: the secret key is not the one it was written under."
        ) from None


def _fernet() -> Fernet:
    digest = hashlib.sha256(b"wattkeep.secrets:" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))

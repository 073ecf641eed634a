"""Secrets in the database: encrypted under the installation's own keys, which are not in it."""

from __future__ import annotations

from wattkeep.monitoring import keyring


class SecretUnreadableError(Exception):
    """A stored secret was encrypted under another installation's keys."""


def encrypt(secret: bytes) -> bytes:
    """Return `secret` as it may be stored."""
    return keyring.fernet().encrypt(secret)


def decrypt(stored: bytes | memoryview) -> bytes:
    """Return what `encrypt` was given.

    Raises:
        SecretUnreadableError: none of the installation's keys is the one it was stored under.
    """
    from cryptography.fernet import InvalidToken

    try:
        return keyring.fernet().decrypt(bytes(stored))
    except (InvalidToken, keyring.KeyringError) as error:
        if isinstance(error, keyring.KeyringError):
            raise SecretUnreadableError(f"A stored secret cannot be read: {error}") from None
        raise SecretUnreadableError(
            "A stored secret cannot be read: the secret key is not the one it was written under."
        ) from None

"""The keys that secrets in the database are encrypted with: where they lie, and which is newest."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.fernet import Fernet, MultiFernet

FILE_NAME = "encryption-keys"
# Stands in the file for the key that is made from the installation's secret key: the one that an
# installation begins with.
DERIVED = "from-secret-key"

_State = tuple[int, int, int] | None


class KeyringError(Exception):
    """The keys cannot be read or written; the message says why."""


class _Ring:
    """The keys as they were last read, so that not every secret reads a file."""

    def __init__(self) -> None:
        self._of: object = None
        self._fernet: MultiFernet | None = None

    def fernet(self) -> MultiFernet:
        # Imported where it is used: 6 MB, which a home of plain posts never needs.
        from cryptography.fernet import MultiFernet

        # The file's state is asked for each time: another process may have changed the keys.
        now = (*settings.ENCRYPTION_KEYS, settings.SECRET_KEY, path(), _state(path()))
        if self._fernet is None or now != self._of:
            self._fernet = MultiFernet([as_fernet(name) for name in key_names()])
            self._of = now
        return self._fernet


_ring = _Ring()


def fernet() -> MultiFernet:
    """Return what encrypts with the newest key and decrypts with any."""
    return _ring.fernet()


def newest() -> Fernet:
    """Return what encrypts and decrypts with the newest key only."""
    return as_fernet(key_names()[0])


def path() -> Path:
    """Return where the keys lie unless the environment gives them."""
    return Path(settings.DATA_DIR) / FILE_NAME


def key_names() -> list[str]:
    """Return the keys, the newest first, as they stand in the file.

    Raises:
        KeyringError: the file cannot be read.
    """
    if settings.ENCRYPTION_KEYS:
        return list(settings.ENCRYPTION_KEYS)
    try:
        found = path().read_text(encoding="ascii").split()
    except FileNotFoundError:
        return [DERIVED]
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringError(f"the encryption keys cannot be read: {error}") from error
    if not found:
        raise KeyringError(f"{path()} is empty: bring it back from a backup")
    return found


def as_fernet(name: str) -> Fernet:
    """Return a key that `key_names` names.

    Raises:
        KeyringError: it is none.
    """
    from cryptography.fernet import Fernet

    if name == DERIVED:
        digest = hashlib.sha256(b"wattkeep.secrets:" + settings.SECRET_KEY.encode()).digest()
        return Fernet(base64.urlsafe_b64encode(digest))
    try:
        return Fernet(name)
    except ValueError:
        raise KeyringError(
            "an encryption key is not one that `wattkeep secrets new-key` makes"
        ) from None


def write_keys(names: Sequence[str]) -> None:
    """Put the keys in place of those in the file, all at once, on the disk.

    Raises:
        OSError: they could not be written; the old ones stand.
    """
    target = path()
    draft = target.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - the mode must hold from the first byte
            file.write("\n".join(names) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _state(file: Path) -> _State:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

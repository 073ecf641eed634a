"""Gives the installation a new encryption key and takes every stored secret over to it.

Broken off at any point it has lost nothing: the old key goes only when nothing needs it any more,
and to begin again is to go on.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db.models import BinaryField

from wattkeep.monitoring import keyring

if TYPE_CHECKING:
    from collections.abc import Callable

# Columns of ours that hold what `secrets.encrypt` returned are called so, and nothing else is.
NAMES = re.compile(r"signing_key|\w+_encrypted")
# Second factors, where they are installed: within JSON.
OTHERS = (("mfa", "Authenticator", "data"),)
BATCH = 200
# A process that encrypted just before the new key was there has stored it by then.
SETTLE_S = 5.0
# Fernet's first byte is its version, 0x80, and then comes a time of this century.
TOKEN = re.compile(rb"gAAAA[A-Za-z0-9_-]{60,}={0,2}")


class RotationError(Exception):
    """The keys could not be changed; the message says why. Nothing is lost."""


class Rotation(NamedTuple):
    """What a rotation did: secrets moved to the new key, those no key opens, keys dropped."""

    moved: int
    unreadable: int
    dropped: int


def rotate(settle: Callable[[float], None] = time.sleep) -> Rotation:
    """Make a new key, encrypt every stored secret with it, and drop the old ones.

    A server may go on running: it sees the new key before anything is encrypted with it. Where the
    environment gives the keys, the first of them takes the new one's place and none is dropped.

    Raises:
        RotationError: the keys cannot be read or written.
    """
    try:
        if not settings.ENCRYPTION_KEYS:
            _begin()
        moved = _Mover().move_all()
        settle(SETTLE_S)
        second = _Mover()
        moved += second.move_all()
        dropped = 0
        if not settings.ENCRYPTION_KEYS:
            names = keyring.key_names()
            keyring.write_keys(names[:1])
            dropped = len(names) - 1
    except (OSError, keyring.KeyringError) as error:
        raise RotationError(str(error)) from error
    return Rotation(moved, second.unreadable, dropped)


def _begin() -> None:
    """Put a new key before the old one, unless a rotation that was broken off did already."""
    names = keyring.key_names()
    if len(names) == 1:
        keyring.write_keys([Fernet.generate_key().decode(), *names])


def encrypted_columns() -> list[tuple[Any, str]]:
    """Return every column, as its model and name, that holds encrypted secrets."""
    ours = [
        (model, field.name)
        for model in apps.get_app_config("monitoring").get_models()
        for field in model._meta.get_fields()  # noqa: SLF001 - Django's documented name
        if isinstance(field, BinaryField) and NAMES.fullmatch(field.name)
    ]
    others = [
        (apps.get_model(app, name), field) for app, name, field in OTHERS if app in apps.app_configs
    ]
    return ours + others


class _Mover:
    """Goes through every column once and encrypts what it finds with the newest key."""

    def __init__(self) -> None:
        self._ring, self._newest = keyring.fernet(), keyring.newest()
        self.unreadable = 0

    def move_all(self) -> int:
        """Return how many rows were changed."""
        return sum(self._move_column(model, field) for model, field in encrypted_columns())

    def _move_column(self, model: Any, field: str) -> int:
        """Return how many rows of a column were changed.

        A row that somebody changes meanwhile is left as they wrote it; the second pass sees it.
        """
        changed = 0
        rows = rest = model.objects.order_by("pk")
        while batch := list(rest.values_list("pk", field)[:BATCH]):
            for pk, value in batch:
                rest = rows.filter(pk__gt=pk)
                new = self._moved(value)
                if new != value:
                    changed += model.objects.filter(**{"pk": pk, field: value}).update(
                        **{field: new}
                    )
        return changed

    def _moved(self, value: Any) -> Any:
        """Return a column's value with every token in it under the newest key."""
        if isinstance(value, dict):
            return {key: self._moved(one) for key, one in value.items()}
        if isinstance(value, str):
            return TOKEN.sub(self._new_token, value.encode()).decode()
        if isinstance(value, (bytes, memoryview)):
            return TOKEN.sub(self._new_token, bytes(value))
        return value

    def _new_token(self, found: re.Match[bytes]) -> bytes:
        try:
            self._newest.decrypt(found[0])
        except InvalidToken:
            try:
                return self._ring.rotate(found[0])
            except InvalidToken:
                # Of a key that was lost long ago: no key that is dropped here opens it either.
                self.unreadable += 1
        return found[0]

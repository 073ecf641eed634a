"""Which device a key belongs to, without asking the database every time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from django.core import signing
from django.db import DatabaseError, close_old_connections, connection

from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.models import Device, KeyChange
from wattkeep.monitoring.secrets import SecretUnreadableError, decrypt

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

logger = logging.getLogger(__name__)

T = TypeVar("T")

CHANGE_CHECK_S = 1.0
# A database that hangs is taken for one that is away.
ASK_WITHIN_S = 3.0
MOST_KEPT_S = 300.0
MOST_KNOWN = 200_000
MOST_UNKNOWN = 10_000

LOCAL_PREFIX = "local:"
LOCAL_SECONDS = 3600
_LOCAL_SALT = "wattkeep.ingest.local-key"


class KeysUnavailable(Exception):  # noqa: N818 - named for what the caller answers
    """The database could not be asked."""


def local_key(device_id: int) -> str:
    """Return a key good for an hour, which only who can read this installation's secret can make.

    The real key is stored nowhere, so that commands on the server itself post with this one.
    """
    return LOCAL_PREFIX + signing.TimestampSigner(salt=_LOCAL_SALT).sign(str(device_id))


class Identity(NamedTuple):
    """A device as its key or prefix names it; `signing_key` only where it was asked for."""

    device_id: int
    config_version: int
    signed_only: bool
    signing_key: bytes = b""


class _Entry(NamedTuple):
    identity: Identity | None
    until: float


class KeyCache:
    """Key → device, remembered until a device or key changes, five minutes at most.

    Every process notices a change within a second, by one query a second while requests arrive.
    Unknown keys are remembered too, a bounded number of them: guessing costs us no query each.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[bytes, _Entry] = OrderedDict()
        self._unknown: OrderedDict[bytes, _Entry] = OrderedDict()
        self._next_check = 0.0
        self._change = -1
        self._checking = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "wattkeep-keys")

    async def of_key(self, key: str) -> Identity | None:
        """Return the active device that `key` belongs to, or None.

        Raises:
            KeysUnavailable: the database cannot be asked now.
        """
        return await self._look_up(key_hash(key), _identity_of_key, key)

    async def of_prefix(self, prefix: str) -> Identity | None:
        """Return the active device whose key begins with `prefix`, with what it signs with.

        Raises:
            KeysUnavailable: the database cannot be asked now.
        """
        return await self._look_up(b"prefix:" + prefix.encode(), _identity_of_prefix, prefix)

    async def _look_up(
        self, name: bytes, question: Callable[[str], Identity | None], text: str
    ) -> Identity | None:
        if self._clock() >= self._next_check:
            await self._drop_if_changed()
        entry = self._known.get(name) or self._unknown.get(name)
        if entry is None or entry.until <= self._clock():
            identity = await self._ask(question, text)
            entry = _Entry(identity, self._clock() + MOST_KEPT_S)
            self._remember(name, entry)
        return entry.identity

    def _remember(self, digest: bytes, entry: _Entry) -> None:
        self._known.pop(digest, None)
        self._unknown.pop(digest, None)
        cache, most = (
            (self._unknown, MOST_UNKNOWN) if entry.identity is None else (self._known, MOST_KNOWN)
        )
        cache[digest] = entry
        if len(cache) > most:
            cache.popitem(last=False)

    async def _drop_if_changed(self) -> None:
        async with self._checking:
            if self._clock() < self._next_check:
                return
            # Known keys go on through a database that is away for a moment: their readings wait
            # at the writer, which knows best whether it can store them.
            with suppress(KeysUnavailable):
                change = await self._ask(_change_number)
                if change != self._change:
                    self._known.clear()
                    self._unknown.clear()
                    self._change = change
            self._next_check = self._clock() + CHANGE_CHECK_S

    async def _ask(self, question: Callable[..., T], *args: object) -> T:
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._thread, _with_connection, question, *args)
        try:
            return await asyncio.wait_for(answer, ASK_WITHIN_S)
        except TimeoutError:
            raise KeysUnavailable("the database does not answer") from None


def _with_connection(question: Callable[..., T], *args: object) -> T:
    close_old_connections()
    try:
        return question(*args)
    except DatabaseError as error:
        connection.close()
        raise KeysUnavailable(str(error)) from error


def _change_number() -> int:
    return KeyChange.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def _identity_of_key(key: str) -> Identity | None:
    if not key.startswith(LOCAL_PREFIX):
        return _identity(Device.objects.filter(key_hash=key_hash(key)))
    try:
        signed = key.removeprefix(LOCAL_PREFIX)
        device_id = signing.TimestampSigner(salt=_LOCAL_SALT).unsign(signed, max_age=LOCAL_SECONDS)
    except signing.BadSignature:
        return None
    found = _identity(Device.objects.filter(pk=int(device_id)))
    return found and found._replace(signed_only=False)


def _identity_of_prefix(prefix: str) -> Identity | None:
    found = Device.objects.filter(key_prefix=prefix)
    identity = _identity(found)
    stored = found.values_list("signing_key", flat=True).first()
    if identity is None or not stored:
        return None
    try:
        return identity._replace(signing_key=decrypt(stored))
    except SecretUnreadableError as error:
        logger.error("device %s: %s", identity.device_id, error)  # noqa: TRY400 - the message is the fault
        return None


def _identity(devices: QuerySet[Device]) -> Identity | None:
    row = devices.filter(is_active=True).values_list("pk", "config_version", "signed_only").first()
    return Identity(*row) if row else None

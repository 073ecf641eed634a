"""Which device a key belongs to, without asking the database every time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from django.core import signing
from django.db import DatabaseError, close_old_connections, connection

from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.models import Device, KeyChange

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CHANGE_CHECK_S = 1.0
MOST_KEPT_S = 60.0
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


class _Entry(NamedTuple):
    device_id: int | None
    until: float


class KeyCache:
    """Key → device, remembered until a device or key changes or a minute has passed.

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

    async def device_of(self, key: str) -> int | None:
        """Return the id of the active device that `key` belongs to, or None.

        Raises:
            KeysUnavailable: the database cannot be asked now.
        """
        if self._clock() >= self._next_check:
            await self._drop_if_changed()
        digest = key_hash(key)
        entry = self._known.get(digest) or self._unknown.get(digest)
        if entry is None or entry.until <= self._clock():
            device_id = await self._ask(_device_id, key)
            entry = _Entry(device_id, self._clock() + MOST_KEPT_S)
            self._remember(digest, entry)
        return entry.device_id

    def _remember(self, digest: bytes, entry: _Entry) -> None:
        self._known.pop(digest, None)
        self._unknown.pop(digest, None)
        cache, most = (
            (self._unknown, MOST_UNKNOWN)
            if entry.device_id is None
            else (self._known, MOST_KNOWN)
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
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, _with_connection, question, *args
        )


def _with_connection(question: Callable[..., T], *args: object) -> T:
    close_old_connections()
    try:
        return question(*args)
    except DatabaseError as error:
        connection.close()
        raise KeysUnavailable(str(error)) from error


def _change_number() -> int:
    return KeyChange.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def _device_id(key: str) -> int | None:
    if key.startswith(LOCAL_PREFIX):
        try:
            signed = key.removeprefix(LOCAL_PREFIX)
            text = signing.TimestampSigner(salt=_LOCAL_SALT).unsign(signed, max_age=LOCAL_SECONDS)
        except signing.BadSignature:
            return None
        found = Device.objects.filter(pk=int(text), is_active=True)
    else:
        found = Device.objects.filter(key_hash=key_hash(key), is_active=True)
    return found.values_list("pk", flat=True).first()

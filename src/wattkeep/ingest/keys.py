"""Which device a key belongs to, without asking the database every time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.core import signing
from django.db import Error, connection
from django.utils import timezone

from wattkeep.domain.keys import key_hash, signing_key
from wattkeep.monitoring.models import Device, KeyChange, OldKey
from wattkeep.monitoring.secrets import SecretUnreadableError, decrypt

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

logger = logging.getLogger(__name__)

T = TypeVar("T")

CHANGE_CHECK_S = 1.0
# A database that hangs is taken for one that is away.
ASK_WITHIN_S = 3.0
MOST_KEPT_S = 300.0
MOST_KNOWN = 200_000
MOST_UNKNOWN = 10_000
MOST_A_QUERY = 500
MOST_PREFIX_LETTERS = 16
COLUMNS = {"hash": "key_hash", "prefix": "key_prefix", "id": "pk"}

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
    """A device as its key or prefix names it; `signing_key` only where it was asked for.

    `left_s` is how long that key is still good, if it was replaced.
    """

    device_id: int
    config_version: int
    signed_only: bool
    signing_key: bytes = b""
    left_s: float = inf


class _Entry(NamedTuple):
    identity: Identity | None
    until: float


class _Name(NamedTuple):
    """What a device is asked for by: a key's hash, a key's prefix, or its id in a local key."""

    kind: str
    value: bytes | str | int


class KeyCache:
    """Key → device, remembered until a device or key changes, five minutes at most.

    Every process notices a change within a second, by one query a second while requests arrive;
    nobody waits for that one. Keys that are not known are looked up together, one query for all
    that wait. Unknown ones are remembered too, a bounded number of them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[_Name, _Entry] = OrderedDict()
        self._unknown: OrderedDict[_Name, _Entry] = OrderedDict()
        # What was known before a change: no guess, if it is asked for again.
        self._once_known: dict[_Name, None] = {}
        self._waiting: dict[_Name, asyncio.Future[Identity | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_looking = False
        self._next_check = 0.0
        self._must_wait: asyncio.Task[None] | None = None
        self._change = -1
        self._thread = ThreadPoolExecutor(1, "wattkeep-keys")

    async def of_key(self, key: str) -> Identity | None:
        """Return the active device that `key` belongs to, or None.

        Raises:
            KeysUnavailable: the database cannot be asked now.
        """
        if not key.startswith(LOCAL_PREFIX):
            return await self._look_up(_Name("hash", key_hash(key)))
        if (device_id := _device_of_local_key(key)) is None:
            return None
        found = await self._look_up(_Name("id", device_id))
        return found and found._replace(signed_only=False)

    def is_strange(self, *, key: str = "", prefix: str = "") -> bool:
        """Tell whether this key, or prefix, has not been judged before."""
        name = _Name("prefix", prefix) if prefix else _Name("hash", key_hash(key))
        return not (name in self._known or name in self._once_known or name in self._unknown)

    def known(self, hash_of_key: bytes) -> Identity | None:
        """Return the device that a key of this hash belongs to, if nobody has to be asked.

        None means nothing: `of_key` finds out.
        """
        now = self._clock()
        if now >= self._next_check or (self._must_wait and not self._must_wait.done()):
            return None
        entry = self._known.get(_Name("hash", hash_of_key))
        return entry.identity if entry is not None and entry.until > now else None

    async def of_prefix(self, prefix: str) -> Identity | None:
        """Return the active device whose key begins with `prefix`, with what it signs with.

        Raises:
            KeysUnavailable: the database cannot be asked now.
        """
        if len(prefix) > MOST_PREFIX_LETTERS:
            return None
        return await self._look_up(_Name("prefix", prefix))

    async def ask_database(self) -> None:
        """Return if the database answers.

        Raises:
            KeysUnavailable: it does not.
        """
        await self._ask(_change_number)

    def look_now(self) -> None:
        """Look at once whether a device or key has changed: somebody says so."""
        self._start(self._drop_if_changed())

    async def _look_up(self, name: _Name) -> Identity | None:
        now = self._clock()
        if now >= self._next_check:
            is_long_ago = now >= self._next_check + CHANGE_CHECK_S
            self._next_check = now + CHANGE_CHECK_S
            check = self._start(self._drop_if_changed())
            if is_long_ago:
                self._must_wait = check
        if self._must_wait is not None and not self._must_wait.done():
            # After a quiet time nobody is judged by what was true before it.
            await asyncio.shield(self._must_wait)
        entry = self._known.get(name) or self._unknown.get(name)
        if entry is not None and entry.until > now:
            return entry.identity
        future = self._waiting.get(name)
        if future is None:
            future = self._waiting[name] = asyncio.get_running_loop().create_future()
        if not self._is_looking:
            self._is_looking = True
            self._start(self._look_up_waiting())
        # Shielded: others may wait for the same key when this client goes away.
        return await asyncio.shield(future)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look_up_waiting(self) -> None:
        try:
            while self._waiting:
                group = dict(islice(self._waiting.items(), MOST_A_QUERY))
                for name in group:
                    del self._waiting[name]
                try:
                    found = await self._ask(_identities, list(group))
                except KeysUnavailable as error:
                    _fail(group.values(), error)
                    continue
                except BaseException as error:
                    # A fault of ours, or the end of the loop: nobody may wait for it for ever.
                    _fail(group.values(), KeysUnavailable("the key could not be looked up"))
                    if not isinstance(error, Exception):
                        raise
                    logger.exception("keys could not be looked up")
                    continue
                for name, future in group.items():
                    self._remember(name, found.get(name))
                    if not future.done():
                        future.set_result(found.get(name))
        finally:
            self._is_looking = False

    def _remember(self, name: _Name, identity: Identity | None) -> None:
        cache, most = (
            (self._unknown, MOST_UNKNOWN) if identity is None else (self._known, MOST_KNOWN)
        )
        cache.pop(name, None)
        kept_s = MOST_KEPT_S if identity is None else min(MOST_KEPT_S, identity.left_s)
        cache[name] = _Entry(identity, self._clock() + kept_s)
        if len(cache) > most:
            cache.popitem(last=False)

    async def _drop_if_changed(self) -> None:
        # Known keys go on through a database that is away for a moment: their readings wait at
        # the writer, which knows best whether it can store them.
        with suppress(KeysUnavailable):
            change = await self._ask(_change_number)
            if change != self._change:
                self._forget()
                self._change = change

    def _forget(self) -> None:
        if len(self._once_known) > MOST_KNOWN:
            self._once_known.clear()
        self._once_known |= dict.fromkeys(self._known)
        self._known.clear()
        self._unknown.clear()

    async def _ask(self, question: Callable[..., T], *args: object) -> T:
        # One thread for everything: what was looked up before a change was noticed is remembered
        # before that change clears it.
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._thread, _with_connection, question, *args)
        try:
            return await asyncio.wait_for(answer, ASK_WITHIN_S)
        except TimeoutError:
            raise KeysUnavailable("the database does not answer") from None


def identify(*, key: str = "", prefix: str = "") -> Identity | None:
    """Return the active device of a key or prefix, with what it signs with; asks the database.

    For the few requests that are no readings. Local keys name no board.

    Raises:
        KeysUnavailable: the database cannot be asked now.
    """
    if prefix and len(prefix) > MOST_PREFIX_LETTERS:
        return None
    name = _Name("prefix", prefix) if prefix else _Name("hash", key_hash(key))
    found = _with_connection(_identities, [name]).get(name)
    return found._replace(signing_key=signing_key(key)) if found and not prefix else found


def _fail(futures: Iterable[asyncio.Future[Identity | None]], error: KeysUnavailable) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            future.exception()  # seen: the client that asked may have gone


def _with_connection(question: Callable[..., T], *args: object) -> T:
    try:
        try:
            return question(*args)
        except Error:
            # The connection may be one that the server has closed since: a new one decides.
            connection.close()
            return question(*args)
    except Error as error:
        connection.close()
        raise KeysUnavailable(str(error)) from error


def _change_number() -> int:
    return KeyChange.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def _device_of_local_key(key: str) -> int | None:
    try:
        signed = key.removeprefix(LOCAL_PREFIX)
        return int(signing.TimestampSigner(salt=_LOCAL_SALT).unsign(signed, max_age=LOCAL_SECONDS))
    except signing.BadSignature:
        return None


def _identities(names: list[_Name]) -> dict[_Name, Identity]:
    """Return the active devices of these names: two queries a kind, one where all are found."""
    found: dict[_Name, Identity] = {}
    for kind, column in COLUMNS.items():
        values = [name.value for name in names if name.kind == kind]
        if not values:
            continue
        devices = Device.objects.filter(is_active=True, **{f"{column}__in": values})
        rows = devices.values_list(column, "pk", "config_version", "signed_only", "signing_key")
        found |= _identities_of(kind, ((*row, inf) for row in rows))
        missing = [value for value in values if _Name(kind, value) not in found]
        if missing and kind != "id":
            found |= _identities_of(kind, _old_keys(column, missing))
    return found


def _old_keys(column: str, values: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Return rows of the replaced keys among these that are still good."""
    now = timezone.now()
    old = OldKey.objects.filter(
        device__is_active=True, good_until__gt=now, **{f"{column}__in": values}
    )
    of_device = ("device_id", "device__config_version", "device__signed_only")
    for *row, good_until in old.values_list(column, *of_device, "signing_key", "good_until"):
        yield (*row, (good_until - now).total_seconds())


def _identities_of(kind: str, rows: Iterable[tuple[Any, ...]]) -> dict[_Name, Identity]:
    found = {}
    for value, device_id, config_version, signed_only, stored, left_s in rows:
        secret = b""
        if kind == "prefix" and not (secret := _readable(device_id, stored)):
            continue
        name = _Name(kind, bytes(value) if kind == "hash" else value)
        found[name] = Identity(device_id, config_version, signed_only, secret, left_s)
    return found


def _readable(device_id: int, stored: bytes | memoryview) -> bytes:
    """Return what a device signs with; nothing, and a line in the log, if it cannot be read."""
    try:
        return decrypt(stored) if stored else b""
    except SecretUnreadableError as error:
        logger.error("device %s: %s", device_id, error)  # noqa: TRY400 - the message is the fault
        return b""

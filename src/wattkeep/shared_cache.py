"""Django's cache in Redis, with one in the process that stands in while Redis is away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from wattkeep.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

logger = logging.getLogger(__name__)


class SharedCache(BaseCache):
    """What is kept is nothing but a saving: without Redis each process keeps its own.

    Nobody waits longer than one timeout of Redis; after it the stand-in answers for a while.
    """

    _breaker = Breaker()

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._redis = RedisCache(server, params)
        alone = {name: value for name, value in params.items() if name != "OPTIONS"}
        self._own = LocMemCache("shared-cache", alone)

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return bool(self._ask(lambda cache: cache.add(key, value, timeout, version)))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._ask(lambda cache: cache.get(key, default, version))

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self._ask(lambda cache: cache.set(key, value, timeout, version))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._ask(lambda cache: cache.touch(key, timeout, version)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._ask(lambda cache: cache.delete(key, version)))

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        keys = list(keys)
        found: dict[Any, Any] = self._ask(lambda cache: cache.get_many(keys, version))
        return found

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return bool(self._ask(lambda cache: cache.has_key(key, version)))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return int(self._ask(lambda cache: cache.incr(key, delta, version)))

    def set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        failed: list[Any] = self._ask(lambda cache: cache.set_many(data, timeout, version))
        return failed

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        keys = list(keys)
        self._ask(lambda cache: cache.delete_many(keys, version))

    def clear(self) -> None:
        """Forget what this installation keeps, and nothing else that is in the same Redis."""
        prefix = self._redis.make_key("")
        self._ask(lambda cache: _forget(cache, prefix))

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        if self._breaker.may_ask():
            try:
                answer = question(self._redis)
            except (RedisError, OSError) as error:
                if self._breaker.fail():
                    logger.warning("Redis is away, each process caches for itself: %s", error)
            else:
                if self._breaker.succeed():
                    # What was kept here meanwhile others may have changed since.
                    self._own.clear()
                    logger.warning("Redis is back")
                return answer
        return question(self._own)


def _forget(cache: Any, prefix: str) -> None:
    if isinstance(cache, LocMemCache):
        cache.clear()
        return
    # Django's own way empties the whole database, with the queue of tasks that is in it.
    servers: Any = cache._cache  # noqa: SLF001 - no other way to it
    client = servers.get_client(None, write=True)
    for key in client.scan_iter(f"{prefix}*", count=1000):
        client.delete(key)

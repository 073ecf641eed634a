"""The cache in Redis, and what stands in while that is away."""

import pytest

from wattkeep.breaker import Breaker

pytest.importorskip("redis", reason="no wattkeep[scaled] here")

from wattkeep.shared_cache import SharedCache


def cache_at(url, prefix="wattkeep-0"):
    options = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25}
    return SharedCache(url, {"KEY_PREFIX": prefix, "OPTIONS": options})


@pytest.fixture(autouse=True)
def _without_a_rest(monkeypatch):
    monkeypatch.setattr(SharedCache, "_breaker", Breaker(0.0))


def everything(cache):
    """Use all there is; return what came of it."""
    cache.clear()
    cache.set("a", 1)
    cache.set_many({"b": [2], "c": {"x": None}}, 60)
    return [
        cache.get("a"),
        cache.incr("a", 5),
        cache.decr("a"),
        cache.add("a", 9),
        cache.add("d", 4),
        cache.get_many(["a", "b", "c", "none"]),
        cache.has_key("b"),
        "c" in cache,
        cache.touch("b", 60),
        cache.touch("none"),
        cache.delete("b"),
        cache.delete_many(["c"]),
        cache.get("c", "gone"),
        cache.get_or_set("e", lambda: 7),
    ]


EXPECTED = [1, 6, 5, False, True, {"a": 5, "b": [2], "c": {"x": None}}, True, True, True, False,
            True, None, "gone", 7]  # fmt: skip


def test_two_processes_see_the_same(valkey):
    one, other = cache_at(valkey.url), cache_at(valkey.url)

    assert everything(one) == EXPECTED
    assert (other.get("a"), other.incr("a"), one.get("a")) == (5, 6, 6)
    with pytest.raises(ValueError, match="not found"):
        one.incr("none")


def test_clearing_leaves_the_queue_of_tasks_and_others_alone(valkey):
    cache, others = cache_at(valkey.url), cache_at(valkey.url, "wattkeep-1")
    cache.set("a", 1)
    others.set("a", 2)
    valkey.ask("LPUSH", "wattkeep-0-quick", "message")

    cache.clear()

    assert (cache.get("a"), others.get("a")) == (None, 2)
    assert valkey.ask("LLEN", "wattkeep-0-quick") == b":1\r\n"


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_while_redis_is_away_each_process_keeps_its_own_and_then_shares_again(valkey, how, caplog):
    one, other = cache_at(valkey.url), cache_at(valkey.url)
    one.set("a", 1)

    (valkey.kill if how == "killed" else valkey.freeze)()
    assert one.get("a") is None
    assert everything(one) == EXPECTED
    if how == "killed":
        valkey.start()
    else:
        valkey.thaw()

    # It had no time to forget, or was empty after its start; either way it is asked again.
    other.set("a", 3)
    assert one.get("a") == 3
    # Nothing that stood in comes up again at the next failure.
    valkey.kill()
    assert one.get("a") is None
    told = [record.message.partition(",")[0] for record in caplog.records]
    assert told == ["Redis is away", "Redis is back", "Redis is away"]

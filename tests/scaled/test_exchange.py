"""What server processes tell each other, and that nobody waits for it."""

import asyncio
import logging

import pytest

from wattkeep import exchange as exchange_module
from wattkeep.domain.readings import Reading
from wattkeep.exchange import Exchange, announce
from wattkeep.ingest.limits import RateLimit, share_limits
from wattkeep.live.fanout import Fanout
from wattkeep.live.hub import Hub

PATIENCE_S = 60
NOW_MS = 1_790_000_000_000
VALUES = (230.0, 1.0, 230.0, 1.5, 50.0, 1.0)


def layer_at(url):
    layers = pytest.importorskip("channels_redis.pubsub", reason="no wattkeep[scaled] here")
    host = {"address": url, "socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    return layers.RedisPubSubChannelLayer(hosts=[host], prefix="test")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(exchange_module, "BEAT_S", 0.05)
    monkeypatch.setattr(exchange_module, "LISTEN_AGAIN_S", 0.05)
    monkeypatch.setattr(exchange_module, "SILENT_S", 1.0)


async def until(happened):
    async with asyncio.timeout(PATIENCE_S):
        while not happened():  # noqa: ASYNC110 - other people's events
            await asyncio.sleep(0.01)


def among(url, count, scene):
    """Run a scene among exchanges that stand."""

    async def play():
        exchanges = [Exchange(layer_at(url)) for _ in range(count)]
        for one in exchanges:
            one.start()
        try:
            await until(lambda: all(one.is_up for one in exchanges))
            return await scene(*exchanges)
        finally:
            for one in exchanges:
                await one.stop()

    return asyncio.run(play())


def test_without_a_layer_nothing_is_said_and_nobody_waits():
    async def scene():
        alone = Exchange()
        alone.start()
        alone.tell("keys", None)
        await alone.stop()
        return alone.exists, alone.is_up

    assert asyncio.run(scene()) == (False, False)
    announce("keys")


def test_everybody_hears_what_one_says(valkey, quick):
    heard = []

    async def scene(one, other):
        for who in (one, other):
            who.on("word", lambda name, what: heard.append((name, what)))
        one.tell("word", [1, 2.5, None, "x"])
        await until(lambda: len(heard) == 2)
        return one.name

    name = among(valkey.url, 2, scene)

    assert heard == [(name, [1, 2.5, None, "x"])] * 2


def test_what_is_not_understood_ends_nothing(valkey, quick, caplog):
    heard = []

    def hear(_name, what):
        heard.append(what["number"])

    async def scene(one):
        one.on("word", hear)
        one.tell("word", "from another version")
        one.tell("nobody listens", 1)
        one.tell("word", {"number": 7})
        await until(lambda: heard)

    among(valkey.url, 1, scene)

    assert heard == [7]
    assert "not understood: word" in caplog.messages


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_line_that_is_cut_is_noticed_and_comes_back(valkey, quick, how, caplog):
    caplog.set_level(logging.INFO, "wattkeep.exchange")
    heard = []

    async def scene(one, other):
        other.on("word", lambda _name, what: heard.append(what))
        await asyncio.to_thread(valkey.kill if how == "killed" else valkey.freeze)
        for number in range(5000):
            one.tell("word", number)
        await until(lambda: not (one.is_up or other.is_up))
        silent = one.silent_s
        await asyncio.to_thread(valkey.start if how == "killed" else valkey.thaw)
        await until(lambda: one.is_up and other.is_up)
        heard.clear()
        one.tell("word", "again")
        await until(lambda: "again" in heard)
        return silent, one.silent_s

    silent, silent_then = among(valkey.url, 2, scene)

    assert silent > silent_then
    assert sum("Redis is away" in message for message in caplog.messages) == 2


def test_a_change_of_keys_is_announced_from_any_thread(valkey, quick, monkeypatch):
    heard = []
    monkeypatch.setattr(exchange_module, "get_channel_layer", lambda: layer_at(valkey.url))
    monkeypatch.setattr(exchange_module, "_breaker", exchange_module.Breaker(0.0))

    async def scene(one):
        one.on("keys", lambda name, what: heard.append((name, what)))
        await asyncio.to_thread(announce, "keys")
        await until(lambda: heard)
        await asyncio.to_thread(valkey.kill)
        await asyncio.to_thread(announce, "keys")

    among(valkey.url, 1, scene)

    assert heard == [("", None)]


def reading(device_id, second):
    return Reading(device_id, NOW_MS + 1000 * second, *VALUES)


def test_readings_reach_pages_of_the_other_process_and_only_those(valkey, quick):
    async def scene(one, other):
        hubs = Hub(), Hub()
        here, there = Fanout(hubs[0], one), Fanout(hubs[1], other)
        watcher = hubs[1].open([7])
        await until(lambda: here._wanted == {7})
        there.publish([reading(7, 0)])
        own = await watcher.next(PATIENCE_S)
        here.publish([reading(8, 1), reading(7, 2), reading(7, 1)])
        from_there = await watcher.next(PATIENCE_S)
        hubs[1].close(watcher)
        await until(lambda: not here._wanted)
        return own["reading"], from_there["reading"]

    own, from_there = among(valkey.url, 2, scene)

    assert (own, from_there) == (reading(7, 0), reading(7, 2))


def test_a_process_that_died_is_watched_for_no_longer(valkey, quick):
    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    clock = Clock()

    async def scene(one, other):
        here = Fanout(Hub(), one, clock)
        there = Hub()
        Fanout(there, other)
        there.open([7])
        await until(lambda: here._wanted == {7})
        await other.stop()
        clock.now += 60
        await until(lambda: not here._wanted)

    among(valkey.url, 2, scene)


def test_processes_allow_a_device_together_what_one_would(valkey, quick):
    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    async def scene(one, other):
        clock = Clock()
        limits = RateLimit(1.0, 100, clock), RateLimit(1.0, 100, clock)
        for limit, exchange in zip(limits, (one, other), strict=True):
            share_limits(limit, exchange)
            limit.take_spent()
        taken = sum(limits[0].wait_s(5) == 0 for _ in range(60))
        limits[0].charge(5, 20)
        await until(lambda: 5 in limits[1]._buckets)
        return taken, sum(limits[1].wait_s(5) == 0 for _ in range(60))

    assert among(valkey.url, 2, scene) == (60, 20)

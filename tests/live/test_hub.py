import asyncio

from wattkeep.domain.readings import Reading
from wattkeep.live.hub import Hub


def reading(device_id, at_ms, power=100.0):
    return Reading(device_id, at_ms, 230.0, 0.5, power, 1.0, 50.0, 0.9)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def taken(watcher):
    """Return what waits to be sent now."""
    messages = []
    while True:
        try:
            messages.append(await asyncio.wait_for(watcher.next(60), 0.01))
        except TimeoutError:
            return messages


def shown(messages):
    return [(m["reading"].device_id, m["reading"].timestamp_ms) for m in messages]


def test_all_that_waits_can_be_taken_at_once():
    async def scene():
        clock = Clock()
        hub = Hub(clock)
        watcher = hub.open([1, 2, 3])
        hub.publish([reading(1, 10), reading(2, 20)])
        watcher.tell("status", 3, None, {"type": "status"})
        first = [await watcher.next(1), *watcher.waiting()]
        hub.publish([reading(1, 11), reading(3, 30)])
        # The first device was shown a moment ago.
        soon = watcher.waiting()
        clock.now = 1.0
        return first, shown(soon), shown(watcher.waiting())

    first, soon, later = asyncio.run(scene())

    assert [one["type"] for one in first] == ["status", "reading", "reading"]
    assert (soon, later) == ([(3, 30)], [(1, 11)])


def test_a_watcher_gets_its_devices_readings_and_no_others():
    async def scene():
        hub = Hub(Clock())
        watcher = hub.open([1, 2])
        hub.publish([reading(1, 10), reading(2, 20), reading(3, 30)])
        return shown(await taken(watcher))

    assert asyncio.run(scene()) == [(1, 10), (2, 20)]


def test_a_fast_device_is_shown_once_a_second_with_its_newest_reading():
    async def scene():
        clock = Clock()
        hub = Hub(clock)
        watcher = hub.open([1])
        hub.publish([reading(1, 10)])
        first = await taken(watcher)
        hub.publish([reading(1, 20), reading(1, 30)])
        too_early = await taken(watcher)
        clock.now = 1.0
        return shown(first), shown(too_early), shown(await taken(watcher))

    assert asyncio.run(scene()) == ([(1, 10)], [], [(1, 30)])


def test_a_backlog_is_no_live_value():
    async def scene():
        clock = Clock()
        hub = Hub(clock)
        watcher = hub.open([1])
        hub.publish([reading(1, 100)])
        await taken(watcher)
        clock.now = 5.0
        hub.publish([reading(1, 50), reading(1, 100)])
        return shown(await taken(watcher))

    assert asyncio.run(scene()) == []


def test_other_messages_of_one_kind_replace_each_other():
    async def scene():
        watcher = Hub(Clock()).open([1])
        watcher.tell("status", 1, None, {"type": "status", "status": "online"})
        watcher.tell("status", 1, None, {"type": "status", "status": "offline"})
        watcher.tell("alert", 1, 7, {"type": "alert", "id": 7})
        watcher.tell("alert", 1, 8, {"type": "alert", "id": 8})
        return await taken(watcher)

    assert asyncio.run(scene()) == [
        {"type": "status", "status": "offline"},
        {"type": "alert", "id": 7},
        {"type": "alert", "id": 8},
    ]


def test_a_closed_watcher_costs_nothing_any_more():
    hub = Hub(Clock())
    watchers = [hub.open([1, 2]), hub.open([2])]
    assert hub.is_full(2)

    hub.close(watchers[0])

    assert hub.watched() == [2]
    assert not hub.is_full(2)
    hub.close(watchers[1])
    assert hub.watched() == []


def test_a_watcher_that_hears_nothing_is_told_so():
    async def scene():
        return await Hub().open([1]).next(0.01)

    assert asyncio.run(scene()) is None

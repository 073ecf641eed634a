"""Bodies on their way: who is slow, or many, or large, is told so and holds nothing."""

import asyncio

import pytest

from wattkeep.bodies import MOST_HELD_BYTES, MOST_OF_ONE_ADDRESS, Bodies
from wattkeep.ingest.batches import Refused
from wattkeep.ingest.endpoint import MOST_BYTES


def scope(address="203.0.113.9", length=b"100"):
    return {"client": (address, 1), "headers": [(b"content-length", length)]}


async def never():
    await asyncio.Event().wait()


def sends(*pieces, then=never):
    waiting = list(pieces)

    async def receive():
        if not waiting:
            return await then()
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting) or then is never}

    return receive


async def end():
    return {"type": "http.request", "body": b"", "more_body": False}


def test_a_body_comes_whole():
    read = Bodies().read(scope(), sends(b"ab", b"cd", then=end))

    assert asyncio.run(read) == b"abcd"


def test_a_body_that_does_not_end_is_given_up():
    async def scene():
        bodies = Bodies(within_s=0.05)
        with pytest.raises(Refused) as refused:
            await bodies.read(scope(), sends(b"a"))
        return refused.value.status, bodies._held_bytes, dict(bodies._arriving)

    assert asyncio.run(scene()) == (408, 0, {})


def test_one_address_has_so_many_under_way_and_others_theirs():
    async def scene():
        bodies = Bodies()
        slow = [
            asyncio.create_task(bodies.read(scope(), sends(b"a")))
            for _ in range(MOST_OF_ONE_ADDRESS)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await bodies.read(scope(), sends(b"a", then=end))
        other = await bodies.read(scope("203.0.113.10"), sends(b"a", then=end))
        without = await bodies.read(scope(length=b"0"), end)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return refused.value.status, other, without, dict(bodies._arriving)

    assert asyncio.run(scene()) == (429, b"a", b"", {})


def test_all_together_hold_no_more_than_there_is_room_for():
    async def scene():
        bodies = Bodies()
        piece = bytes(MOST_BYTES - 1)
        slow = [
            asyncio.create_task(bodies.read(scope(f"203.0.113.{n}"), sends(piece)))
            for n in range(MOST_HELD_BYTES // len(piece))
        ]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await bodies.read(scope(), sends(piece, then=end))
        small = await bodies.read(scope(), sends(b"a", then=end))
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return refused.value.status, small, bodies._held_bytes

    assert asyncio.run(scene()) == (503, b"a", 0)

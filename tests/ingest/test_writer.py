"""Group commit: what waits is committed together, answered after it, and never lost in between."""

import asyncio
import threading

import pytest

from wattkeep.domain.readings import Reading
from wattkeep.ingest.batches import Batch, Stored
from wattkeep.ingest.stores import Store, StoreUnavailable
from wattkeep.ingest.writer import MOST_WAITING_READINGS, Writer

NOW_MS = 1_800_000_000_000


class Disk(Store):
    """A store that remembers its commits and can be held, or made to fail."""

    def __init__(self):
        self.commits = []
        self.failure = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.is_closed = False
        self.started = 0

    def commit(self, batches, contacts):
        self.started += 1
        assert self.go_on.wait(30)
        if self.failure:
            raise self.failure
        self.commits.append((list(batches), list(contacts)))
        return [
            Stored(batch.readings, 0, batch.readings[-1].timestamp_ms)
            if batch.readings[0].power < 9000
            else StoreUnavailable("this one alone")
            for batch in batches
        ]

    def close(self):
        self.is_closed = True

    _insert = _lock_boots = _save_boots = _note_contacts = _silence_before = _save_events = None
    _save_marks = None


def batch(device_id=1, at_ms=NOW_MS, power=1.0, stamped=True, count=1):
    readings = [
        Reading(device_id, at_ms + index, 230.0, 1.0, power, 1.0, 50.0, 1.0)
        for index in range(count)
    ]
    return Batch(device_id, readings, [stamped] * count)


async def until(condition):
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen")


def test_what_arrives_during_a_commit_goes_into_the_next_one_together():
    async def scenario():
        disk = Disk()
        writer = Writer(disk)
        disk.go_on.clear()
        first = asyncio.ensure_future(writer.write(batch(1), NOW_MS))
        await until(lambda: disk.started)
        others = [asyncio.ensure_future(writer.write(batch(n), NOW_MS)) for n in range(2, 12)]
        await asyncio.sleep(0)
        assert not first.done()
        disk.go_on.set()
        await asyncio.gather(first, *others)
        await writer.drain()
        return disk

    disk = asyncio.run(scenario())

    assert [len(batches) for batches, _ in disk.commits] == [1, 10]
    assert disk.is_closed


def test_arrivals_in_one_millisecond_get_instants_of_their_own():
    async def scenario():
        writer = Writer(Disk())
        return await asyncio.gather(*(writer.write(batch(), NOW_MS) for _ in range(3)))

    assert [stored.reading_id for stored in asyncio.run(scenario())] == [
        NOW_MS,
        NOW_MS + 1,
        NOW_MS + 2,
    ]


def test_a_clock_set_back_stamps_by_the_new_time():
    async def scenario():
        writer = Writer(Disk())
        await writer.write(batch(at_ms=NOW_MS), NOW_MS)
        earlier = NOW_MS - 3_600_000
        return await writer.write(batch(at_ms=earlier), earlier)

    assert asyncio.run(scenario()).reading_id == NOW_MS - 3_600_000


def test_times_the_sender_told_are_not_moved():
    async def scenario():
        writer = Writer(Disk())
        both = [writer.write(batch(stamped=False), NOW_MS) for _ in range(2)]
        return await asyncio.gather(*both)

    assert {stored.reading_id for stored in asyncio.run(scenario())} == {NOW_MS}


@pytest.mark.parametrize("failure", [StoreUnavailable("disk full"), RuntimeError("a bug")])
def test_a_failed_commit_answers_everybody_and_the_next_one_works(failure):
    async def scenario():
        disk = Disk()
        writer = Writer(disk)
        disk.failure = failure
        results = await asyncio.gather(
            *(writer.write(batch(n), NOW_MS) for n in (1, 2)), return_exceptions=True
        )
        disk.failure = None
        again = await writer.write(batch(1, at_ms=NOW_MS + 5), NOW_MS + 5)
        return results, again, disk

    results, again, disk = asyncio.run(scenario())

    assert [type(result) for result in results] == [StoreUnavailable] * 2
    assert again.reading_id == NOW_MS + 5
    # The contact that went with the failed commit is written with the next.
    assert disk.commits[-1][1] == [(1, NOW_MS + 5)]


def test_one_batch_may_fail_alone():
    async def scenario():
        writer = Writer(Disk())
        return await asyncio.gather(
            writer.write(batch(1), NOW_MS),
            writer.write(batch(2, power=9999.0), NOW_MS),
            return_exceptions=True,
        )

    good, bad = asyncio.run(scenario())

    assert good.reading_id == NOW_MS
    assert isinstance(bad, StoreUnavailable)


def test_too_much_waiting_is_refused_at_once_and_taken_again_later():
    async def scenario():
        disk = Disk()
        writer = Writer(disk)
        disk.go_on.clear()
        waiting = [asyncio.ensure_future(writer.write(batch(0), NOW_MS))]
        await until(lambda: disk.started)
        chunk = 10_000
        waiting += [
            asyncio.ensure_future(writer.write(batch(n, stamped=False, count=chunk), NOW_MS))
            for n in range(1, MOST_WAITING_READINGS // chunk + 1)
        ]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await writer.write(batch(99), NOW_MS)
        disk.go_on.set()
        await asyncio.gather(*waiting)
        return await writer.write(batch(99), NOW_MS)

    assert asyncio.run(scenario()).reading_id == NOW_MS


def test_contacts_are_written_every_ten_seconds_only():
    async def scenario():
        disk = Disk()
        writer = Writer(disk)
        for second in range(25):
            await writer.write(batch(at_ms=NOW_MS + second * 1000), NOW_MS + second * 1000)
        writer.note_contact(2, NOW_MS)
        await writer.drain()
        return [contact for _, contacts in disk.commits for contact in contacts]

    assert asyncio.run(scenario()) == [
        (1, NOW_MS),
        (1, NOW_MS + 10_000),
        (1, NOW_MS + 20_000),
        (2, NOW_MS),
    ]


def test_what_follows_a_commit_may_fail_without_failing_it():
    seen = []

    def follow(readings):
        seen.append(list(readings))
        raise ValueError("alerts are broken")

    async def scenario():
        writer = Writer(Disk(), after_commit=follow)
        return await writer.write(batch(), NOW_MS)

    assert asyncio.run(scenario()).reading_id == NOW_MS
    assert seen == [batch().readings]


def test_a_client_that_went_away_disturbs_nobody():
    async def scenario():
        disk = Disk()
        writer = Writer(disk)
        disk.go_on.clear()
        gone = asyncio.ensure_future(writer.write(batch(1), NOW_MS))
        stays = asyncio.ensure_future(writer.write(batch(2), NOW_MS))
        await asyncio.sleep(0.02)
        gone.cancel()
        disk.go_on.set()
        return await stays

    assert asyncio.run(scenario()).reading_id == NOW_MS


def arriving(device_id=1, at_ms=NOW_MS, power=1.0):
    return batch(device_id, at_ms, power).readings[0]


def test_arriving_readings_are_answered_after_the_commit_they_share():
    async def scenario():
        disk = Disk()
        alerts = []
        writer = Writer(disk, alerts.append)
        disk.go_on.clear()
        told = []
        general = asyncio.ensure_future(writer.write(batch(3), NOW_MS))
        for device_id in (1, 1, 2):
            writer.write_arriving(arriving(device_id), NOW_MS, told.append)
        await until(lambda: disk.started)
        assert told == []
        disk.go_on.set()
        await general
        await writer.drain()
        return disk, told, alerts

    disk, told, alerts = asyncio.run(scenario())

    instants = [(1, NOW_MS), (1, NOW_MS + 1), (2, NOW_MS)]
    assert [one[:2] for one in told] == instants
    assert [one[:2] for one in alerts[0]] == [*instants, (3, NOW_MS)]
    assert len(disk.commits) == 1
    assert disk.commits[0][1] == [(1, NOW_MS), (2, NOW_MS), (3, NOW_MS)]


def test_an_arriving_reading_that_cannot_be_stored_is_told_so():
    async def scenario():
        disk = Disk()
        writer = Writer(disk)
        disk.failure = StoreUnavailable("disk full")
        told = []
        writer.write_arriving(arriving(), NOW_MS, told.append)
        await until(lambda: told)
        disk.failure = None
        writer.write_arriving(arriving(at_ms=NOW_MS + 5), NOW_MS + 5, told.append)
        await writer.drain()
        return told

    told = asyncio.run(scenario())

    assert told == [None, arriving(at_ms=NOW_MS + 5)]


def test_an_answer_that_fails_costs_nobody_else_theirs():
    def fail(_):
        raise OSError("the client has gone")

    async def scenario():
        writer = Writer(Disk())
        told = []
        for answer in (told.append, fail, told.append):
            writer.write_arriving(arriving(), NOW_MS, answer)
        await writer.drain()
        return told

    assert [one.timestamp_ms for one in asyncio.run(scenario())] == [NOW_MS, NOW_MS + 2]


def test_arriving_readings_behind_a_commit_that_hangs_are_told_so():
    async def scenario():
        disk = Disk()
        writer = Writer(disk, patience_s=0.01)
        disk.go_on.clear()
        told, late = [], []
        writer.write_arriving(arriving(), NOW_MS, told.append)
        await until(lambda: disk.started)
        for _ in range(2):
            writer.write_arriving(arriving(), NOW_MS, late.append)
            await until(lambda: late and late[-1] is None)
            late.append("asked again")
        disk.go_on.set()
        await writer.drain()
        return told, late

    told, late = asyncio.run(scenario())

    assert told == [arriving()]
    assert late == [None, "asked again"] * 2


def test_there_is_no_room_once_as_much_waits_as_may():
    async def scenario():
        disk = Disk()
        writer = Writer(disk)
        disk.go_on.clear()
        writer.write_arriving(arriving(), NOW_MS, lambda _: None)
        await until(lambda: disk.started)
        most = asyncio.ensure_future(
            writer.write(batch(stamped=False, count=MOST_WAITING_READINGS - 1), NOW_MS)
        )
        await asyncio.sleep(0)
        before = writer.has_room
        writer.write_arriving(arriving(2), NOW_MS, lambda _: None)
        after = writer.has_room
        with pytest.raises(StoreUnavailable):
            await writer.write(batch(3), NOW_MS)
        disk.go_on.set()
        await most
        await writer.drain()
        return before, after

    assert asyncio.run(scenario()) == (True, False)


class Forgetful(Disk):
    """A store that says less than it was asked."""

    def commit(self, batches, contacts):
        return super().commit(batches, contacts)[1:]


def test_a_store_that_does_not_say_what_became_of_a_batch_leaves_nobody_waiting(caplog):
    async def scenario():
        disk = Forgetful()
        writer = Writer(disk)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        found = []
        for _ in range(2):
            both = [writer.write(batch(), NOW_MS), writer.write(batch(2), NOW_MS)]
            async with asyncio.timeout(60):
                found.append(await asyncio.gather(*both, return_exceptions=True))
        await writer.drain()
        return found, disk.is_closed

    found, is_closed = asyncio.run(scenario())

    assert is_closed
    assert [type(pair[1]) for pair in found] == [StoreUnavailable, StoreUnavailable]

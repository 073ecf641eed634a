"""Late readings leave a mark for the ledger, in their own commit; fresh ones leave none."""

import pytest

from ingest.test_stores import reading, stamped, told
from wattkeep.domain.slots import SLOT_MS, slot_start
from wattkeep.ingest.batches import Stored
from wattkeep.ingest.lateness import FRESH_MS, Lateness, LateSlots
from wattkeep.ingest.stores import StoreUnavailable
from wattkeep.ledger.due import FRESH

T = 1_795_000_000_000
SLOT = slot_start(T)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def stored(*instants, device_id=1):
    return Stored([reading(at_ms, device_id=device_id) for at_ms in instants])


@pytest.fixture
def lateness():
    """Return one that has heard of device 1 at T."""
    made = Lateness()
    made.find([stored(T)], T)
    return made


def test_what_a_device_sends_first_is_marked_once():
    lateness = Lateness()

    assert lateness.find([stored(T)], T) == [LateSlots(1, SLOT, SLOT)]
    assert lateness.find([stored(T + 1000)], T + 1000) == []
    assert lateness.find([stored(T + 2000, device_id=2)], T + 2000) == [LateSlots(2, SLOT, SLOT)]


def test_two_minutes_are_fresh_and_a_millisecond_more_is_late(lateness):
    now_ms = T + HOUR_MS

    assert lateness.find([stored(now_ms - FRESH_MS)], now_ms) == []
    late_ms = now_ms - FRESH_MS - 1
    assert lateness.find([stored(late_ms)], now_ms) == [
        LateSlots(1, slot_start(late_ms), slot_start(late_ms))
    ]


def test_fresh_by_the_clock_but_older_than_the_newest_is_late(lateness):
    """The clock was set back by an hour."""
    now_ms = T - HOUR_MS

    assert lateness.find([stored(now_ms)], now_ms) == [LateSlots(1, SLOT - HOUR_MS, SLOT - HOUR_MS)]
    assert lateness.find([stored(T - FRESH_MS)], T) == []


def test_a_batch_is_marked_from_its_oldest_to_its_newest_late_reading(lateness):
    now_ms = T + DAY_MS
    batch = stored(T + 60_000, T + 5 * SLOT_MS, now_ms - 1)

    assert lateness.find([batch], now_ms) == [LateSlots(1, SLOT, slot_start(T + 5 * SLOT_MS))]


def test_nothing_new_leaves_no_mark_and_a_failed_commit_is_forgotten(lateness):
    assert lateness.find([Stored([], 5, T)], T + DAY_MS) == []
    lateness.forget()
    assert lateness.find([stored(T + 1)], T + 1) == [LateSlots(1, SLOT, SLOT)]


@pytest.mark.parametrize("order", [(1, 7), (7, 1)])
def test_marks_come_in_the_same_order_whatever_comes_first(order):
    batches = [stored(T, device_id=device_id) for device_id in order]

    assert Lateness().find(batches, T) == [LateSlots(1, SLOT, SLOT), LateSlots(7, SLOT, SLOT)]


def test_the_ledger_looks_back_at_least_as_far_as_fresh_reaches():
    assert FRESH.total_seconds() * 1000 == FRESH_MS


def test_commit_leaves_marks_and_touches_those_that_are_there(database):
    database.store._clock = lambda: (T + DAY_MS) / 1000

    database.store.commit([told(reading(T), reading(T + 2 * SLOT_MS))], [])
    assert database.marks() == [(1, SLOT, SLOT + 2 * SLOT_MS, 0)]

    database.store.commit([told(reading(T + 1)), told(reading(T, device_id=2))], [])
    assert database.marks() == [(1, SLOT, SLOT + 2 * SLOT_MS, 1), (2, SLOT, SLOT, 0)]

    database.store.commit([told(reading(T), reading(T + 1))], [])
    assert database.marks()[0] == (1, SLOT, SLOT + 2 * SLOT_MS, 1)


def test_fresh_readings_leave_no_mark(database):
    database.store._clock = lambda: T / 1000
    database.store.commit([stamped(reading(T))], [])
    before = database.marks()

    for count in range(1, 4):
        database.store.commit([stamped(reading(T + count * 10))], [])

    assert database.marks() == before


def test_marks_of_a_commit_that_failed_are_left_by_the_next(database):
    database.store._clock = lambda: T / 1000
    broken = reading(T + 5)._replace(energy="not a number, nor can it be one" * 2)
    if database.store.__class__.__name__ == "SqliteStore":
        broken = broken._replace(energy=None)

    with pytest.raises((StoreUnavailable, Exception)):
        database.store.commit([told(reading(T)), told(broken)], [])
    assert (database.readings(), database.marks()) == ([], [])
    database.store.commit([told(reading(T))], [])

    assert database.marks() == [(1, SLOT, SLOT, 0)]


@pytest.mark.parametrize("ago_ms", [0, 1, FRESH_MS, FRESH_MS + 1, HOUR_MS])
@pytest.mark.parametrize("back_ms", [0, FRESH_MS, FRESH_MS + 1, -HOUR_MS])
@pytest.mark.parametrize("device_id", [1, 2])
def test_fresh_at_a_glance_is_what_leaves_no_mark(lateness, ago_ms, back_ms, device_id):
    now_ms = T - back_ms
    readings = [reading(now_ms - ago_ms, device_id=device_id)]
    same = Lateness()
    same.find([stored(T)], T)

    is_fresh = lateness.note_if_fresh(readings, now_ms)

    assert is_fresh == (same.find([Stored(readings)], now_ms) == [])
    if is_fresh:
        later_ms = now_ms + FRESH_MS + 1
        again = [reading(now_ms - ago_ms, device_id=device_id)]
        assert lateness.note_if_fresh(again, later_ms) == same.note_if_fresh(again, later_ms)


def test_one_late_reading_makes_nothing_count_as_seen(lateness):
    fresh, unheard = reading(T + HOUR_MS), reading(T + HOUR_MS, device_id=2)

    assert not lateness.note_if_fresh([fresh, unheard], T + HOUR_MS)

    assert lateness.find([stored(T - 1)], T) == []
    assert lateness.find([Stored([unheard])], T + HOUR_MS) != []


def test_a_batch_of_many_devices_is_marked_by_device():
    lateness = Lateness()

    marks = lateness.find([Stored([reading(T, device_id=n) for n in (3, 1, 2)])], T)

    assert marks == [LateSlots(n, SLOT, SLOT) for n in (1, 2, 3)]

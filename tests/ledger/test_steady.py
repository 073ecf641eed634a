"""Many devices at once: the same slots as one by one, and only where nothing is odd or late."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.ledgers import NAMES, arrive, at, forget, hear, note_swap, put, stored, whole
from wattkeep.domain.instants import to_ms
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.meters import change_device
from wattkeep.ledger.steady import update_steady
from wattkeep.ledger.update import update_device, update_due
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import (
    Device,
    DeviceBoot,
    EnergySlot,
    LedgerMark,
    LedgerState,
    MeterEvent,
    ReadingBlock,
)

pytestmark = pytest.mark.django_db
MINUTE = 60
SLOT = 15 * MINUTE


def steady(start, end, *, step=10):
    """Return readings whose counter rises by a watt-hour every ten seconds."""
    return [(second, 1000 + second / 10, 360 + second % 7) for second in range(start, end, step)]


def begin(device, until, *, rows=None):
    """Have slots of a device's readings up to an instant."""
    put(device, *(steady(0, until) if rows is None else rows))
    update_device(device.pk, at(until))


def test_new_readings_are_taken_into_the_newest_slot_and_the_next_ones(device, owner):
    other = create_device(owner, "Shed")[0]
    for one in (device, other):
        begin(one, SLOT + 7 * MINUTE)
        put(one, *steady(SLOT + 7 * MINUTE, SLOT + 8 * MINUTE))
    ids = [device.pk, other.pk]

    assert update_steady(ids, at(SLOT + 8 * MINUTE)) == set(ids)
    assert [stored(one) for one in (device, other)] == [whole(one) for one in (device, other)]

    for one in (device, other):
        put(one, *steady(SLOT + 8 * MINUTE, 2 * SLOT + 2 * MINUTE))
    assert update_steady(ids, at(2 * SLOT + 2 * MINUTE)) == set(ids)

    assert [stored(one) for one in (device, other)] == [whole(one) for one in (device, other)]
    assert [slot.samples for slot in stored(device)[0]] == [90, 90, 12]
    assert set(LedgerState.objects.values_list("done_to", flat=True)) == {at(2 * SLOT + 120)}


def test_a_device_with_a_first_slot_or_a_gap_is_gone_on_with(device):
    begin(device, SLOT, rows=[*steady(100, 200), *steady(600, 890)])
    put(device, *steady(890, 930))

    assert update_steady([device.pk], at(930)) == {device.pk}

    slots, events = stored(device)
    assert (slots, events) == whole(device)
    assert [key[0] for key in events] == ["gap"]
    assert [slot.estimated_mwh for slot in slots] == [41_000, 0]


def test_first_slots_of_new_devices_are_made_together(device, owner):
    others = [create_device(owner, f"Room {number}")[0] for number in range(4)]
    ids = [device.pk, *(one.pk for one in others)]
    for number, one in enumerate((device, *others)):
        put(one, *steady(400 + number, SLOT + 90))
        hear(one, at(SLOT + 90))

    assert update_due(at(SLOT + 90)) == ids

    for one in (device, *others):
        assert stored(one) == whole(one)
        # Nothing is left to say when it is done again by the way that knows every case.
        assert update_device(one.pk, at(SLOT + 90)) == 0
    put(device, *steady(SLOT + 90, SLOT + 180))
    assert update_steady(ids, at(SLOT + 180)) == set(ids)
    assert stored(device) == whole(device)


def test_a_new_device_with_much_or_odd_behind_it_is_left_to_the_other_way(device, owner):
    long_ago, falling = (create_device(owner, name)[0] for name in ("Barn", "Mill"))
    put(long_ago, *steady(0, 3 * 3600, step=300))
    put(falling, (400, 1000, 10), (410, 900, 10), (420, 901, 10))
    for one in (long_ago, falling, device):
        LedgerState.objects.create(device=one, done_to=at(0))
    put(device, *steady(0, SLOT))
    leave_mark(device.pk, to_ms(at(-SLOT)))

    ids = [long_ago.pk, falling.pk, device.pk]
    assert update_steady(ids, at(3 * 3600)) == set()


def test_a_run_that_finds_nothing_new_changes_nothing(device):
    begin(device, SLOT + MINUTE)
    before = list(EnergySlot.objects.values())

    assert update_steady([device.pk], at(SLOT + 2 * MINUTE)) == {device.pk}
    assert list(EnergySlot.objects.values()) == before


def test_queries_do_not_grow_with_devices(device, owner):
    others = [create_device(owner, f"Room {number}")[0] for number in range(4)]
    for one in (device, *others):
        begin(one, SLOT + MINUTE)
        put(one, *steady(SLOT + MINUTE, SLOT + 2 * MINUTE))
    with CaptureQueriesContext(
        connection,
    ) as of_one:
        update_steady([device.pk], at(SLOT + 2 * MINUTE))
    with CaptureQueriesContext(connection) as of_four:
        assert len(update_steady([one.pk for one in others], at(SLOT + 2 * MINUTE))) == 4

    assert len(of_one) == len(of_four) <= 11


LATER = SLOT + 6 * MINUTE


def miss_the_first_of_the_slot(device):
    rows = [row for row in steady(0, LATER) if row[0] != SLOT]
    begin(device, LATER, rows=rows)
    put(device, (SLOT, 1000 + SLOT / 10, 360))


def miss_one_before_the_slot(device):
    rows = [row for row in steady(0, SLOT + MINUTE) if row[0] != SLOT - 10]
    begin(device, SLOT + MINUTE, rows=rows)
    put(device, (SLOT - 10, 1000 + SLOT / 10 - 1, 360))


def dip(device):
    begin(device, LATER)
    put(device, (LATER, 1000 + LATER / 10 - 5, 360))


def dip_before(device):
    begin(device, LATER, rows=[*steady(0, LATER), (LATER - 5, 1000 + LATER / 10 - 5, 360)])


def break_off(device):
    begin(device, LATER, rows=[*steady(0, LATER), (LATER - 5, 0, 360)])


def lose_what_ended_a_gap(device):
    begin(device, LATER)
    MeterEvent.objects.create(
        device=device, kind="gap", timestamp=at(LATER - 10), until=at(LATER + 600)
    )


def swap(device):
    begin(device, LATER)
    note_swap(device, LATER - 5)


def mark_earlier(device):
    begin(device, LATER)
    leave_mark(device.pk, to_ms(at(10)), to_ms(at(10)))


def have_no_counter(device):
    begin(device, LATER)
    device.has_counter = False
    device.save()
    leave_mark(device.pk, to_ms(at(0)))


def be_away_for_days(device):
    begin(device, LATER)
    LedgerState.objects.update(done_to=at(LATER - 2 * 86_400))


def lose_old_readings(device):
    begin(device, LATER)
    LedgerState.objects.update(raw_from=at(LATER))


ODDITIES = [
    miss_the_first_of_the_slot,
    miss_one_before_the_slot,
    dip,
    dip_before,
    break_off,
    lose_what_ended_a_gap,
    swap,
    mark_earlier,
    have_no_counter,
    be_away_for_days,
    lose_old_readings,
]


@pytest.mark.parametrize("make_odd", ODDITIES, ids=[one.__name__ for one in ODDITIES])
def test_what_is_not_steady_is_left_alone_and_then_made_one_by_one(device, owner, make_odd):
    other = create_device(owner, "Shed")[0]
    begin(other, LATER)
    make_odd(device)
    before = stored(device), LedgerState.objects.get(device=device).version

    assert device.pk not in update_steady([device.pk, other.pk], at(LATER + 7 * MINUTE))
    assert (stored(device), LedgerState.objects.get(device=device).version) == before

    hear(device, at(LATER + 7 * MINUTE))
    update_due(at(LATER + 7 * MINUTE))
    device.refresh_from_db()
    assert stored(device) == whole(device)


PAUSES = {
    "within the slot": steady(LATER + 6 * MINUTE, LATER + 7 * MINUTE),
    "over two slots": steady(LATER + 31 * MINUTE, LATER + 33 * MINUTE),
    "with nothing used": [(LATER + 40 * MINUTE, 1000 + (LATER - 10) / 10, 5)],
    "in a later slot": [
        *steady(LATER, LATER + 12 * MINUTE),
        *steady(LATER + 50 * MINUTE, LATER + 51 * MINUTE),
    ],
    "twice": [
        *steady(LATER + 6 * MINUTE, LATER + 7 * MINUTE),
        *steady(LATER + 20 * MINUTE, LATER + 21 * MINUTE),
        *steady(LATER + 70 * MINUTE, LATER + 71 * MINUTE),
    ],
    "for hours": steady(LATER + 300 * MINUTE, LATER + 301 * MINUTE),
}


@pytest.mark.parametrize("looked_s", [0, 310, 900], ids=["at once", "until then", "for longer"])
@pytest.mark.parametrize("rows", PAUSES.values(), ids=PAUSES)
def test_a_pause_is_gone_on_after(device, owner, rows, looked_s):
    other = create_device(owner, "Shed")[0]
    for one in (device, other):
        begin(one, LATER)
        put(one, *rows)
    LedgerState.objects.update(done_to=at(LATER + looked_s))
    now = at(rows[-1][0] + 5)

    assert update_steady([device.pk, other.pk], now) == {device.pk, other.pk}

    assert [stored(one) for one in (device, other)] == [whole(one) for one in (device, other)]
    assert {kind for kind, _ in stored(device)[1]} == {"gap"}
    assert update_device(device.pk, now) == 0


@pytest.mark.parametrize("changed", [{"range_w": 500.0}, {"has_counter": True}], ids=str)
def test_a_meter_set_right_while_there_is_one_slot_has_it_made_again(device, changed):
    device.has_counter = "has_counter" not in changed
    device.save()
    begin(device, 7 * MINUTE)
    devices = Device.objects.filter(pk=device.pk)

    change_device(device.pk, lambda: devices.update(**changed))

    assert update_steady([device.pk], at(8 * MINUTE)) == set()
    update_device(device.pk, at(8 * MINUTE))
    device.refresh_from_db()
    assert stored(device) == whole(device)
    assert not LedgerMark.objects.exists()


def test_a_device_with_an_imported_day_since_is_left_to_the_other_way(device):
    begin(device, 10 * MINUTE)
    LedgerState.objects.update(done_to=at(10 * MINUTE))
    now = at(19 * 60 * MINUTE)
    leave_mark(device.pk, to_ms(at(2 * SLOT)))
    nothing = dict.fromkeys(("timestamps", *NAMES, "current", "frequency", "power_factor"), b"")
    ReadingBlock.objects.create(device=device, day=at(0), format=1, count=0, checksum=0, **nothing)

    assert update_steady([device.pk], now) == set()
    assert LedgerMark.objects.exists()


def test_a_device_that_fell_silent_is_looked_at_with_the_others(device):
    begin(device, 10 * MINUTE)
    before = stored(device)
    LedgerState.objects.update(done_to=at(LATER + 7 * MINUTE))

    assert update_steady([device.pk], at(LATER + 8 * MINUTE)) == {device.pk}
    assert stored(device) == before


def test_much_that_was_sent_since_it_was_looked_at_is_left_to_the_other_way(device):
    begin(device, LATER)
    put(device, *steady(LATER, LATER + 3 * 3600, step=60))

    assert update_steady([device.pk], at(LATER + 3 * 3600)) == set()


@pytest.mark.parametrize(("days", "talks_first"), [(15, False), (24, False), (24, True)])
def test_a_pause_has_the_shape_of_the_device_s_week(device, days, talks_first):
    end, wh, rows = days * 86_400, 1000.0, []
    for second in range(0, end + 2 * 3600, 300):
        rows.append((second, round(wh), 300))
        wh += 20 + 8 * (second // 3600 % 4)
    known, later = rows[: end // 300], rows[end // 300 :]
    begin(device, end, rows=known)
    put(device, *(later[:4] if talks_first else ()), *later[-3:])

    assert update_steady([device.pk], at(end + 2 * 3600 - 300)) == {device.pk}

    assert stored(device) == whole(device)
    estimated = [slot.estimated_mwh for slot in stored(device)[0] if not slot.samples]
    assert len(estimated) > 3
    assert max(estimated) > 1.2 * min(estimated)


def test_marks_of_the_newest_slot_are_done_with_it_unless_they_are_touched_meanwhile(
    device, owner, monkeypatch
):
    other = create_device(owner, "Shed")[0]
    for one in (device, other):
        begin(one, LATER)
        leave_mark(one.pk, to_ms(at(SLOT)), to_ms(at(SLOT)))
    touch = [other.pk]

    def wrapper(execute, sql, params, many, context):
        if sql.startswith("UPDATE monitoring_ledgerstate") and touch:
            leave_mark(touch.pop(), to_ms(at(SLOT)), to_ms(at(SLOT)))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        assert update_steady([device.pk, other.pk], at(LATER)) == {device.pk, other.pk}

    assert list(LedgerMark.objects.values_list("device_id", "touched")) == [(other.pk, 1)]


def test_nothing_is_written_on_top_of_what_somebody_else_wrote(device, owner):
    other = create_device(owner, "Shed")[0]
    for one in (device, other):
        begin(one, LATER)
        put(one, *steady(LATER, LATER + MINUTE))
    others = [other.pk]

    def wrapper(execute, sql, params, many, context):
        if sql.startswith("UPDATE monitoring_ledgerstate") and others:
            update_device(others.pop(), at(LATER + 30))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        assert update_steady([device.pk, other.pk], at(LATER + MINUTE)) == set()

    for one in (device, other):
        hear(one, at(LATER + MINUTE))
    assert update_due(at(LATER + MINUTE)) == [device.pk, other.pk]
    assert stored(device) == whole(device)


@st.composite
def journeys(draw):
    """Return (second it arrives, reading) of a device: mostly in order, rarely late or odd."""
    step = draw(st.sampled_from([10, 30, 60, 170]))
    second, wh, arrivals = draw(st.integers(0, 100)), 1000, []
    while second < 2 * SLOT + 400:
        delay = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 0, 20, 100, 119, 400]))
        odd = draw(st.integers(0, 60)) == 0
        arrivals.append((second + delay, (second, draw(st.integers(0, 9000)) if odd else wh, 300)))
        second += step if draw(st.integers(0, 30)) else draw(st.sampled_from([320, 700, 1900]))
        wh += draw(st.sampled_from([0, 1, 2, 3]))
    return sorted(arrivals)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    both=st.tuples(journeys(), journeys()),
    ticks=st.lists(st.integers(20, 240), min_size=8, max_size=24),
)
def test_whenever_it_runs_it_makes_what_one_pass_makes(device, owner, both, ticks):
    other = owner.devices.exclude(pk=device.pk).first() or create_device(owner, "Shed")[0]
    pair = (device, other)
    for one in pair:
        forget(one)
        DeviceBoot.objects.filter(device=one).delete()
    now = 0
    for passed in [*ticks, 3600]:
        for one, arrivals in zip(pair, both, strict=True):
            for arrival, row in arrivals:
                if now < arrival <= now + passed or arrival == now == 0:
                    arrive(one, [row], at(arrival))
                    hear(one, at(arrival))
        now += passed
        update_due(at(now))

    assert [stored(one) for one in pair] == [whole(one) for one in pair]
    assert not LedgerMark.objects.exists()


def test_it_is_how_devices_are_done_that_are_due(device):
    """Else all of this would be for nothing."""
    begin(device, SLOT + MINUTE)
    statements = []

    def wrapper(execute, sql, params, many, context):
        statements.append(sql.split(maxsplit=3)[:3])
        return execute(sql, params, many, context)

    for minute in range(2, 40):
        now = at(SLOT + minute * MINUTE)
        put(device, *steady(SLOT + (minute - 1) * MINUTE, SLOT + minute * MINUTE))
        hear(device, now)
        with connection.execute_wrapper(wrapper):
            assert update_due(now) == [device.pk]

    assert stored(device) == whole(device)
    # One by one would delete a slot's row and insert it.
    assert not [words for words in statements if words[0] == "DELETE"]

"""What is imported is stored once, whatever is there, whoever writes and wherever it is cut."""

import threading
from dataclasses import replace

import pytest
from django.db import connection

from importing.past import COLUMNS, DAY_MS, NOW_MS, START_MS, expected, stored, text
from wattkeep.domain.instants import from_ms
from wattkeep.importing.storing import Stored, Target, store_file
from wattkeep.ledger.blocks import open_block
from wattkeep.ledger.marks import read_marks
from wattkeep.ledger.sealing import seal_day
from wattkeep.monitoring.models import EnergyReading, LedgerState, ReadingBlock

DAYS = range(3 * 1440)
TODAY_MS = NOW_MS - NOW_MS % DAY_MS


@pytest.fixture
def target(device):
    return Target(device.pk, NOW_MS)


def test_finished_days_are_sealed_at_once(device, target, opened):
    done = store_file(opened(text(DAYS)), target)

    assert done == Stored(new=4320, days=3)
    assert stored(device) == expected(DAYS)
    assert EnergyReading.objects.count() == 0
    assert list(ReadingBlock.objects.values_list("count", flat=True)) == [1440] * 3


def test_a_day_that_is_not_over_stays_rows(device, target, opened):
    numbers = range(-60, 60)

    done = store_file(opened(text(numbers, start_ms=TODAY_MS)), target)

    assert done == Stored(new=120, days=2)
    assert stored(device) == expected(numbers, start_ms=TODAY_MS)
    assert EnergyReading.objects.count() == 60


def test_a_second_time_nothing_is_new(device, target, opened):
    source = opened(text([*DAYS, *range(TODAY_MS // 60_000 - START_MS // 60_000, 43_210)]))
    first = store_file(source, target)
    blocks = list(ReadingBlock.objects.order_by("day").values())

    again = store_file(source, target)

    assert again == Stored(known=first.new)
    assert list(ReadingBlock.objects.order_by("day").values()) == blocks


def test_what_is_there_stays_and_a_difference_is_told(device, target, opened):
    store_file(opened(text(range(100), base_wh=5000)), target)

    done = store_file(opened(text(range(50, 150))), target)

    assert done == Stored(new=50, known=50, differing=50, days=1)
    assert stored(device) == expected(range(100), base_wh=5000) + expected(range(100, 150))


def test_rows_that_wait_to_be_sealed_are_known_and_are_sealed_with_the_rest(device, target, opened):
    for number in (10, 20):
        at_ms, *values = expected([number])[0]
        named = dict(zip(COLUMNS, values, strict=True))
        EnergyReading.objects.create(device=device, timestamp=from_ms(at_ms), **named)

    done = store_file(opened(text(range(1440))), target)
    assert stored(device) == expected(range(1440))
    seal_day(device.pk, START_MS)

    assert done == Stored(new=1438, known=2, days=1)
    assert stored(device) == expected(range(1440))
    assert EnergyReading.objects.count() == 0


def test_values_that_are_not_known_are_null_not_numbers(device, target, opened):
    source = opened(
        "timestamp,energy\n" + "".join(f"{(START_MS + n * 60_000) / 1000},{n}\n" for n in range(9))
    )
    today = opened(f"timestamp,energy\n{TODAY_MS / 1000},9\n", "today.csv")

    store_file(source, target)
    store_file(today, target)

    whole = open_block(ReadingBlock.objects.get())
    assert all(whole.nulls[name].all() for name in COLUMNS if name != "energy")
    assert not whole.nulls["energy"].any()
    row = EnergyReading.objects.get()
    assert (row.power, row.voltage, row.energy) == (None, None, 9.0)


def test_the_counter_is_shifted_on_its_way(device, target, opened):
    store_file(opened(text(range(10), base_wh=0)), replace(target, shift_kwh=-1.5))

    assert [row[4] for row in stored(device)] == [round(n / 100 - 1.5, 9) for n in range(10)]


def test_a_file_that_runs_backwards_is_stored_as_well(device, target, opened):
    done = store_file(opened(text(reversed(DAYS))), target)

    assert (done.new, stored(device)) == (4320, expected(DAYS))


def test_what_is_older_than_single_readings_are_kept_is_left_out(device, target, opened):
    kept_from_ms = START_MS + DAY_MS + 5 * 60_000
    LedgerState.objects.create(
        device=device, done_to=from_ms(NOW_MS), raw_from=from_ms(kept_from_ms)
    )

    done = store_file(opened(text(DAYS)), target)

    assert done == Stored(new=4320 - 1445, too_old=1445, days=2)
    assert stored(device) == expected(DAYS)[1445:]


def test_each_day_is_stored_with_its_mark(device, target, opened):
    store_file(opened(text(range(5, 1440))), target)

    [mark] = read_marks(device.pk)
    assert mark.slots == (START_MS, START_MS + DAY_MS - 15 * 60_000)


class CutError(Exception):
    """The power went."""


@pytest.mark.parametrize("lines", [1, 1440, 1441, 3000, 4319])
def test_cut_off_anywhere_it_goes_on_where_it_was(device, target, opened, lines):
    source = opened(text(DAYS))

    def cut(watch):
        for number, entry in enumerate(source.entries(watch)):
            if number == lines:
                raise CutError
            yield entry

    with pytest.raises(CutError):
        store_file(replace(source, _read=cut), target)
    before = len(stored(device))
    assert before == (lines - 1) // 1440 * 1440

    done = store_file(source, target)

    assert (done.new, done.known) == (4320 - before, before)
    assert stored(device) == expected(DAYS)


@pytest.mark.django_db(transaction=True)
def test_several_at_once_into_the_same_days_lose_and_double_nothing(
    device, target, written, opened
):
    sources = [opened(text(DAYS[part::4]), f"{part}.csv") for part in range(4)]
    sources.append(opened(text(DAYS[::3]), "again.csv"))
    failures = []

    def work(source):
        try:
            store_file(source, target)
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[source]) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert stored(device) == expected(DAYS)

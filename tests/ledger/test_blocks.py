"""A block is read to the bit, or named as the day that cannot be read; its neighbours still are."""

import numpy as np
import pytest

from ledger.days import DAY, DAY_MS, household, readings_of, store_household
from wattkeep.domain.columns import NAMES
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.blocks import (
    BlockError,
    WholeDay,
    make_block,
    merge_days,
    open_block,
    verify_blocks,
)
from wattkeep.ledger.readings import readings_between
from wattkeep.ledger.sealing import seal_day
from wattkeep.monitoring.models import ReadingBlock


def whole_day(count, **kwargs):
    timestamps, values = household(count, **kwargs)
    return WholeDay(timestamps, values, {name: np.zeros(count, bool) for name in NAMES})


@pytest.fixture
def sealed(device):
    """Return three sealed days of a device."""
    days = []
    for number in range(3):
        days.append(store_household(device.pk, 50, start_ms=DAY + number * DAY_MS, seed=number))
        seal_day(device.pk, DAY + number * DAY_MS)
    return days


def damage(device, **columns):
    """Change the second day's block as a failing disk might."""
    ReadingBlock.objects.filter(device=device, day=from_ms(DAY + DAY_MS)).update(**columns)


def flip(device, name):
    block = ReadingBlock.objects.get(device=device, day=from_ms(DAY + DAY_MS))
    content = bytearray(getattr(block, name))
    content[len(content) // 2] ^= 1
    damage(device, **{name: bytes(content)})


def test_block_holds_a_day_to_the_bit(device):
    day = whole_day(500)
    make_block(device.pk, DAY, day).save(force_insert=True)

    found = open_block(ReadingBlock.objects.get())

    np.testing.assert_array_equal(found.timestamps, day.timestamps)
    assert all(found.values[name].tobytes() == day.values[name].tobytes() for name in NAMES)
    assert not any(found.nulls[name].any() for name in NAMES)


def test_merged_days_have_each_instant_once_and_the_first_wins():
    first, second = whole_day(10), whole_day(12, seed=2)
    merged = merge_days(first, second)

    assert merged.timestamps.tolist() == second.timestamps.tolist()
    assert merged.values["power"][:10].tolist() == first.values["power"].tolist()
    assert merged.values["power"][10:].tolist() == second.values["power"][10:].tolist()


@pytest.mark.parametrize("name", ["timestamps", *NAMES])
def test_damaged_day_is_named_and_the_others_are_read(device, sealed, name):
    flip(device, name)

    with pytest.raises(BlockError, match=rf"device {device.pk} on 2026-06-02 \(UTC\) cannot") as e:
        readings_of(device.pk)
    assert (e.value.device_id, e.value.day_ms) == (device.pk, DAY + DAY_MS)
    assert readings_of(device.pk, DAY, DAY + DAY_MS) == sealed[0]
    assert readings_of(device.pk, DAY + 2 * DAY_MS) == sealed[2]
    (problem,) = verify_blocks()
    assert str(problem) == (
        f"The sealed readings of device {device.pk} on 2026-06-02 (UTC) cannot be read:"
        " the checksum is wrong."
    )


def test_columns_that_are_whole_are_still_read(device, sealed):
    flip(device, "voltage")

    found = readings_between(device.pk, DAY, DAY + 3 * DAY_MS, ("power",))

    assert len(found) == 150


def test_block_of_a_newer_format_is_told(device, sealed):
    damage(device, format=2)
    words = "its format is 2, this Wattkeep knows 1: a newer one wrote it"

    with pytest.raises(BlockError, match=words):
        readings_of(device.pk)
    assert [words in str(problem) for problem in verify_blocks(device.pk)] == [True]


def test_wrong_count_is_noticed(device, sealed):
    damage(device, count=49)

    with pytest.raises(BlockError, match="timestamps"):
        readings_of(device.pk)


def test_day_in_another_days_place_is_noticed(device, sealed):
    ReadingBlock.objects.filter(day=from_ms(DAY)).delete()
    whole = open_block(ReadingBlock.objects.get(day=from_ms(DAY + DAY_MS)))
    make_block(device.pk, DAY, whole).save(force_insert=True)

    assert [(problem.device_id, problem.day_ms) for problem in verify_blocks()] == [
        (device.pk, DAY)
    ]


def test_sound_blocks_have_no_problems(device, sealed):
    assert list(verify_blocks()) == list(verify_blocks(device.pk + 1)) == []

"""Another meter or board: its event, its key, and figures that go on."""

from datetime import timedelta

import pytest

from ledger.ledgers import at, put, stored, whole
from wattkeep.domain.keys import key_hash
from wattkeep.ledger.swap import Change, SwapError, counter_before, swap_hardware
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.models import Device, LedgerMark, LedgerState, MeterEvent

pytestmark = pytest.mark.django_db
HOUR = 3600
NOW = at(2 * HOUR)


def used_wh(device):
    return sum(slot.measured_mwh + slot.estimated_mwh for slot in stored(device)[0]) / 1000


@pytest.fixture
def two_meters(device):
    """Return a device whose old meter ended at 5100 Wh and whose new one began at 7 Wh."""
    put(device, *((s, 5000 + s / 36, 100) for s in range(0, HOUR, 60)))
    put(device, *((s, 7 + (s - HOUR) / 36, 100) for s in range(HOUR, 2 * HOUR, 60)))
    update_device(device.pk, NOW)
    return device


def test_a_new_meter_goes_on_where_the_old_one_ended(two_meters):
    old_hash = bytes(two_meters.key_hash)

    key = swap_hardware(two_meters, Change(at(HOUR - 10), 5099.5, 6.5, note=" broke "), NOW)
    update_device(two_meters.pk, NOW)

    assert used_wh(two_meters) == pytest.approx(99.5 + 0.5 + 59 * 60 / 36, abs=0.01)
    assert stored(two_meters) == whole(two_meters)
    assert list(stored(two_meters)[1]) == []
    stored_hash = bytes(Device.objects.get(pk=two_meters.pk).key_hash)
    assert (stored_hash, stored_hash == old_hash) == (key_hash(key), False)
    swap = MeterEvent.objects.get(kind="swap")
    assert (swap.timestamp, swap.until, swap.before_wh, swap.after_wh, swap.note) == (
        at(HOUR - 10), at(HOUR - 10), 5099.5, 6.5, "broke",
    )  # fmt: skip


def test_a_new_board_on_the_same_meter_loses_nothing(device):
    put(device, *((s, 5000 + s / 36, 100) for s in range(0, 2 * HOUR, 60)))
    update_device(device.pk, NOW)
    before = used_wh(device)

    swap_hardware(device, Change(at(HOUR + 30), is_new_meter=False), NOW)
    update_device(device.pk, NOW)

    assert used_wh(device) == before
    assert stored(device)[1] == {}
    assert counter_before(device, at(HOUR + 30)) == 5100


def test_a_new_device_has_no_counter_yet(device):
    assert counter_before(device, NOW) is None

    assert swap_hardware(device, Change(at(0), is_new_meter=False), NOW)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(NOW + timedelta(seconds=1)), "lies ahead"),
        (Change(at(0), -1), "closing counter is -1 Wh"),
        (Change(at(0), 1, float("inf")), "opening counter is inf Wh"),
        (Change(at(-HOUR)), "are not kept"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(device, change, words):
    LedgerState.objects.create(device=device, done_to=at(0), raw_from=at(0))
    before = bytes(device.key_hash)

    with pytest.raises(SwapError, match=words):
        swap_hardware(device, change, NOW)

    assert bytes(Device.objects.get(pk=device.pk).key_hash) == before
    assert not MeterEvent.objects.exists()
    assert not LedgerMark.objects.exists()


def test_the_same_instant_is_taken_once(device):
    swap_hardware(device, Change(at(HOUR)), NOW)

    with pytest.raises(SwapError, match="noted already"):
        swap_hardware(device, Change(at(HOUR)), NOW)

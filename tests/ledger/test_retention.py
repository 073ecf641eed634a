"""Single readings go when their site says so, and never before the ledger is done with them."""

from datetime import timedelta

import pytest

from ledger.days import DAY, DAY_MS, counts, readings_of, store_household
from wattkeep.domain.instants import from_ms
from wattkeep.ledger.retention import DroppedDay, apply_retention, drop_days
from wattkeep.ledger.sealing import seal_day, seal_due
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergySlot, LedgerMark, LedgerState

NOW = from_ms(DAY + 20 * DAY_MS) + timedelta(hours=9)
STEP_MS = DAY_MS // 10


@pytest.fixture
def twenty_days(device):
    """Return twenty days of ten readings, all but the last sealed, all of them in the ledger."""
    stored = store_household(device.pk, 200, step_ms=STEP_MS)
    LedgerState.objects.create(device=device, done_to=NOW)
    seal_due(from_ms(DAY + 19 * DAY_MS) + timedelta(hours=9))
    EnergySlot.objects.create(device=device, start=from_ms(DAY), measured_mwh=5)
    return stored


def keep(device, days):
    device.site.keep_raw_days = days
    device.site.save()


def state_of(device):
    return LedgerState.objects.values_list("raw_from", "version").get(device=device)


def test_everything_is_kept_unless_the_site_says_otherwise(device, twenty_days):
    assert apply_retention(NOW) == []
    assert readings_of(device.pk) == twenty_days
    assert state_of(device) == (None, 0)


def test_days_older_than_wanted_go_and_slots_stay(device, twenty_days):
    keep(device, 7)

    dropped = apply_retention(NOW)

    assert dropped == [DroppedDay(device.pk, DAY + number * DAY_MS, 10) for number in range(13)]
    assert readings_of(device.pk) == twenty_days[130:]
    assert state_of(device) == (from_ms(DAY + 13 * DAY_MS), 13)
    assert EnergySlot.objects.get().measured_mwh == 5
    assert apply_retention(NOW) == []


def test_rows_that_were_never_sealed_go_too(device):
    keep(device, 7)
    LedgerState.objects.create(device=device, done_to=NOW)
    stored = store_household(device.pk, 200, step_ms=STEP_MS)

    assert len(apply_retention(NOW)) == 13
    assert readings_of(device.pk) == stored[130:]


def test_late_rows_of_a_sealed_day_go_with_it(device, twenty_days):
    keep(device, 7)
    store_household(device.pk, 3, start_ms=DAY + 1)

    assert apply_retention(NOW)[0] == DroppedDay(device.pk, DAY, 13)
    assert counts(device.pk) == (10, 60)


def test_late_rows_from_before_what_is_kept_go_and_the_state_stays(device, twenty_days):
    keep(device, 7)
    apply_retention(NOW)
    store_household(device.pk, 3, start_ms=DAY)

    assert apply_retention(NOW) == [DroppedDay(device.pk, DAY, 3)]
    assert state_of(device)[0] == from_ms(DAY + 13 * DAY_MS)
    assert readings_of(device.pk) == twenty_days[130:]


def test_what_the_ledger_has_not_reached_stays(device, twenty_days):
    keep(device, 7)
    LedgerState.objects.update(done_to=from_ms(DAY + 5 * DAY_MS - 1))

    assert len(apply_retention(NOW)) == 4
    assert readings_of(device.pk) == twenty_days[40:]


def test_device_the_ledger_does_not_know_keeps_everything(device, twenty_days):
    keep(device, 7)
    LedgerState.objects.all().delete()

    assert apply_retention(NOW) == []


def test_what_is_marked_for_the_ledger_stays(device, twenty_days):
    keep(device, 7)
    mark = LedgerMark.objects.create(device=device, start=from_ms(DAY + 3 * DAY_MS + 900_000))

    assert len(apply_retention(NOW)) == 3
    mark.delete()
    assert len(apply_retention(NOW)) == 10


def test_mark_before_what_is_kept_holds_nothing_up(device, twenty_days):
    keep(device, 10)
    apply_retention(NOW)
    keep(device, 7)
    LedgerMark.objects.create(device=device, start=from_ms(DAY), until=from_ms(DAY + 900_000))

    assert len(apply_retention(NOW)) == 3


def test_other_sites_keep_theirs(device, twenty_days, stranger):
    other = create_device(stranger, "Theirs")[0]
    theirs = store_household(other.pk, 20, step_ms=STEP_MS)
    LedgerState.objects.create(device=other, done_to=NOW)
    seal_day(other.pk, DAY)
    keep(device, 7)

    apply_retention(NOW)

    assert readings_of(other.pk) == theirs


def test_deleting_can_be_stopped_between_days(device, twenty_days):
    keep(device, 7)

    next(drop_days(NOW))

    assert readings_of(device.pk) == twenty_days[10:]

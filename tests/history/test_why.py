"""Everything behind one figure."""

from datetime import UTC, datetime, timedelta

import pytest

from stored import store_counter
from wattkeep.domain.corrections import Energy
from wattkeep.domain.instants import to_ms
from wattkeep.history.why import why
from wattkeep.ledger.corrections import Wish, set_correction
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.update import update_device

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def test_quarter_of_an_hour_is_explained_by_its_readings_and_those_beside_it(device):
    store_counter(device, *((NOON + n * MINUTE, 10 + n / 100) for n in range(-20, 60)))
    update_device(device.pk, NOON + DAY)

    found = why(device, NOON + 7 * MINUTE)

    assert (found.start, found.end) == (NOON, NOON + 15 * MINUTE)
    assert found.energy == found.uncorrected == Energy(150_000)
    ats = [(at - to_ms(NOON)) // 60_000 for at in found.samples.timestamps.tolist()]
    assert ats == list(range(-3, 18))
    assert found.samples["power"][0] == 540.67
    assert (found.events, found.corrections, found.gap_shape) == ([], [], None)
    assert found.slot is not None
    assert found.slot.samples == 15
    assert not found.will_change


def test_gap_is_named_with_how_it_was_filled(device):
    store_counter(device, (NOON, 1.0), (NOON + MINUTE, 1.1), (NOON + 46 * MINUTE, 1.55))
    update_device(device.pk, NOON + DAY)

    found = why(device, NOON + 20 * MINUTE)

    assert found.energy == Energy(0, 150_000)
    assert [event.kind for event in found.events] == ["gap"]
    assert found.gap_shape == "even"
    assert len(found.samples) == 3


def test_gap_after_weeks_has_the_weeks_shape(device):
    start = NOON - 20 * DAY
    store_counter(device, *((start + n * 4 * MINUTE, n / 100) for n in range(20 * 360 + 1)))
    store_counter(device, (NOON + 2 * DAY, 100.0))
    update_device(device.pk, NOON + 2 * DAY)

    assert why(device, NOON + DAY).gap_shape == "usual week"


def test_correction_is_shown_with_what_it_replaced(device, owner):
    store_counter(device, *((NOON + n * MINUTE, 10 + n / 100) for n in range(31)))
    update_device(device.pk, NOON + DAY)
    correction = set_correction(
        device, Wish(NOON, NOON + 15 * MINUTE, None, "the oven of a neighbour"), owner, NOON + DAY
    )

    found = why(device, NOON)

    assert (found.energy, found.uncorrected) == (Energy(), Energy(150_000))
    assert found.corrections == [correction]


def test_figure_that_is_about_to_change_says_so(device):
    store_counter(device, (NOON, 1.0), (NOON + MINUTE, 1.1))
    update_device(device.pk, NOON + DAY)
    leave_mark(device.pk, to_ms(NOON))

    assert why(device, NOON).will_change


def test_nothing_is_explained_by_nothing(device):
    found = why(device, NOON)

    assert (found.energy, len(found.samples), found.slot, found.state) == (Energy(), 0, None, None)

"""Stacks of bars add up to their site's total, whatever sits behind what."""

import pytest

from wattkeep.domain.corrections import Energy
from wattkeep.history.stacks import Part, stack
from wattkeep.history.trees import site_totals
from wattkeep.monitoring.devices import create_device

pytestmark = pytest.mark.django_db
KWH = 1_000_000


@pytest.fixture
def site(owner, device):
    """Return a house with a heat pump behind its meter, and a garage beside it."""
    heating, garage = (create_device(owner, name)[0] for name in ("Heating", "Garage"))
    heating.parent = device
    heating.save()
    return [device, heating, garage]


def test_devices_with_sub_meters_show_what_is_left(site):
    house, heating, garage = site
    used = {
        house.pk: [Energy(5 * KWH), Energy(3 * KWH, 1 * KWH)],
        heating.pk: [Energy(3 * KWH), Energy(0, 1 * KWH)],
        garage.pk: [Energy(1 * KWH), Energy()],
    }

    found = stack(site, used, 8)

    assert found.parts == [
        Part(house, [Energy(2 * KWH), Energy(3 * KWH)], is_rest=True),
        Part(heating, [Energy(3 * KWH), Energy(0, 1 * KWH)]),
        Part(garage, [Energy(1 * KWH), Energy()]),
    ]
    assert found.excess_mwh == [0, 0]
    together = [sum(part.energies[n].total_mwh for part in found.parts) for n in (0, 1)]
    assert together == [one.total_mwh for one in site_totals(site, used)]


def test_rest_keeps_what_is_estimated_or_corrected_beyond_the_sub_meters(site):
    house, heating, garage = site
    used = {
        house.pk: [Energy(2 * KWH, 3 * KWH, 4 * KWH)],
        heating.pk: [Energy(2 * KWH, 1 * KWH)],
        garage.pk: [Energy()],
    }

    [rest, *_] = stack(site, used, 8).parts

    assert rest.energies == [Energy(0, 2 * KWH, 4 * KWH)]


def test_sub_meters_beyond_their_parent_are_told_and_never_negative(site):
    house, heating, garage = site
    used = {house.pk: [Energy(KWH)], heating.pk: [Energy(3 * KWH)], garage.pk: [Energy()]}

    found = stack(site, used, 8)

    assert found.parts[0].energies == [Energy()]
    assert found.excess_mwh == [2 * KWH]


def test_smallest_parts_are_put_together(site):
    house, heating, garage = site
    used = {house.pk: [Energy(5 * KWH)], heating.pk: [Energy(KWH)], garage.pk: [Energy(2 * KWH)]}

    found = stack(site, used, 2)

    assert found.parts == [
        Part(house, [Energy(4 * KWH)], is_rest=True),
        Part(None, [Energy(3 * KWH)]),
    ]


def test_nothing_is_stacked_of_nothing():
    assert stack([], {}, 8).parts == ()

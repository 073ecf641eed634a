"""Sub-meters: nothing counted twice, and what nobody tracks."""

import pytest

from wattkeep.domain.corrections import Energy
from wattkeep.domain.slots import Envelope
from wattkeep.history.series import Point, Series
from wattkeep.history.trees import branches, parents_of, site_totals, total_power
from wattkeep.monitoring.devices import create_device, possible_parents
from wattkeep.monitoring.models import Device

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree(owner):
    """Return main → (heating → pump, kitchen), and a solar meter beside it."""
    main, heating, pump, kitchen, solar = (
        create_device(owner, name)[0] for name in ("main", "heating", "pump", "kitchen", "solar")
    )
    for child, parent in ((heating, main), (kitchen, main), (pump, heating)):
        child.parent = parent
        child.save()
    return {one.name: one for one in (main, heating, pump, kitchen, solar)}


def wh(measured, estimated=0):
    return Energy(measured * 1000, estimated * 1000)


def test_site_total_is_that_of_meters_behind_no_other(tree):
    used = {one.pk: [wh(10), wh(1)] for one in tree.values()}
    used[tree["main"].pk] = [wh(100, 5), wh(7)]

    assert site_totals(list(tree.values()), used) == [wh(110, 5), wh(8)]


def test_site_without_devices_has_no_totals():
    assert site_totals([], {}) == []


def test_branch_tells_what_is_behind_it_and_what_nobody_tracks(tree):
    used = {
        tree["main"].pk: wh(100),
        tree["heating"].pk: wh(60),
        tree["pump"].pk: wh(10),
        tree["kitchen"].pk: wh(30),
        tree["solar"].pk: wh(5),
    }

    found = {one.device.name: one for one in branches(list(tree.values()), used)}

    assert {name: (b.behind, b.untracked_mwh, b.excess_mwh) for name, b in found.items()} == {
        "main": (wh(90), 10_000, 0),
        "heating": (wh(10), 50_000, 0),
        "pump": (wh(0), 10_000, 0),
        "kitchen": (wh(0), 30_000, 0),
        "solar": (wh(0), 5_000, 0),
    }
    assert [name for name, b in found.items() if b.has_children] == ["main", "heating"]


def test_sub_meters_that_claim_too_much_are_in_excess_and_nothing_is_negative(tree):
    used = {tree["main"].pk: wh(50), tree["heating"].pk: wh(40), tree["kitchen"].pk: wh(30)}

    [main, *_] = branches(list(tree.values()), used)

    assert (main.untracked_mwh, main.excess_mwh) == (0, 20_000)


def test_device_whose_parent_is_elsewhere_counts_by_itself(tree):
    devices = [tree["heating"], tree["pump"]]

    assert parents_of(devices) == {tree["pump"].pk: tree["heating"].pk}
    assert site_totals(devices, {one.pk: [wh(10)] for one in devices}) == [wh(10)]


def test_devices_that_are_each_others_parents_are_still_counted_once(tree):
    main, heating = tree["main"], tree["heating"]
    Device.objects.filter(pk=main.pk).update(parent=heating)
    devices = list(Device.objects.filter(pk__in=[main.pk, heating.pk]).order_by("pk"))

    assert len(parents_of(devices)) == 1
    assert site_totals(devices, {one.pk: [wh(10)] for one in devices}) == [wh(10)]


def test_device_can_sit_behind_any_but_itself_and_what_is_behind_it(tree, stranger):
    create_device(stranger, "elsewhere")

    def names(name):
        return {one.name for one in possible_parents(tree[name])}

    assert names("main") == {"solar"}
    assert names("heating") == {"main", "kitchen", "solar"}
    assert names("pump") == {"main", "heating", "kitchen", "solar"}


def test_power_of_a_site_adds_up_where_every_meter_has_a_value(tree):
    main, heating, solar = tree["main"], tree["heating"], tree["solar"]

    def curve(device, *points):
        return Series(device.pk, "slots", 10, [Point(at, Envelope(*e)) for at, e in points])

    none = (None, None, None)
    found = [
        curve(main, (0, (1.0, 2.0, 3.0)), (10, (1.0, 2.0, 4.0)), (20, none), (40, (5.0, 5.0, 5.0))),
        curve(heating, (0, (900.0, 900.0, 900.0))),
        curve(solar, (0, (10.0, 20.0, 30.0)), (20, none), (40, (1.0, 1.0, 1.0))),
    ]

    assert total_power([main, heating, solar], found) == [
        Point(0, Envelope(11.0, 22.0, 33.0)),
        Point(10, Envelope(None, None, None)),
        Point(40, Envelope(6.0, 6.0, 6.0)),
    ]

"""Ordered files: the same as those sent at once, made in pieces by whoever goes on."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import DataError, connection
from django.utils import timezone

from stored import VALUES, store_counter
from wattkeep.history import exports
from wattkeep.history.export import readings_csv, slots_csv
from wattkeep.history.exports import (
    GoneError,
    OrderRefusedError,
    Wish,
    content_of,
    delete_export,
    exports_of,
    file_name,
    find_export,
    order,
)
from wattkeep.history.preparing import MOST_ATTEMPTS, ExportsFailedError, go_on, prepare_due
from wattkeep.ledger.disk import disk_state
from wattkeep.ledger.sealing import seal_due
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.access import Principal
from wattkeep.monitoring.deletion import delete_device, delete_exports
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import (
    Device,
    EnergyReading,
    Export,
    ExportChunk,
    ExportPart,
    ReadingBlock,
    Role,
    SiteMember,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
END = NOON + 40 * DAY
FULL_DISK = "The server's disk is too full for large files."


@pytest.fixture
def who(owner):
    return Principal(owner)


@pytest.fixture
def long_device(device):
    """Return a device with readings of some days, then none for a month, then one."""
    at = [NOON + timedelta(hours=6 * n) for n in range(24)] + [NOON + 38 * DAY]
    store_counter(device, *((instant, 1 + n / 8) for n, instant in enumerate(at)))
    return device


def wish(*devices, what="readings", kind="csv", **values):
    name = values.pop("name", devices[0].name if devices else "Empty")
    start = values.pop("start", NOON - DAY)
    return Wish(name, devices, what, kind, start, END, is_of_site=len(devices) != 1)


def prepare(who, asked):
    made = order(who, asked, NOON)
    list(prepare_due(NOON))
    made.refresh_from_db()
    return made


def text_of(export):
    packed = b"".join(content_of(export))
    assert len(packed) == export.size_bytes
    return gzip.decompress(packed).decode()


@pytest.mark.parametrize(
    ("what", "write"), [("readings", readings_csv), ("quarter-hours", slots_csv)]
)
def test_file_is_what_is_sent_at_once_however_many_pieces_it_has(who, long_device, what, write):
    update_device(long_device.pk, END)
    seal_due(NOON + 10 * DAY)
    assert ReadingBlock.objects.exists()

    made = prepare(who, wish(long_device, what=what))

    at_once = "".join(write(long_device, NOON - DAY, END))
    assert (made.state, made.error) == ("ready", "")
    assert text_of(made) == at_once
    assert made.chunks > 1
    assert made.rows == at_once.count("\n") - 1
    assert timedelta() < made.expires_at - made.done_at == timedelta(days=7)


def test_ndjson_has_an_object_a_line_and_null_where_no_value_is(who, device):
    EnergyReading.objects.create(device=device, timestamp=NOON, energy=3.5, power=0.1 + 0.2)

    made = prepare(who, wish(device, kind="ndjson"))

    [row] = [json.loads(line) for line in text_of(made).splitlines()]
    assert row == {
        "timestamp": "2026-11-20T12:00:00.000Z",
        "voltage": None,
        "current": None,
        "power": 0.1 + 0.2,
        "energy": 3.5,
        "frequency": None,
        "power_factor": None,
    }


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_each_line_of_a_site_names_its_device(who, owner, device, kind):
    other = create_device(owner, '=1+1, "100 %"')[0]
    for one in (device, other):
        store_counter(one, (NOON, 1), (NOON + DAY, 2))

    made = prepare(who, wish(device, other, kind=kind, name="Home"))

    text = text_of(made)
    if kind == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        name = '\'=1+1, "100 %"'
    else:
        rows = [json.loads(line) for line in text.splitlines()]
        name = '=1+1, "100 %"'
    told = [(int(row["device_id"]), row["device"], float(row["energy"])) for row in rows]
    assert told == [
        (device.pk, "House", 1.0),
        (device.pk, "House", 2.0),
        (other.pk, name, 1.0),
        (other.pk, name, 2.0),
    ]
    assert file_name(made) == f"home-readings-to-20261230.{kind}.gz"


def test_file_without_a_line_is_a_file(who, device):
    made = prepare(who, wish(device, what="quarter-hours"))

    assert made.state == "ready"
    assert text_of(made).startswith("start,end,consumption")
    assert made.rows == 0


def test_whoever_goes_on_after_a_crash_makes_the_same_file(who, long_device):
    made = order(who, wish(long_device), NOON)
    go_on(made)
    before_crash = Export.objects.get()

    # Two that were at the same piece: one stores it, the other one's is nothing.
    stale = Export.objects.get()
    assert go_on(before_crash)
    assert not go_on(stale)
    list(prepare_due(NOON))

    assert text_of(Export.objects.get()) == "".join(readings_csv(long_device, NOON - DAY, END))


def test_files_are_made_in_turn(who, owner, stranger, long_device, monkeypatch):
    theirs = create_device(stranger, "Theirs")[0]
    store_counter(theirs, (NOON, 1))
    order(who, wish(long_device), NOON)
    order(Principal(stranger), wish(theirs), NOON)

    steps = prepare_due(NOON)
    for _ in range(3):
        next(steps)

    states = dict(Export.objects.values_list("user__username", "state"))
    assert states == {"owner": "making", "stranger": "ready"}


def test_file_that_the_database_refuses_stops_no_other_and_is_given_up(who, stranger, long_device):
    theirs = create_device(stranger, "Theirs")[0]
    store_counter(theirs, (NOON, 1))
    poisoned = order(who, wish(long_device), NOON)
    good = order(Principal(stranger), wish(theirs), NOON)

    def refuse(execute, sql, params, many, context):
        if "INSERT" in sql and "exportchunk" in sql and poisoned.pk in params:
            raise DataError("out of range")
        return execute(sql, params, many, context)

    seen = []
    with connection.execute_wrapper(refuse):
        for _ in range(MOST_ATTEMPTS):
            with pytest.raises(ExportsFailedError, match=f"export {poisoned.pk}: DataError: out"):
                list(prepare_due(NOON))
            seen.append(Export.objects.get(pk=poisoned.pk))
        list(prepare_due(NOON))

    assert [(one.state, one.attempts) for one in seen] == [
        ("making", 1),
        ("making", 2),
        ("failed", 2),
    ]
    assert seen[-1].error == "It could not be prepared. The server's log says why."
    good.refresh_from_db()
    assert good.state == "ready"


def test_what_is_over_goes_while_others_are_made(who, stranger, long_device):
    kept = prepare(who, wish(long_device))
    order(Principal(stranger), wish(long_device), NOON)

    steps = prepare_due(NOON)
    next(steps)
    Export.objects.filter(pk=kept.pk).update(expires_at=NOON)
    next(steps)
    next(steps)

    assert list(Export.objects.values_list("state", flat=True)) == ["making"]


def test_one_at_a_time_and_so_many_a_person(who, device):
    order(who, wish(device), NOON)
    with pytest.raises(OrderRefusedError, match="being prepared"):
        order(who, wish(device), NOON)
    list(prepare_due(NOON))
    for _ in range(exports.MOST_EXPORTS - 1):
        prepare(who, wish(device))

    with pytest.raises(OrderRefusedError, match="Delete one"):
        order(who, wish(device), NOON)
    with pytest.raises(OrderRefusedError, match="no device"):
        order(Principal(get_user_model().objects.create(username="new")), wish(), NOON)
    assert Export.objects.count() == exports.MOST_EXPORTS


def test_too_large_a_file_is_given_up_in_the_persons_words(who, long_device, settings):
    settings.EXPORT_MOST_MB = 0.0002

    made = prepare(who, wish(long_device))

    assert (made.state, made.chunks, made.size_bytes) == ("failed", 0, 0)
    assert made.error.startswith("It would be larger than 0.0002 MB.")
    assert not ExportChunk.objects.exists()


def test_no_file_comes_near_the_reserve_of_the_disk(who, long_device, settings):
    if (disk := disk_state()) is None:
        pytest.skip("PostgreSQL's disk is its own affair")
    made = order(who, wish(long_device), NOON)
    go_on(made)
    # Readings are taken: there is half as much room as a file may have beside the reserve.
    settings.DISK_RESERVE_IS_CHOSEN = True
    settings.DISK_RESERVE_MB = (disk.free_bytes - exports.most_bytes() / 2) / exports.MEGABYTE
    assert not disk_state().is_almost_full

    list(prepare_due(NOON))

    made.refresh_from_db()
    assert (made.state, made.error) == ("failed", FULL_DISK)
    assert not ExportChunk.objects.exists()
    with pytest.raises(OrderRefusedError, match=FULL_DISK):
        order(who, wish(long_device), NOON)
    assert Export.objects.count() == 1


def test_all_files_together_have_an_end(who, stranger, long_device, settings):
    first = prepare(who, wish(long_device))
    second = order(who, wish(long_device), NOON)
    settings.EXPORT_TOTAL_MB = first.size_bytes / exports.MEGABYTE

    with pytest.raises(OrderRefusedError, match="as many large files as it has room for"):
        order(Principal(stranger), wish(long_device), NOON)
    list(prepare_due(NOON))

    second.refresh_from_db()
    assert second.error.startswith("The server keeps as many large files")


def test_day_that_cannot_be_read_is_named(who, device):
    store_counter(device, *((NOON + timedelta(minutes=n), 1 + n) for n in range(50)))
    seal_due(NOON + 10 * DAY)
    ReadingBlock.objects.update(power=b"")

    made = prepare(who, wish(device))

    assert made.state == "failed"
    assert "2026-11-20" in made.error


def test_files_end_with_their_time_their_device_and_their_person(who, owner, device, stranger):
    other = create_device(owner, "Other")[0]
    first = prepare(who, wish(device, other))
    second = prepare(who, wish(other))

    delete_device(device, "House")

    assert exports_of(who) == [second]
    assert not Export.objects.filter(pk=first.pk).exists()
    with pytest.raises(GoneError):
        list(content_of(first))

    # Deleted without a word to us, as the administration does.
    third = prepare(who, wish(other, create_device(owner, "Third")[0]))
    ExportPart.objects.filter(export=third, place=1).delete()
    assert find_export(who, third.pk) is None
    list(prepare_due(NOON))
    assert list(Export.objects.all()) == [second]

    list(prepare_due(second.expires_at))
    assert not Export.objects.exists()
    prepare(who, wish(other))
    owner.delete()
    assert not ExportChunk.objects.exists()


def test_file_whose_deletion_was_broken_off_goes_later(who, device):
    made = order(who, wish(device), NOON)

    class PowerCutError(Exception):
        pass

    def cut(execute, sql, params, many, context):
        if "exportchunk" in sql:
            raise PowerCutError
        return execute(sql, params, many, context)

    with connection.execute_wrapper(cut), pytest.raises(PowerCutError):
        delete_exports(Export.objects.filter(pk=made.pk))
    assert Export.objects.get().state == "failed"
    list(prepare_due(timezone.now()))

    assert not Export.objects.exists()


def test_who_may_no_longer_see_a_device_cannot_fetch_its_file(owner, stranger, device):
    member = SiteMember.objects.create(site=device.site, user=stranger, role=Role.VIEWER)
    made = prepare(Principal(stranger), wish(device))
    assert find_export(Principal(stranger), made.pk) == made
    assert find_export(Principal(owner), made.pk) is None

    member.delete()

    assert find_export(Principal(stranger), made.pk) is None
    # It counts, and can be deleted.
    [hidden] = exports_of(Principal(stranger))
    assert (hidden.pk, hidden.name, hidden.is_hidden) == (made.pk, "", True)
    assert not delete_export(Principal(owner), made.pk)
    assert delete_export(Principal(stranger), made.pk)
    assert exports_of(Principal(stranger)) == []


def test_order_that_was_hidden_meanwhile_can_be_deleted(owner, stranger, as_stranger, device):
    member = SiteMember.objects.create(site=device.site, user=stranger, role=Role.VIEWER)
    prepare(Principal(stranger), wish(device))
    order(Principal(stranger), wish(device), NOON)
    member.delete()
    mine = create_device(stranger, "Mine")[0]

    listed = as_stranger.get("/api/v1/exports/").json()
    page = as_stranger.get("/exports/").content.decode()
    with pytest.raises(OrderRefusedError, match="being prepared"):
        order(Principal(stranger), wish(mine), NOON)
    answers = [as_stranger.post(f"/exports/{one['id']}/delete/").status_code for one in listed]

    assert [(one["name"], one["url"]) for one in listed] == [("", None)] * 2
    assert page.count("You may no longer see what is in it") == 2
    assert "House" not in page
    assert "file.gz" not in page
    assert answers == [302, 302]
    assert order(Principal(stranger), wish(mine), NOON).name == "Mine"


@pytest.mark.django_db(transaction=True)
def test_device_that_was_deleted_meanwhile_is_told_from_a_second_order(who, owner):
    gone = create_device(owner, "Gone")[0]
    delete_device(Device.objects.get(pk=gone.pk), "Gone")

    with pytest.raises(OrderRefusedError, match="A device was deleted meanwhile"):
        order(who, wish(gone), NOON)
    assert not Export.objects.exists()


def test_readings_without_values_for_years_take_no_steps(who, device):
    store_counter(device, (NOON, 1))

    made = order(who, wish(device, start=datetime(1970, 1, 2, tzinfo=UTC)), NOON)
    steps = len(list(prepare_due(NOON)))

    made.refresh_from_db()
    assert (made.rows, steps < 6) == (1, True)
    assert VALUES["voltage"] == 230.5

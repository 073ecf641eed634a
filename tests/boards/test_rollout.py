"""Releases on many devices: who is offered one, what becomes of it, and when it stops."""

from datetime import timedelta

import pytest
from django.utils import timezone

from boarding import FILE, ask, release, sync
from wattkeep.api import board
from wattkeep.boards.releases import Tally, change_share, publish, tallies, withdraw
from wattkeep.domain.firmware import MANIFEST, ReleaseError
from wattkeep.domain.rollout import is_covered
from wattkeep.ingest.limits import RateLimit
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device, FirmwareRelease, FirmwareTrial, KeyChange

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_limit(monkeypatch):
    monkeypatch.setattr(board, "_limit", RateLimit(0, 1))


class Board:
    """One device's board, as far as the server can see it."""

    def __init__(self, client, owner, name):
        self.client = client
        self.device, self.key = create_device(owner, name)
        self.firmware = "1.0.0"

    def sync(self, **said):
        return sync(self.client, self.key, **{"firmware": self.firmware, **said})

    def offered(self):
        update = self.sync()["update"]
        return update and update["version"]

    def fetch(self, version):
        body = {"nonce": "00aa11bb", "version": version, "path": MANIFEST, "offset": 0}
        return ask(self.client, self.key, FILE, body).status_code

    def update(self, version):
        """Take the version and run it."""
        assert self.offered() == version
        assert self.fetch(version) == 200
        self.firmware = version
        self.sync(update="confirmed")

    def roll_back(self, version, why="hangs"):
        """Take the version, fail, and say so."""
        assert self.offered() == version
        assert self.fetch(version) == 200
        self.sync(update=f"rolled back: {why}")


@pytest.fixture
def boards(nobody, owner):
    return [Board(nobody, owner, f"Board {number}") for number in range(30)]


@pytest.fixture
def one(boards):
    return boards[0]


def states():
    rows = FirmwareTrial.objects.order_by("device_id", "id")
    return list(rows.values_list("device__name", "release__version", "state", "reason"))


def halted(version):
    return FirmwareRelease.objects.get(version=version).halted_at is not None


def test_newest_release_is_offered_until_it_runs(one):
    publish(release("1.1.0", app="x"), 100)
    publish(release("1.10.0", app="y"), 100)
    publish(release("1.9.0", app="z"), 100)

    one.update("1.10.0")

    assert one.offered() is None
    assert states() == [("Board 0", "1.10.0", "confirmed", "")]


def test_nobody_is_led_back_to_an_older_version(one):
    one.firmware = "2.0.0"
    publish(release("1.1.0", app="x"), 100)

    assert one.offered() is None


def test_share_of_the_boards_gets_it_and_more_when_it_is_raised(boards):
    row = publish(release("1.1.0", app="x"), 20)
    first = {one.device.pk for one in boards if one.offered()}
    change_share(row, 60)
    second = {one.device.pk for one in boards if one.offered()}

    assert first == {o.device.pk for o in boards if is_covered(o.device.pk, "1.1.0", 20)}
    assert second == {o.device.pk for o in boards if is_covered(o.device.pk, "1.1.0", 60)}
    assert first < second


def test_who_is_not_covered_gets_the_one_before(boards):
    publish(release("1.1.0", app="x"), 100)
    publish(release("1.2.0", app="y"), 20)

    offered = {one.device.pk: one.offered() for one in boards}

    assert offered == {
        o.device.pk: "1.2.0" if is_covered(o.device.pk, "1.2.0", 20) else "1.1.0" for o in boards
    }


def test_boards_that_are_covered_learn_of_it_with_their_next_post(boards):
    for each in boards[:-1]:
        each.sync()
    before = KeyChange.objects.get().number
    row = publish(release("1.1.0", app="x"), 20)
    change_share(row, 60)
    change_share(row, 60)

    versions = dict(Device.objects.values_list("pk", "config_version"))

    heard = [one.device.pk for one in boards[:-1]]
    assert {pk: versions[pk] for pk in heard} == {
        pk: 2 if is_covered(pk, "1.1.0", 60) else 1 for pk in heard
    }
    # Never heard of: it posts by other means, or will ask when it starts.
    assert versions[boards[-1].device.pk] == 1
    assert KeyChange.objects.get().number > before


def test_release_that_failed_on_a_board_is_not_offered_there_again(boards):
    publish(release("1.1.0", app="x"), 100)
    first, second, *_ = boards
    first.roll_back("1.1.0", "does not boot")

    assert (first.offered(), second.offered()) == (None, "1.1.0")
    assert states()[0] == ("Board 0", "1.1.0", "failed", "does not boot")
    assert first.fetch("1.1.0") == 404


def test_board_gets_the_next_release_after_a_failure(one):
    publish(release("1.1.0", app="x"), 100)
    one.roll_back("1.1.0")
    publish(release("1.1.1", app="y"), 100)

    one.update("1.1.1")

    assert [state for _, _, state, _ in states()] == ["failed", "confirmed"]


def test_report_of_a_failure_counts_once_and_only_for_what_was_fetched(one):
    publish(release("1.1.0", app="x"), 100)
    one.sync(update="rolled back: no idea")
    assert states() == [("Board 0", "1.1.0", "offered", "")]
    one.roll_back("1.1.0", "hangs")
    one.sync(update="rolled back: hangs still")

    assert states() == [("Board 0", "1.1.0", "failed", "hangs")]


def test_board_that_runs_it_has_passed_though_its_word_was_lost(one):
    publish(release("1.1.0", app="x"), 100)
    one.offered()
    one.fetch("1.1.0")
    one.firmware = "1.1.0"

    one.sync()

    assert states() == [("Board 0", "1.1.0", "confirmed", "")]


def test_release_halts_when_too_many_roll_it_back(boards):
    publish(release("1.1.0", app="x"), 100)
    for good in boards[:9]:
        good.update("1.1.0")

    boards[10].roll_back("1.1.0")
    assert not halted("1.1.0")
    boards[11].roll_back("1.1.0")

    assert halted("1.1.0")
    assert boards[12].offered() is None
    assert boards[12].fetch("1.1.0") == 404
    row = FirmwareRelease.objects.get()
    assert row.halt_reason == "2 rolled back and 0 not heard again, of 11 boards"


def test_two_of_forty_do_not_halt_it(nobody, owner, boards):
    more = [*boards, *(Board(nobody, owner, f"More {number}") for number in range(10))]
    publish(release("1.1.0", app="x"), 100)
    for good in more[:38]:
        good.update("1.1.0")
    for bad in more[38:]:
        bad.roll_back("1.1.0")

    assert not halted("1.1.0")


def test_release_halts_when_boards_do_not_come_back(boards):
    publish(release("1.1.0", app="x"), 100)
    for lost in boards[:2]:
        lost.offered()
        lost.fetch("1.1.0")
    assert boards[2].offered() == "1.1.0"
    an_hour_ago = timezone.now() - timedelta(minutes=61)
    FirmwareRelease.objects.update(counted_from=an_hour_ago - timedelta(minutes=1))
    FirmwareTrial.objects.filter(state="fetching").update(fetched_at=an_hour_ago)

    assert boards[3].offered() is None
    assert FirmwareRelease.objects.get().halt_reason == (
        "0 rolled back and 2 not heard again, of 2 boards"
    )


def test_halted_release_goes_on_when_somebody_says_so(boards):
    row = publish(release("1.1.0", app="x"), 100)
    for bad in boards[:2]:
        bad.roll_back("1.1.0")
    row.refresh_from_db()

    change_share(row, 100)

    assert boards[2].offered() == "1.1.0"
    boards[2].roll_back("1.1.0")
    assert not halted("1.1.0")
    boards[3].roll_back("1.1.0")
    assert halted("1.1.0")


def test_withdrawn_release_is_offered_to_nobody(boards):
    row = publish(release("1.1.0", app="x"), 100)
    boards[0].update("1.1.0")
    withdraw(row)

    assert boards[1].offered() is None
    assert boards[0].offered() is None


def test_tally_says_what_became_of_each_release(boards):
    row = publish(release("1.1.0", app="x"), 100)
    other = publish(release("1.0.1", app="x"), 100)
    boards[0].update("1.1.0")
    boards[1].roll_back("1.1.0")
    boards[2].offered()
    for fetching in boards[3:5]:
        fetching.offered()
        fetching.fetch("1.1.0")
    FirmwareTrial.objects.filter(device=boards[3].device).update(
        fetched_at=timezone.now() - timedelta(hours=2)
    )

    counted = tallies([row, other], timezone.now())

    assert counted == {
        row.pk: Tally(offered=5, fetching=2, confirmed=1, failed=1, missing=1),
        # The next best for the board that failed.
        other.pk: Tally(offered=1),
    }


def test_version_is_published_once():
    publish(release("1.1.0", app="x"), 100)

    with pytest.raises(ReleaseError, match=r"there is a release 1\.1\.0 already"):
        publish(release("1.1.0", app="y"), 100)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (release("newest", app="x"), "is not a version"),
        (release("1.1.0"), "no files"),
        (release("1.1.0", app="x" * 163_841), "163,841 bytes"),
        (release("1.1.0", **{f"m{number}": "" for number in range(65)}), "too many"),
        (release("1.1.0", **{"../boot": "x"}), "cannot be the name"),
        (release("1.1.0", **{"long" * 20: "x"}), "cannot be the name"),
    ],
)
def test_release_no_board_could_take_is_refused(bad, words):
    with pytest.raises(ReleaseError, match=words):
        publish(bad, 100)
    assert not FirmwareRelease.objects.exists()

"""`POST /api/board/sync/` and `/file/`: who is answered, with what, and that it is signed."""

import hashlib
import json
import random

import pytest

from boarding import FILE, SYNC, ask, release, report, sign, sync
from wattkeep.api import board
from wattkeep.boards.commands import queue_command
from wattkeep.boards.configuration import Setup, change_setup
from wattkeep.boards.releases import publish, withdraw
from wattkeep.domain.keys import key_prefix
from wattkeep.ingest.keys import local_key
from wattkeep.ingest.limits import RateLimit
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import BoardCommand, BoardReport, FirmwareTrial

pytestmark = pytest.mark.django_db

NONCE = "00aa11bb"


@pytest.fixture(autouse=True)
def _fresh_limit(monkeypatch):
    # The bucket of device 1 belongs to another test's device 1.
    monkeypatch.setattr(board, "_limit", RateLimit(board.RATE_PER_S, board.RATE_BURST))


@pytest.fixture
def made(owner):
    return create_device(owner, "House")


@pytest.fixture
def key(made):
    return made[1]


def fetch(client, key, path, offset=0, version="1.1.0"):
    body = {"nonce": NONCE, "version": version, "path": path, "offset": offset}
    return ask(client, key, FILE, body)


def test_board_that_nobody_set_up_gets_its_interval(nobody, key):
    assert sync(nobody, key) == {
        "config_version": 1,
        "config": {"interval_s": 10},
        "commands": [],
        "update": None,
    }


def test_board_is_told_everything_within_a_kilobyte(nobody, made, key, owner):
    device = made[0]
    change_setup(device.pk, Setup(display=False, contrast=40, meters=(247,)))
    commands = [queue_command(device.pk, kind, owner)[0] for kind in BoardCommand.Kind.values]
    made_of = release("1.1.0", app="a" * 300, net="b" * 40)
    row = publish(made_of, 100)

    assert sync(nobody, key) == {
        "config_version": 5,
        "config": {"interval_s": 10, "display": 0, "contrast": 40, "meters": [247]},
        "commands": [[one.pk, one.kind] for one in commands],
        "update": {"version": "1.1.0", "size": 340, "manifest_sha256": row.manifest_sha256},
    }  # fmt: skip


def test_keyed_request_gets_a_signed_answer_too(nobody, key):
    answer = nobody.generic(
        "POST", SYNC, json.dumps(report()), "application/json", headers={"X-API-Key": key}
    )

    assert answer.status_code == 200
    assert answer["X-Signature"] == sign(key, answer.content)


def test_report_is_kept(nobody, made, key):
    sync(nobody, key, config_version=7, log="low heap\nmeter silent")

    kept = BoardReport.objects.values(
        "device_id", "boot", "firmware", "slot", "config_version", "uptime_s", "rssi_dbm",
        "free_heap", "bad_polls", "backlog", "resets", "reset_cause", "log",
    ).get()  # fmt: skip
    assert kept == {
        "device_id": made[0].pk, "boot": "9f3c21aa", "firmware": "1.0.0", "slot": "a",
        "config_version": 7, "uptime_s": 86412, "rssi_dbm": -67, "free_heap": 18320,
        "bad_polls": 12, "backlog": 3, "resets": 2, "reset_cause": 1,
        "log": "low heap\nmeter silent",
    }  # fmt: skip


def test_log_stays_until_the_next_one(nobody, key):
    sync(nobody, key, log="meter silent")
    sync(nobody, key)

    assert BoardReport.objects.get().log == "meter silent"


@pytest.mark.parametrize(
    "health",
    [
        {},
        {"uptime_s": None},
        {"rssi_dbm": 10**30, "free_heap": -1, "bad_polls": True, "resets": "x"},
    ],
    ids=["none", "null", "nonsense"],
)
def test_health_that_cannot_be_is_left_out(nobody, key, health):
    sync(nobody, key, health=health)

    kept = BoardReport.objects.values("uptime_s", "rssi_dbm", "free_heap", "bad_polls", "resets")
    assert set(kept.get().values()) == {None}


def test_long_texts_are_cut_not_refused(nobody, made, key, owner):
    command, _ = queue_command(made[0].pk, "reboot", owner)
    sync(nobody, key)

    sync(nobody, key, log="x" * 1500, done=[[command.pk, "x\0" * 100]])

    command.refresh_from_db()
    assert len(BoardReport.objects.get().log) == 1000
    assert command.result == "x " * 30


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"\xff", b'"text"',
        *(json.dumps({k: v for k, v in report().items() if k != name}).encode()
          for name in ("boot", "nonce", "config_version", "firmware")),
        json.dumps(report(nonce="XYZ")).encode(),
        json.dumps(report(nonce="a" * 33)).encode(),
        json.dumps(report(config_version=-1)).encode(),
        json.dumps(report(config_version=10**40)).encode(),
        json.dumps(report(done=[[1]])).encode(),
        json.dumps(report(done=[[10**40, "ok"]])).encode(),
        json.dumps(report(done=[[1, "ok"]] * 33)).encode(),
        json.dumps(report(boot="")).encode(),
    ],
)  # fmt: skip
def test_body_that_is_no_report_is_refused(nobody, key, body):
    answer = ask(nobody, key, SYNC, body)

    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert not BoardReport.objects.exists()


def test_nonce_that_came_before_changes_nothing(nobody, made, key, owner):
    command, _ = queue_command(made[0].pk, "reboot", owner)
    body = report(done=[[command.pk, "ok"]], health={"uptime_s": 1})
    ask(nobody, key, SYNC, body)
    sync(nobody, key, health={"uptime_s": 2})

    again = ask(nobody, key, SYNC, body)

    command.refresh_from_db()
    assert (again.status_code, again.json()) == (400, {"error": "This nonce was used before."})
    assert (BoardReport.objects.get().uptime_s, command.done_at) == (2, None)


@pytest.mark.parametrize("address", [SYNC, FILE])
def test_only_the_device_itself_is_answered(nobody, made, key, address):
    body = json.dumps(report()).encode()
    wrong = "sha256=" + "0" * 64
    prefix = key_prefix(key)
    cases = {
        "nothing": {},
        "unknown key": {"X-API-Key": "aaaa_bbbb"},
        "local key": {"X-API-Key": local_key(made[0].pk)},
        "wrong signature": {"X-Device": prefix, "X-Signature": wrong},
        "no prefix": {"X-Signature": sign(key, body)},
        "unknown prefix": {"X-Device": "nobody22", "X-Signature": sign(key, body)},
        "long prefix": {"X-Device": "a" * 500, "X-Signature": sign(key, body)},
        "other body": {"X-Device": prefix, "X-Signature": sign(key, body + b" ")},
    }

    told = {
        name: nobody.generic("POST", address, body, "application/json", headers=headers)
        for name, headers in cases.items()
    }

    assert {name: answer.status_code for name, answer in told.items()} == dict.fromkeys(cases, 401)
    assert {name: answer.json()["error"] for name, answer in told.items()} == {
        "nothing": "API key is required",
        "unknown key": "Invalid API key",
        "local key": "Invalid API key",
        **dict.fromkeys(list(cases)[3:], "Invalid signature"),
    }
    assert not BoardReport.objects.exists()


@pytest.mark.parametrize("address", [SYNC, FILE])
def test_inactive_device_is_refused(nobody, made, key, address):
    device = made[0]
    device.is_active = False
    device.save()

    assert ask(nobody, key, address, report()).status_code == 401


def test_device_that_only_signs_is_not_answered_by_its_key(nobody, made, key):
    device = made[0]
    device.signed_only = True
    device.save()

    answer = nobody.generic(
        "POST", SYNC, json.dumps(report()), "application/json", headers={"X-API-Key": key}
    )

    assert answer.status_code == 401
    assert sync(nobody, key)["config"] == {"interval_s": 10}


@pytest.mark.parametrize("address", [SYNC, FILE])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(nobody, address, method):
    answer = nobody.generic(method, address)

    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize("address", [SYNC, FILE])
def test_other_forms_and_sizes_are_refused(nobody, key, address):
    headers = {"X-API-Key": key}
    text = nobody.generic("POST", address, b"{}", "text/plain", headers=headers)
    large = nobody.generic("POST", address, b" " * 4097, "application/json", headers=headers)

    assert (text.status_code, list(text.json())) == (415, ["error"])
    assert (large.status_code, list(large.json())) == (413, ["error"])


def test_board_that_asks_too_often_is_told_to_wait(nobody, key, monkeypatch):
    monkeypatch.setattr(board, "_limit", RateLimit(0.01, 2, clock=lambda: 5.0))

    answers = [ask(nobody, key, SYNC, report()) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "100"


def test_strangers_do_not_use_up_a_devices_turns(nobody, key, monkeypatch):
    monkeypatch.setattr(board, "_limit", RateLimit(0.01, 1, clock=lambda: 5.0))

    for _ in range(5):
        ask(nobody, key, SYNC, report(), **{"X-Signature": "sha256=00"})

    assert ask(nobody, key, SYNC, report()).status_code == 200


def test_file_comes_in_pieces_each_signed_with_the_nonce(nobody, key):
    content = random.Random(5).randbytes(2500).hex()[:2500]
    row = publish(release("1.1.0", app=content), 100)
    told = sync(nobody, key)["update"]
    manifest = fetch(nobody, key, "manifest.json")
    listed = json.loads(manifest.content)

    got = b""
    while len(got) < 2500:
        answer = fetch(nobody, key, "app.mpy", len(got))
        assert answer["X-Signature"] == sign(key, NONCE.encode() + answer.content)
        assert answer["X-Total-Size"] == "2500"
        assert int(answer["Content-Length"]) == len(answer.content) <= 1024
        got += answer.content

    assert got == content.encode()
    assert told["manifest_sha256"] == hashlib.sha256(manifest.content).hexdigest()
    assert manifest["Content-Type"] == "application/octet-stream"
    assert listed == {
        "version": "1.1.0",
        "files": [["app.mpy", 2500, hashlib.sha256(got).hexdigest()]],
    }
    assert fetch(nobody, key, "app.mpy", 2500).content == b""
    assert FirmwareTrial.objects.get().state == "fetching"
    assert row.size == 2500


def test_file_is_for_those_only_who_are_offered_it(nobody, key, owner):
    row = publish(release("1.1.0", app="x"), 100)
    before = fetch(nobody, key, "app.mpy").status_code
    sync(nobody, key)
    other_key = create_device(owner, "Other")[1]
    answers = {
        "own": fetch(nobody, key, "app.mpy").status_code,
        "other": fetch(nobody, other_key, "app.mpy").status_code,
        "no such file": fetch(nobody, key, "..").status_code,
        "no such version": fetch(nobody, key, "app.mpy", version="9.9").status_code,
    }
    withdraw(row)
    answers["withdrawn"] = fetch(nobody, key, "app.mpy").status_code

    assert before == 404
    assert answers == {
        "own": 200, "other": 404, "no such file": 404, "no such version": 404, "withdrawn": 404,
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        {"nonce": NONCE, "version": "1", "path": "a", "offset": -1},
        {"nonce": NONCE, "version": "1", "path": "../secret-key", "offset": 0},
        {"nonce": NONCE, "version": "1\0", "path": "a", "offset": 0},
        {"nonce": f"{NONCE}\n", "version": "1", "path": "a", "offset": 0},
    ],
)
def test_request_for_no_file_is_refused(nobody, key, body):
    assert ask(nobody, key, FILE, body).status_code == 400


def test_command_of_another_device_is_nobodys(nobody, key, owner):
    other, other_key = create_device(owner, "Other")
    command, _ = queue_command(other.pk, "reboot", owner)
    sync(nobody, other_key)

    told = sync(nobody, key, done=[[command.pk, "ok"]])

    command.refresh_from_db()
    assert (told["commands"], command.done_at) == ([], None)

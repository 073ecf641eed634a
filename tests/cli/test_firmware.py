"""`wattkeep firmware`: building the same bytes, publishing them, raising and ending a roll-out."""

import hashlib
import json
import shutil

import pytest

from boarding import sync
from cli.boards import call
from running import PASSWORD
from wattkeep.domain.rollout import is_covered
from wattkeep.firmware import FIXED, build_application, firmware_path
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import FirmwareFile, FirmwareRelease

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for name in FIXED:
        (folder / name).write_text("x = 1\n")
    (folder / "app.py").write_text('VERSION = "1.2.0"\n\n\ndef run(slot):\n    return slot\n')
    (folder / "net.py").write_text("def join():\n    return 1\n")
    return folder


@pytest.fixture
def built(tmp_path, source):
    out = tmp_path / "release"
    assert call("firmware", "build", source, "--out", out).exit_code == 0
    return out


def listed():
    return json.loads(call("firmware", "list", "--json").stdout)


def test_build_writes_the_application_and_its_manifest(built, source):
    manifest = json.loads((built / "manifest.json").read_bytes())
    image = (built / "app.romfs").read_bytes()

    assert sorted(path.name for path in built.iterdir()) == ["app.romfs", "manifest.json"]
    assert image == build_application(source)
    assert manifest == {
        "version": "1.2.0",
        "files": [["app.romfs", len(image), hashlib.sha256(image).hexdigest()]],
    }


def test_same_sources_make_the_same_bytes_wherever_they_lie(built, source, tmp_path):
    elsewhere = tmp_path / "some" / "where else"
    shutil.copytree(source, elsewhere)

    call("firmware", "build", elsewhere, "--out", tmp_path / "again")

    assert {p.name: p.read_bytes() for p in built.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()
    }


def test_own_firmware_is_built_without_being_named(tmp_path):
    done = call("firmware", "build", "--out", tmp_path / "own")

    assert done.exit_code == 0, done.output
    image = (tmp_path / "own" / "app.romfs").read_bytes()
    assert image == build_application(firmware_path())
    assert done.stdout.endswith(f"{len(image):,} bytes.\n")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("boot.py", None, "boot.py is not in it"),
        ("net.py", "def run(:\n", "SyntaxError"),
        ("app.py", "x = 1\n", "has no line VERSION"),
        ("app.py", 'VERSION = "next"\n', "'next' is not a version"),
    ],
    ids=["no start file", "no Python", "no version", "no number"],
)
def test_folder_that_is_no_firmware_is_refused(name, content, said, source, tmp_path):
    if content is None:
        (source / name).unlink()
    else:
        (source / name).write_text(content)

    done = call("firmware", "build", source, "--out", tmp_path / "release")

    assert done.exit_code == 1
    assert said in done.stderr
    assert not (tmp_path / "release").exists()


def test_build_overwrites_only_the_very_same(built, source):
    again = call("firmware", "build", source, "--out", built)
    (source / "net.py").write_text("def join():\n    return 2\n")
    other = call("firmware", "build", source, "--out", built)

    assert (again.exit_code, other.exit_code) == (0, 1)
    assert other.stderr == f"Error: {built} holds something else; choose another --out.\n"


def test_release_goes_to_a_share_then_to_all_then_to_nobody(built, nobody):
    ada = create_account("ada", PASSWORD)
    boards = [create_device(ada, f"Board {number}") for number in range(8)]
    for _, key in boards:
        sync(nobody, key)
    few = sum(is_covered(device.pk, "1.2.0", 30) for device, _ in boards)

    said = [
        call("firmware", "publish", built, "--share", "30").stdout,
        call("firmware", "share", "1.2.0", "100").stdout,
    ]
    offered = [sync(nobody, key)["update"]["version"] for _, key in boards]
    said.append(call("firmware", "withdraw", "1.2.0").stdout)
    after = [sync(nobody, key)["update"] for _, key in boards]

    assert said == [
        (
            f"Published 1.2.0. 1.2.0 goes to 30 %: {few} of 8 known boards. "
            "`wattkeep firmware share 1.2.0 100` gives it to all.\n"
        ),
        "1.2.0 goes to 100 %: 8 of 8 known boards.\n",
        "1.2.0 is offered to nobody any more.\n",
    ]
    assert (set(offered), set(after)) == ({"1.2.0"}, {None})
    [stored] = FirmwareFile.objects.all()
    assert (stored.path, bytes(stored.content)) == ("app.romfs", (built / "app.romfs").read_bytes())


def test_list_says_what_became_of_each(built, nobody):
    ada = create_account("ada", PASSWORD)
    keys = [create_device(ada, f"Board {number}")[1] for number in range(3)]
    call("firmware", "publish", built, "--share", "100")
    for key in keys:
        sync(nobody, key)
    sync(nobody, keys[0], firmware="1.2.0", update="confirmed")

    assert listed() == [
        {
            "version": "1.2.0", "share": 100, "state": "open",
            "bytes": FirmwareRelease.objects.get().size, "offered": 3, "running": 1, "failed": 0,
            "missing": 0, "note": "",
        }
    ]  # fmt: skip
    call("firmware", "withdraw", "1.2.0")
    assert listed()[0]["state"] == "withdrawn"
    assert "1.2.0" in call("firmware", "list").stdout


def test_release_that_was_changed_is_not_published(built):
    (built / "app.romfs").write_bytes(b"something else")

    done = call("firmware", "publish", built)

    assert done.stderr == f"Error: the files in {built} are not those of its manifest.json.\n"
    assert not FirmwareRelease.objects.exists()


def test_folder_without_a_manifest_is_not_published(tmp_path):
    done = call("firmware", "publish", tmp_path)

    assert "`wattkeep firmware build` makes one" in done.stderr


def test_version_that_is_published_is_not_published_again(built):
    call("firmware", "publish", built)

    done = call("firmware", "publish", built)

    assert "there is a release 1.2.0 already" in done.stderr


@pytest.mark.parametrize("words", [["share", "9.9", "10"], ["withdraw", "9.9"]])
def test_release_that_is_not_there_is_named(words):
    done = call("firmware", *words)

    assert done.stderr == (
        "Error: there is no release '9.9'. `wattkeep firmware list` shows what there is.\n"
    )

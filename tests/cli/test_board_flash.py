"""`wattkeep board flash`: what it asks of the tools, and what it says where they fail."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.boards import SETTINGS, Tools, call
from wattkeep.cli import board_flash
from wattkeep.cli.board_steps import CHECK_FILES, MAKE_ROOM, OK, says_ok
from wattkeep.cli.firmware_build import APPLICATION
from wattkeep.firmware import build_application, firmware_path, fixed_files
from wattkeep.sim.micropython import has_micropython

PORT = "/dev/ttyUSB7"


@pytest.fixture
def tools(tmp_path, monkeypatch):
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setattr(board_flash, "TRY_PAUSE_S", 0)
    return Tools(folder, monkeypatch)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "ESP8266_GENERIC-FLASH_2M_ROMFS-v1.29.0.bin"
    path.write_bytes(b"\xe9" + bytes(600_000))
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SETTINGS))
    return path


@pytest.fixture
def flash(image, config):
    def run(*more, **changed):
        given = {"--port": PORT, "--image": image, "--config": config, **changed}
        words = [word for pair in given.items() if pair[1] is not None for word in pair]
        return call("board", "flash", *words, *more)

    return run


def names(paths):
    return {Path(path).name for path in paths}


def test_board_gets_image_application_settings_and_start_in_this_order(tools, flash, image):
    done = flash()

    assert done.exit_code == 0, done.output
    asked = tools.asked()
    esptool = ["esptool", "--chip", "esp8266", "--port", PORT]
    write = ["--baud", "460800", "write-flash", "--flash-size", "detect", "0", str(image)]
    assert asked[:3] == [
        [*esptool, "flash-id"],
        [*esptool, "erase-flash"],
        [*esptool, *write],
    ]
    assert [one[:4] for one in asked[3:]] == [
        ["mpremote", "connect", PORT, "exec"],
        ["mpremote", "connect", PORT, "exec"],
        ["mpremote", "connect", PORT, "romfs"],
        ["mpremote", "connect", PORT, "fs"],
        ["mpremote", "connect", PORT, "exec"],
        ["mpremote", "connect", PORT, "exec"],
        ["mpremote", "connect", PORT, "fs"],
    ]
    deploy, root, last = asked[5], asked[6], asked[9]
    assert (deploy[3:5], names(deploy[5:])) == (["romfs", "deploy"], {"app.romfs"})
    assert (root[4], names(root[5:-1]), root[-1]) == (
        "cp",
        {"boot.py", "slots.mpy", "config.json"},
        ":",
    )
    # Nothing of the board's own start is there before everything else is, and is checked.
    assert names(last[5:6]) == {"main.py"}
    assert [last[4], *last[6:9], *last[-2:]] == ["cp", ":", "+", "exec", "+", "reset"]


def test_every_byte_is_read_back_and_compared(tools, flash, config):
    flash()

    checks = "".join(word for one in tools.asked() for word in one if "binascii" in word)
    written = {
        **fixed_files(firmware_path()),
        APPLICATION: build_application(firmware_path()),
        "/config.json": config.read_bytes(),
    }
    assert "/main.py" in written
    for name, content in written.items():
        digest = hashlib.sha256(content).hexdigest()
        assert f"({name!r}, {len(content)}, {digest!r})" in checks


def test_end_says_what_comes_next(tools, flash):
    tools.set(says=f"MicroPython 1.29.0\nmpy 6 free 900 KiB\ndisplay: found\n{OK}")

    out = flash().stdout

    assert "MicroPython 1.29.0" in out
    assert "display: found" in out
    assert out.splitlines()[-1].startswith("The board has firmware 1.")
    assert SETTINGS["wifi_password"] not in out


STEPS = [
    ("flash-id", "find the chip", "data, too"),
    ("erase-flash", "erase its flash", "data, too"),
    (
        "write-flash",
        "write MicroPython, ESP8266_GENERIC-FLASH_2M_ROMFS-v1.29.0.bin",
        "--baud 115200",
    ),
    ("sys.platform", "talk to MicroPython", "Press RST once"),
    ("os.remove", "make room", "Press RST once"),
    ("romfs deploy", "write the application", "Run this again"),
    ("config.json :", "copy the settings", "Run this again"),
    ("slots.mpy', ", "read all back", "Run this again"),
    ("conf.load", "check itself", "Mend it and run this again with --files-only"),
    ("reset", "start it", "Run this again"),
]


@pytest.mark.parametrize(("failing", "title", "advice"), STEPS, ids=[one[1] for one in STEPS])
def test_step_that_fails_stops_everything_and_says_what_to_do(failing, title, advice, tools, flash):
    tools.set(failing=failing)

    done = flash()

    number = [one[1] for one in STEPS].index(title) + 1
    assert done.exit_code == 1
    assert f"Error: step {number} of 10, {title}: " in done.stderr
    assert f"  | A fatal error occurred: {failing.strip()}" in done.stderr
    assert advice in done.stderr.partition("What to do:")[2]
    assert done.stdout.splitlines()[-1] == f"{number}/10 {title} … failed"
    assert failing in " ".join(tools.asked()[-1])


def test_first_talk_is_tried_again_because_the_first_start_is_slow(tools, flash):
    tools.set(failing="sys.platform")

    flash()

    assert sum("sys.platform" in " ".join(one) for one in tools.asked()) == 5


def test_check_that_does_not_reach_its_end_counts_as_failed(tools, flash):
    tools.set(says="Traceback")

    done = flash()

    assert "talk to MicroPython: the check did not reach its end." in done.stderr


@pytest.mark.parametrize(
    ("size", "said"), [("1MB", "this board has 1 MiB"), ("512KB", "this board has 512 KiB")]
)
def test_board_with_too_little_flash_is_refused_before_it_is_erased(size, said, tools, flash):
    tools.set(flash_size=size)

    done = flash()

    assert said in done.stderr
    assert [one[-1] for one in tools.asked()] == ["flash-id"]


def test_dry_run_prints_every_step_and_asks_nothing(tools, flash):
    done = flash("--dry-run")

    assert done.exit_code == 0
    assert tools.asked() == []
    lines = done.stdout.splitlines()
    numbered = [line.split(". ", 1)[1] for line in lines if re.match(r"\d+\. ", line)]
    assert numbered == [title for _, title, _ in STEPS]
    assert done.stdout.count("If it fails:") == len(STEPS)
    assert "   If it fails: as for step 1." in lines
    assert f"     esptool --chip esp8266 --port {PORT} erase-flash" in lines
    assert SETTINGS["wifi_password"] not in done.stdout
    assert "abcd2345" not in done.stdout


def test_dry_run_needs_no_board_and_no_tools(tmp_path, monkeypatch, flash):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    done = flash("--dry-run", **{"--port": None})

    assert done.exit_code == 0
    assert "     esptool --chip esp8266 --port PORT erase-flash" in done.stdout.splitlines()


def test_files_only_leaves_micropython_alone(tools, flash):
    done = flash("--files-only", **{"--image": None})

    assert done.exit_code == 0, done.output
    assert {one[0] for one in tools.asked()} == {"mpremote"}
    assert len(tools.asked()) == 7


def test_flash_mode_and_speed_are_handed_on(tools, flash):
    flash("--flash-mode", "dout", "--baud", "115200")

    [write] = [one for one in tools.asked() if "write-flash" in one]
    assert write[write.index("--flash-mode") + 1] == "dout"
    assert write[write.index("--baud") + 1] == "115200"


def test_image_is_asked_for_and_where_it_comes_from_is_told(tools, flash):
    done = flash(**{"--image": None})

    assert done.exit_code == 2
    assert "https://micropython.org/download/ESP8266_GENERIC/" in done.stderr


@pytest.mark.parametrize(
    "case",
    [
        ("page.bin", b"<!DOCTYPE html>" + bytes(600_000), "no image of MicroPython"),
        ("short.bin", b"\xe9" + bytes(1000), "no image of MicroPython"),
        ("ESP8266_GENERIC-v1.29.0.bin", b"\xe9" + bytes(600_000), "without a ROM partition"),
        ("ESP8266_GENERIC-FLASH_1M-v1.bin", b"\xe9" + bytes(600_000), "without a ROM partition"),
    ],
)
def test_file_that_is_no_image_for_it_is_refused(case, tmp_path, tools, flash):
    name, content, said = case
    path = tmp_path / name
    path.write_bytes(content)

    done = flash(**{"--image": path})

    assert (done.exit_code, tools.asked()) == (1, [])
    assert said in done.stderr


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"server": "http://x", "meters": []}'])
def test_settings_that_are_none_are_refused(content, config, tools, flash):
    config.write_text(content)

    done = flash()

    assert (done.exit_code, tools.asked()) == (1, [])
    assert "`wattkeep board new NAME --user USER`" in done.stderr


def test_missing_tool_is_named_with_what_installs_it(tmp_path, monkeypatch, flash):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    done = flash()

    assert done.stderr == (
        "Error: the program esptool is missing. Install it: pip install 'wattkeep[flash]'\n"
    )


def run_on_micropython(*programs):
    """Run programs one after the other on a littlefs in memory; return what they said."""
    setup = """
import vfs, os, sys
class Ram:
    def __init__(self, n): self.d = bytearray(4096 * n)
    def readblocks(self, n, b, off=0):
        a = n * 4096 + off
        b[:] = self.d[a:a + len(b)]
    def writeblocks(self, n, b, off=0):
        a = n * 4096 + off
        self.d[a:a + len(b)] = b
    def ioctl(self, op, arg):
        return {4: len(self.d) // 4096, 5: 4096, 6: 0}.get(op, 0)
ram = Ram(64)
vfs.VfsLfs2.mkfs(ram)
vfs.mount(vfs.VfsLfs2(ram), "/")
os.chdir("/")
"""
    script = setup + "".join(f"exec({program!r}, {{}})\n" for program in programs)
    return subprocess.run(
        [sys.executable, "-P", "-m", "wattkeep.sim.micropython", "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MICROPYPATH": ".frozen"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


needs_micropython = pytest.mark.skipif(not has_micropython(), reason="no MicroPython here")
WRITE = """
import os
for name, content in {files!r}:
    with open(name, "wb") as f: f.write(content)
"""


ROM = """
import sys
class vfs:
    def rom_ioctl(*_):
        return {content!r}
sys.modules["vfs"] = vfs
"""
BOOT = bytes(range(256)) * 5
IMAGE = bytes(range(255, -1, -1)) * 3 + b"end"


@needs_micropython
def test_room_is_made_on_a_fresh_board_and_on_one_that_ran_before():
    look = "import os\nprint(sorted(os.listdir('/')))"
    old = [("/boot.py", b"y"), ("/main.py", b"x"), ("/state", b"b"), ("/queue", b"kept")]

    done = run_on_micropython(MAKE_ROOM, look, WRITE.format(files=old), MAKE_ROOM, look)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [OK, "[]", OK, "['boot.py', 'queue']"]


@needs_micropython
@pytest.mark.parametrize(
    ("boot", "image", "problem"),
    [
        (BOOT, IMAGE + b"what the half was before", None),
        (BOOT[:-256] + bytes(256), IMAGE, "/boot.py differs"),
        (BOOT[:-256], IMAGE, "/boot.py differs"),
        (None, IMAGE, "ENOENT"),
        (BOOT, IMAGE[:-3] + b"END", "app.romfs differs"),
    ],
    ids=["whole", "a byte differs", "short", "missing", "image differs"],
)
def test_what_differs_on_the_board_is_seen(boot, image, problem):
    wanted = [("/boot.py", BOOT), (APPLICATION, IMAGE)]
    listed = [(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in wanted]
    check = CHECK_FILES.format(files=listed, rom=APPLICATION, ok=OK)
    there = [] if boot is None else [("/boot.py", boot)]

    done = run_on_micropython(WRITE.format(files=there), ROM.format(content=image), check)

    assert (says_ok(done.stdout) is None) == (problem is None)
    assert (problem or "") in done.stdout

"""`wattkeep board sim`: the display in dots, faults on keys, and the whole of it in a terminal."""

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from cli.boards import call
from running import environment
from wattkeep.cli.board_sim import Mains, open_bench
from wattkeep.cli.board_view import KEYS, in_braille, meter_line
from wattkeep.sim.load import synthetic_load
from wattkeep.sim.micropython import has_micropython

needs_micropython = pytest.mark.skipif(not has_micropython(), reason="no MicroPython here")
PATIENCE_S = 60


def wait_until(true):
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def test_pixels_become_braille_letters():
    rows = [bytearray(4) for _ in range(8)]
    rows[0][0] = rows[3][1] = rows[4][2] = rows[7][3] = 1

    assert in_braille(rows) == ["⢁⠀", "⠀⢁"]
    assert in_braille([b"\1" * 2] * 4) == ["⣿"]


def test_mains_that_are_off_carry_nothing():
    load = synthetic_load()
    mains = Mains(load)
    assert mains(1_768_471_200) == load(1_768_471_200)

    mains.is_on = False

    point = mains(1_768_471_200)
    assert (point.voltage_v, point.current_a, point.power_w) == (0, 0, 0)


@needs_micropython
def test_keys_do_what_stands_beside_them(tmp_path):
    with open_bench(tmp_path, "127.0.0.1", 1, "", "k" * 48, 1) as bench:
        wait_until(lambda: "meter answers" in bench.board.log_tail(20))
        wait_until(lambda: any(any(row) for row in bench.oled.pixels()))
        assert re.match(r"meter \d+\.\d V  \d+\.\d{3} A  .* starts 1$", meter_line(bench))

        for key in "sctnmwo":
            bench.press(key)
        assert bench.active() == set("sctnmwo") == {key for key, _ in KEYS} - {"p", "q"}
        assert not any(any(row) for row in bench.oled.pixels())
        wait_until(lambda: "meter silent" in bench.board.log_tail(20))

        for key in "sctnmwox":
            bench.press(key)
        assert bench.active() == set()
        wait_until(lambda: bench.board.log_tail(40).count("meter answers") == 2)

        bench.press("p")
        wait_until(lambda: bench.board.starts == 2)
        wait_until(lambda: bench.board.log_tail(40).count("in a, boot") == 2)


@needs_micropython
def test_log_is_printed_where_there_is_no_terminal():
    done = call("board", "sim", "--url", "http://127.0.0.1:1", "--seconds", 3)

    assert done.exit_code == 0, done.output
    assert "wattkeep " in done.stdout


@needs_micropython
def test_terminal_shows_display_keys_and_log():
    shown, theirs = pty.openpty()
    words = [sys.executable, "-m", "wattkeep", "board", "sim", "--url", "http://127.0.0.1:1"]
    settings = environment(TERM="xterm", COLUMNS="100", LINES="40")
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=settings) as run:
        os.close(theirs)
        seen = b""

        def see(words):
            nonlocal seen
            until = time.monotonic() + PATIENCE_S
            while words not in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen):
                assert time.monotonic() < until, seen[-2000:]
                if select.select([shown], [], [], 1)[0]:
                    seen += os.read(shown, 65536)

        see(b"meter answers")
        see("⣿".encode())
        see(b"power cut, now")
        os.write(shown, b"sq")
        # Its end closes the terminal, which is an error to whoever reads it.
        with contextlib.suppress(OSError):
            while run.poll() is None:
                if select.select([shown], [], [], 0.1)[0]:
                    os.read(shown, 65536)
        run.wait(PATIENCE_S)
    os.close(shown)

    assert run.returncode == 0


def test_address_that_is_none_is_refused():
    done = call("board", "sim", "--url", "ftp://somewhere")

    assert done.exit_code == 1
    assert "write http://HOST:PORT" in done.stderr

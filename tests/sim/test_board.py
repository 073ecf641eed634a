"""What the virtual board does around any firmware: resets, the watchdog, the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.on_micropython import needs_micropython
from sim.patience import wait_until
from wattkeep.firmware import firmware_path
from wattkeep.sim.board import BoardKind, VirtualBoard, Wiring

pytestmark = needs_micropython


@pytest.fixture
def start(tmp_path):
    boards = []

    def start(main, **kind):
        firmware = tmp_path / "firmware"
        firmware.mkdir()
        (firmware / "boot.py").write_text("")
        (firmware / "main.py").write_text(main)
        board = VirtualBoard(
            tmp_path / "flash", {}, Wiring(uart=""), BoardKind(firmware=firmware, **kind)
        )
        boards.append(board)
        board.start()
        return board

    yield start
    for board in boards:
        board.stop()


COUNT_RESETS = """
import machine
count = len(machine.RTC().memory())
print("start", count, "cause", machine.reset_cause())
machine.RTC().memory(b"x" * (count + 1))
if count < 2:
    machine.reset()
"""


def test_reset_starts_the_board_again_with_its_rtc_memory(start):
    board = start(COUNT_RESETS)

    wait_until(lambda: board.poll() is not None)

    assert board.log_tail(9).splitlines() == [
        "start 0 cause 0",
        "start 1 cause 4",
        "start 2 cause 4",
    ]
    assert (board.poll(), board.starts) == (0, 3)


def test_an_error_without_a_dog_leaves_the_board_at_its_prompt(start):
    board = start("1 / 0")

    wait_until(lambda: board.poll() is not None)

    assert (board.poll(), board.starts) == (1, 1)
    assert "ZeroDivisionError" in board.log_tail(3)


HANG = """
import machine
print("cause", machine.reset_cause())
if machine.reset_cause() == machine.PWRON_RESET:
    machine.WDT()
    while True:
        pass
"""


def test_a_hungry_dog_bites(start):
    board = start(HANG, dog_s=0.7)

    wait_until(lambda: board.poll() is not None)

    assert board.log_tail(9).splitlines() == ["cause 0", "cause 1"]


def test_stop_ends_a_board_that_hangs(start):
    board = start("while True: pass")
    wait_until(lambda: board.pid)

    board.stop()

    assert not board.is_running()
    assert not Path(f"/proc/{board.pid}").exists()


def test_the_firmware_is_found():
    assert {"boot.py", "main.py", "pzem.py"} <= {file.name for file in firmware_path().iterdir()}

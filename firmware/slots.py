# Which half of the ROM partition holds the application that runs, and which one is on trial.
# This module, boot.py and main.py are never replaced by an update: they carry it.
import os
import sys
import vfs

from micropython import const

_MOST_BOOTS = const(3)
NONE = "-"
_STATE = "/state"
_SECTOR = const(4096)


def memory(slot):
    # The half that is this slot's, as it lies in flash: code runs from there, not from the heap.
    view = memoryview(vfs.rom_ioctl(2, 0))
    half = len(view) // 2 // _SECTOR * _SECTOR
    return view[half : half * 2] if slot == "b" else view[:half]


def mount(slot):
    vfs.mount(vfs.VfsRom(memory(slot)), "/app")
    sys.path.insert(0, "/app")


def read():
    # [active slot, slot on trial or "-", boots of the trial so far, what to tell the server]
    try:
        with open(_STATE) as file:
            lines = file.read().split("\n")
        if lines[0] in ("a", "b") and lines[1] in ("a", "b", NONE):
            return [lines[0], lines[1], int(lines[2]), lines[3]]
    except (OSError, ValueError, IndexError):
        pass
    return ["a", NONE, 0, ""]


def write(active, trial, boots, note):
    # A rename is all or nothing, also when the power goes.
    with open(_STATE + ".new", "w") as file:
        file.write("%s\n%s\n%d\n%s" % (active, trial, boots, note))
    os.rename(_STATE + ".new", _STATE)


def choose():
    # Answers the slot of this start, and whether it is on trial.
    active, trial, boots, note = read()
    if trial == NONE:
        return active, False
    if boots >= _MOST_BOOTS:
        roll_back("not confirmed in %d starts" % boots)
        return active, False
    write(active, trial, boots + 1, note)
    return trial, True


def other(slot):
    return "b" if slot == "a" else "a"


def begin_trial(slot):
    write(other(slot), slot, 0, "")


def confirm():
    trial = read()[1]
    if trial != NONE:
        write(trial, NONE, 0, "confirmed")


def roll_back(reason):
    active, trial, _, _ = read()
    if trial != NONE:
        write(active, NONE, 0, "rolled back: " + reason)


def forget_note():
    # The server has heard how the last update ended.
    active, trial, boots, _ = read()
    write(active, trial, boots, "")

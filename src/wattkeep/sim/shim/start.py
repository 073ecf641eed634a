# What the board does then: its flash becomes the root, then boot.py, then main.py.
import os
import sys

import board_vfs
import esp
import flash
import machine
import network
import time

if ":" in (os.getenv("WATTKEEP_UART") or ""):
    time.skip_sleep()
flash.mount()
sys.modules["vfs"] = board_vfs
sys.path[:] = ["", "/", ".frozen"]
os.chdir("/")
import boot
import main

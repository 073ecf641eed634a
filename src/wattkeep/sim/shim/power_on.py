# What the board does when power comes: boot.py, then main.py, from the firmware's folder.
import boot
import main

# Puts files onto a board's flash, which is formatted where it is not: what goes where is in
# flash.json.
import json
import os

import flash
import vfs

with open("flash.json") as file:
    files = json.load(file)
try:
    os.stat(flash.NAME)
except OSError:
    with open(flash.NAME, "wb") as file:
        for _ in range(flash.SECTORS):
            file.write(b"\xff" * flash.SECTOR)
    vfs.VfsLfs2.mkfs(flash.Flash())
flash.mount()
for source, target in files:
    with open("/host" + source, "rb") as file:
        data = file.read()
    with open(target, "wb") as file:
        file.write(data)

from __future__ import annotations

import pytest

from sim.on_micropython import needs_micropython, run_script
from wattkeep.domain.romfs import build_romfs

READ = """
import os, vfs
vfs.mount(vfs.VfsRom(bytes(data)), "/rom")
files = {}
for name, *_ in os.ilistdir("/rom"):
    with open("/rom/" + name, "rb") as file:
        files[name] = list(file.read())
answer(files)
"""


def test_the_same_files_give_the_same_bytes_in_any_order():
    files = {"b.mpy": b"two", "a.mpy": b"one"}

    assert build_romfs(files) == build_romfs(dict(reversed(files.items())))
    assert build_romfs(files).startswith(b"\xd2\xcd\x31")


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 16_383, 16_384, 20_000])
@needs_micropython
def test_micropython_reads_what_was_put_in(tmp_path, size):
    files = {"a.mpy": b"", "longer-name.bin": bytes(i % 251 for i in range(size))}

    image = build_romfs(files)

    assert len(image) % 2 == 0
    read = run_script(tmp_path, READ, list(image))
    assert {name: bytes(content) for name, content in read.items()} == files

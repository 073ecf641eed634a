"""Reads enlarged text off a display, by the interpreter's own 8 x 8 letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.on_micropython import run_script

if TYPE_CHECKING:
    from pathlib import Path

LETTERS = "0123456789.-%VAWHzkh"

DRAW = """
import framebuf
letters = {}
for letter in data:
    buffer = bytearray(8)
    framebuf.FrameBuffer(buffer, 8, 8, framebuf.MONO_HLSB).text(letter, 0, 0, 1)
    letters[letter] = list(buffer)
answer(letters)
"""


class ReadingGlass:
    def __init__(self, folder: Path) -> None:
        self._letters = run_script(folder, DRAW, LETTERS)

    def shows(self, pixels: tuple[bytes, ...], text: str, *, scale: int) -> bool:
        """Tell whether the text stands somewhere with nothing left or right of it."""
        rows = []
        for y in range(8):
            bits = "".join(f"{self._letters[letter][y]:08b}" for letter in text)
            rows += [bytes(int(bit) for bit in bits for _ in range(scale))] * scale
        empty = bytes(len(rows[0]))
        rows = [row for row in rows if row != empty] or rows
        return any(
            self._stands_at(pixels, rows, left, top)
            for top in range(len(pixels) - len(rows) + 1)
            for left in range(len(pixels[0]) - len(rows[0]) + 1)
        )

    def _stands_at(self, pixels: tuple[bytes, ...], rows: list[bytes], left: int, top: int) -> bool:
        end = left + len(rows[0])
        for row, line in zip(rows, pixels[top : top + len(rows)], strict=True):
            if line[left:end] != row or any(line[end:]):
                return False
        return True

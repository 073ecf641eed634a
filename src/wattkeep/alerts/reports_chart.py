"""Bar charts as PNG: flat colours on white, for mail programs that show nothing else."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Bars = Sequence[tuple[float, float]]

# Twice what is shown: sharp on fine screens.
WIDTH, HEIGHT = 1120, 280
WHITE, GRID, FAINT, STRONG = range(4)
COLOURS = bytes.fromhex("ffffffe7e2dbe8bd9fc05f24")
GRID_LINES = 4
LINE = 2
MOST_BAR = 64


def bar_chart(pairs: Bars) -> bytes:
    """Return a PNG with a pair of bars for each (before, now); all share one scale from zero."""
    rows = [bytearray(WIDTH) for _ in range(HEIGHT)]
    for number in range(GRID_LINES + 1):
        top = round(number * (HEIGHT - LINE) / GRID_LINES)
        _fill(rows, (0, WIDTH), (top, top + LINE), GRID)
    most = max((value for pair in pairs for value in pair), default=0)
    slot = WIDTH / max(len(pairs), 1)
    bar = min(int(slot * 0.36), MOST_BAR)
    for index, (before, now) in enumerate(pairs):
        middle = round(slot * (index + 0.5))
        _bar(rows, (middle - bar, middle), before, most, FAINT)
        _bar(rows, (middle, middle + bar), now, most, STRONG)
    return _png(rows)


def _bar(
    rows: list[bytearray], columns: tuple[int, int], value: float, most: float, colour: int
) -> None:
    if most <= 0 or value <= 0:
        return
    top = HEIGHT - max(round(value / most * (HEIGHT - LINE)), LINE)
    _fill(rows, columns, (top, HEIGHT), colour)


def _fill(
    rows: list[bytearray], columns: tuple[int, int], lines: tuple[int, int], colour: int
) -> None:
    first, last = columns
    for row in rows[lines[0] : lines[1]]:
        row[first:last] = bytes([colour]) * (last - first)


def _png(rows: Sequence[bytearray]) -> bytes:
    """Return rows of palette indices as a PNG file."""
    header = struct.pack(">IIBBBBB", WIDTH, len(rows), 8, 3, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"PLTE", COLOURS), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

"""MicroPython's ROMFS: a read-only file system whose code runs where it lies in flash."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = b"\xd2\xcd\x31"
DATA = 2
FILE = 5


def build_romfs(files: Mapping[str, bytes]) -> bytes:
    """Return an image with these files in one folder; the same files give the same bytes."""
    body = b"".join(
        _record(FILE, _text(name) + _record(DATA, content))
        for name, content in sorted(files.items())
    )
    length = _number(len(body))
    if (len(HEADER) + len(length) + len(body)) % 2:
        # Images have an even length; a number may begin with a part that is zero.
        length = b"\x80" + length
    return HEADER + length + body


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _text(name: str) -> bytes:
    return _number(len(name)) + name.encode("ascii")


def _number(value: int) -> bytes:
    """Return a number in sevens of bits, the highest first; all but the last carry a mark."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.insert(0, 0x80 | (value & 0x7F))
    return bytes(parts)

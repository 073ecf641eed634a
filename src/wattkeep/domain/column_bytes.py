"""One column as bytes: what encoding, a checksum, where it is null, and packed numbers."""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from pcodec import (  # type: ignore[import-untyped]  # it brings no types
    ChunkConfig,
    DeltaSpec,
    standalone,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

_HEAD = struct.Struct("<BI")
_LENGTH = struct.Struct("<I")
_HAS_NULLS = 0x80
# Numbers below are packed as 32 bits.
_MOST_SMALL = 2**31
_DELTAS = (DeltaSpec.auto(), DeltaSpec.try_consecutive(1), DeltaSpec.try_consecutive(2))


class Encoding(IntEnum):
    """How a column's values are written; the low seven bits of its first byte."""

    NOTHING = 0
    FLOATS = 1
    DECIMALS = 2
    # Decimals, less what power, voltage and the other of the two tell.
    FROM_APPARENT_POWER = 3
    # Decimals, less the power added up.
    FROM_WORK = 4
    INSTANTS = 16


class CorruptColumnError(ValueError):
    """Bytes that are not what was written, or were written by a newer Wattkeep."""


def packed(values: NDArray[Any]) -> bytes:
    """Return numbers in the shortest form that pcodec finds."""
    if values.dtype == np.int64 and bool(np.all(np.abs(values) < _MOST_SMALL)):
        values = values.astype(np.int32)
    deltas = _DELTAS if values.dtype.kind == "i" else _DELTAS[:1]
    return min(
        (
            bytes(standalone.simple_compress(values, ChunkConfig(delta_spec=delta)))
            for delta in deltas
        ),
        key=len,
    )


def unpacked(name: str, body: bytes, count: int) -> NDArray[Any]:
    """Return the numbers that `packed` made these bytes of.

    Raises:
        CorruptColumnError: they are not, or not so many.
    """
    try:
        values: NDArray[Any] | None = standalone.simple_decompress(body)
    except RuntimeError as error:
        raise CorruptColumnError(f"{name}: {error}") from error
    if values is None or len(values) != count:
        raise CorruptColumnError(f"{name}: not {count} values")
    return values


def sealed(encoding: Encoding, body: bytes, nulls: Flags | None = None) -> bytes:
    """Return a column: its encoding, a CRC-32 of all else, where it is null, and its body."""
    mark = int(encoding)
    if nulls is not None and encoding != Encoding.NOTHING:
        mark |= _HAS_NULLS
        bitmap = zlib.compress(np.packbits(nulls).tobytes(), 9)
        body = _LENGTH.pack(len(bitmap)) + bitmap + body
    return _HEAD.pack(mark, zlib.crc32(body, zlib.crc32(bytes([mark])))) + body


def opened(name: str, encoded: bytes, count: int) -> tuple[int, Flags | None, bytes]:
    """Return a column's encoding, where it is null, and its body.

    Raises:
        CorruptColumnError: the bytes are not what was written.
    """
    if len(encoded) < _HEAD.size:
        raise CorruptColumnError(f"{name}: too short")
    mark, checksum = _HEAD.unpack_from(encoded)
    body = encoded[_HEAD.size :]
    if zlib.crc32(body, zlib.crc32(bytes([mark]))) != checksum:
        raise CorruptColumnError(f"{name}: the checksum is wrong")
    if not mark & _HAS_NULLS:
        return mark, None, body
    (length,) = _LENGTH.unpack_from(body)
    bitmap, body = body[_LENGTH.size : _LENGTH.size + length], body[_LENGTH.size + length :]
    bits = np.frombuffer(zlib.decompress(bitmap), np.uint8)
    return mark & ~_HAS_NULLS, np.unpackbits(bits, count=count).astype(np.bool_), body


def unknown(name: str, encoding: int) -> CorruptColumnError:
    """Return the error about an encoding that this version does not have."""
    return CorruptColumnError(f"{name}: encoding {encoding} is not known to this Wattkeep")

"""Modbus-RTU framing: the checksum, and putting it on and taking it off."""

from __future__ import annotations

SHORTEST_FRAME = 4


def crc16(data: bytes) -> int:
    """Return the CRC-16/Modbus of the bytes."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def seal_frame(body: bytes) -> bytes:
    """Return the body with its checksum behind it, low byte first."""
    return body + crc16(body).to_bytes(2, "little")


def open_frame(frame: bytes) -> bytes | None:
    """Return the body of a frame, or None where its checksum does not fit."""
    if len(frame) < SHORTEST_FRAME:
        return None
    body, checksum = frame[:-2], frame[-2:]
    return body if crc16(body).to_bytes(2, "little") == checksum else None

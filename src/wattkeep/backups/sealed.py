"""A stream encrypted under a passphrase: AES-256-GCM in chunks, cut or swapped ones are noticed."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = b"WATTKEEP-SEALED-1\n"
SALT_BYTES = 16
CHUNK_BYTES = 1 << 20
TAG_BYTES = 16
# 64 MiB and about a quarter of a second: what a guess costs.
SCRYPT_N = 1 << 16
SCRYPT_R = 8


class WrongPassphraseError(Exception):
    """The passphrase is another one, or the file was changed or cut off."""


class SealingWriter(io.RawIOBase):
    """Encrypts what is written to it into `target`; `close` writes the end."""

    def __init__(self, target: BinaryIO, passphrase: str) -> None:
        self._target = target
        salt = os.urandom(SALT_BYTES)
        self._cipher = _cipher(passphrase, salt)
        self._chunk = 0
        self._waiting = bytearray()
        target.write(MAGIC + salt)

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        count = memoryview(data).nbytes
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._write_chunk(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]
        return count

    def close(self) -> None:
        if not self.closed:
            self._write_chunk(bytes(self._waiting), is_last=True)
            super().close()

    def _write_chunk(self, data: bytes, *, is_last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._chunk, is_last=is_last), data, None))
        self._chunk += 1


class SealedReader(io.RawIOBase):
    """Decrypts what a SealingWriter wrote.

    Raises:
        WrongPassphraseError: from the constructor or while reading.
    """

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        self._source = source
        head = source.read(len(MAGIC) + SALT_BYTES)
        self._cipher = _cipher(passphrase, head[len(MAGIC) :])
        self._chunk = 0
        self._ahead = source.read(CHUNK_BYTES + TAG_BYTES)
        self._plain = memoryview(b"")
        self._is_over = False
        self._read_chunk()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        while not self._plain and not self._is_over:
            self._read_chunk()
        count = min(len(view), len(self._plain))
        view[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _read_chunk(self) -> None:
        data, self._ahead = self._ahead, self._source.read(CHUNK_BYTES + TAG_BYTES)
        self._is_over = not self._ahead
        nonce = _nonce(self._chunk, is_last=self._is_over)
        try:
            self._plain = memoryview(self._cipher.decrypt(nonce, data, None))
        except InvalidTag:
            raise WrongPassphraseError(
                "The passphrase is wrong, or the file was changed or cut off."
            ) from None
        self._chunk += 1


def is_sealed(head: bytes) -> bool:
    """Tell whether a file that begins with `head` is encrypted."""
    return head.startswith(MAGIC)


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    key = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=1).derive(passphrase.encode())
    return AESGCM(key)


def _nonce(chunk: int, *, is_last: bool) -> bytes:
    # The number keeps chunks in order, the flag tells an end from a cut.
    return chunk.to_bytes(11, "big") + bytes([is_last])

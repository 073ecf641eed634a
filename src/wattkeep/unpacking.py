"""Packed files read as if they were plain: gzip, xz and zip, told apart by their first bytes."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

MAGIC_BYTES = 6
GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\x00"
ZIP_MAGIC = b"PK\x03\x04"

# What reading a packed file raises when it is damaged or cut short.
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)


class ArchiveError(ValueError):
    """An archive that does not say which file is meant."""


@contextmanager
def unpacked(raw: io.BufferedReader) -> Iterator[IO[bytes]]:
    """Yield what is in an opened file; errors of `DAMAGE` come while it is read.

    Raises:
        ArchiveError: a zip archive with no file in it, or more than one.
    """
    magic = raw.peek(MAGIC_BYTES)[:MAGIC_BYTES]
    if magic.startswith(ZIP_MAGIC):
        with zipfile.ZipFile(raw) as archive, archive.open(_only_member(archive)) as member:
            yield member
    elif magic.startswith(GZIP_MAGIC):
        with gzip.GzipFile(fileobj=raw) as stream:
            yield cast("IO[bytes]", stream)
    elif magic.startswith(XZ_MAGIC):
        with lzma.LZMAFile(raw) as stream:
            yield stream
    else:
        yield raw


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    # macOS puts a shadow of every file beside it.
    files = [
        one
        for one in archive.infolist()
        if not one.is_dir() and not one.filename.startswith("__MACOSX/")
    ]
    if len(files) == 1:
        return files[0]
    names = ", ".join(one.filename for one in files[:5]) or "none"
    raise ArchiveError(f"a zip archive has to hold exactly one file; here: {names}")

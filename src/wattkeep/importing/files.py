"""A file's text, packed or plain, and how far it has been read."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.unpacking import DAMAGE, ArchiveError, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD_CHARACTERS = 65_536


class ImportFileError(ValueError):
    """A file that cannot be imported; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file while it is read."""

    text: io.TextIOWrapper
    raw: io.BufferedReader

    def position(self) -> int:
        """Return how many bytes on the disk have been read."""
        return self.raw.tell()


@contextmanager
def open_text(path: Path) -> Iterator[OpenFile]:
    """Yield a file's text.

    Raises:
        ImportFileError: it is not there, is no text, is damaged, or is an archive of several files.
    """
    try:
        with path.open("rb") as raw, unpacked(raw) as stream:
            yield OpenFile(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""), raw)
    except ArchiveError as error:
        raise ImportFileError(f"{path.name}: {error}") from error
    except DAMAGE as error:
        raise ImportFileError(f"{path.name}: the packed file is damaged or cut short") from error
    except UnicodeDecodeError as error:
        raise ImportFileError(f"{path.name}: not a text file (byte {error.start})") from error
    except OSError as error:
        raise ImportFileError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_head(path: Path) -> str:
    """Return a file's first characters."""
    with open_text(path) as file:
        return file.text.read(HEAD_CHARACTERS)

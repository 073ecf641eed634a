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
# No table has a longer line; one without an end would fill the memory.
MOST_LINE_CHARACTERS = 1_000_000
# What is read at once because it has no lines: a few years of hourly statistics are 20 MB.
MOST_AT_ONCE_CHARACTERS = 64 * 1024 * 1024


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

    def lines(self) -> Iterator[str]:
        """Yield the file's lines.

        Raises:
            ImportFileError: one has no end.
        """
        while line := self.text.readline(MOST_LINE_CHARACTERS):
            if len(line) >= MOST_LINE_CHARACTERS and not line.endswith(("\n", "\r")):
                raise ImportFileError(
                    f"a line has more than {MOST_LINE_CHARACTERS:,} characters: this is no table"
                )
            yield line

    def all_text(self) -> str:
        """Return everything that is left of the file.

        Raises:
            ImportFileError: it is too much to be read at once.
        """
        text = self.text.read(MOST_AT_ONCE_CHARACTERS + 1)
        if len(text) > MOST_AT_ONCE_CHARACTERS:
            raise ImportFileError(
                f"it unpacks to more than {MOST_AT_ONCE_CHARACTERS // 1024**2} million characters:"
                " split it by year"
            )
        return text


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

"""A backup as a file: a compressed tar of members and, last, a manifest with their checksums."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from wattkeep.backups.sealed import SealedReader, SealingWriter, WrongPassphraseError, is_sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = "manifest.json"
FORMAT = 1
# Most of a database is compressed already; more than this costs time and brings nothing.
GZIP_LEVEL = 3
COPY_BYTES = 1 << 20
PRIVATE = 0o600


class BackupError(Exception):
    """A backup could not be made, read or brought back; the message says why."""


@dataclass
class Manifest:
    """What a backup holds and when it was true."""

    version: str
    database: str
    # Every reading acknowledged before this is in it.
    taken_at: str
    # The newest migration of each app.
    migrations: dict[str, str]
    # Rows by table.
    rows: dict[str, int]
    # The columns of each table's copy, in their order; PostgreSQL only.
    columns: dict[str, list[str]] = field(default_factory=dict)
    # SHA-256 by member, in hex.
    members: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Read a manifest.

        Raises:
            BackupError: it is none, or of a later format.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            if values.get("format", 0) > FORMAT:
                raise BackupError("this backup was made by a newer Wattkeep: update first")
            return cls(**values)
        except (ValueError, TypeError, AttributeError):
            raise BackupError(
                "this is no backup of Wattkeep: its manifest cannot be read"
            ) from None


class ArchiveWriter:
    """Adds members to a backup that is being written; `finish` adds the manifest."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._tar = tar
        self.manifest = manifest

    def add(self, name: str, path: Path) -> None:
        """Add a file."""
        info = tarfile.TarInfo(name)
        info.size = path.stat().st_size
        info.mode = PRIVATE
        with path.open("rb") as source:
            hashing = _HashingReader(source)
            self._tar.addfile(info, cast("BinaryIO", hashing))
        self.manifest.members[name] = hashing.digest()

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a small member."""
        info = tarfile.TarInfo(name)
        info.size = len(content)
        info.mode = PRIVATE
        self._tar.addfile(info, io.BytesIO(content))
        if name != MANIFEST:
            self.manifest.members[name] = hashlib.sha256(content).hexdigest()

    def finish(self) -> None:
        self.add_bytes(MANIFEST, self.manifest.to_json())


@contextmanager
def writing(path: Path, manifest: Manifest, passphrase: str) -> Iterator[ArchiveWriter]:
    """Write a backup to `path`, which must not exist; encrypted if there is a passphrase.

    When the block ends well the file is complete and on the disk.
    """
    with ExitStack() as stack:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        file = stack.enter_context(os.fdopen(descriptor, "wb"))
        stack.callback(_sync, file)
        target: BinaryIO = file
        if passphrase:
            target = cast("BinaryIO", stack.enter_context(SealingWriter(file, passphrase)))
        zipped = stack.enter_context(
            gzip.GzipFile(fileobj=target, mode="wb", compresslevel=GZIP_LEVEL, mtime=0)
        )
        tar = stack.enter_context(
            tarfile.open(fileobj=zipped, mode="w|", bufsize=COPY_BYTES, format=tarfile.PAX_FORMAT)
        )
        writer = ArchiveWriter(tar, manifest)
        yield writer
        writer.finish()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def extract(path: Path, into: Path, passphrase: str) -> Manifest:
    """Unpack a backup into the folder `into` and return its manifest, every byte checked.

    Raises:
        BackupError: it is none, damaged, cut off, or its passphrase is another one.
    """
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    try:
        with _open_tar(path, passphrase) as tar:
            for info in tar:
                source = tar.extractfile(info)
                if not info.isfile() or source is None or Path(info.name).name != info.name:
                    raise BackupError(f"{path} holds {info.name!r}, which no backup does")
                if info.name == MANIFEST:
                    manifest = Manifest.from_json(source.read())
                else:
                    found[info.name] = _copy(source, into / info.name)
    except WrongPassphraseError as error:
        raise BackupError(str(error)) from error
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise BackupError(f"{path} is damaged or no backup of Wattkeep: {error}") from error
    if manifest is None:
        raise BackupError(f"{path} is cut off: it has no manifest")
    if found != manifest.members:
        raise BackupError(f"{path} is damaged: its checksums do not agree with what it holds")
    return manifest


def is_encrypted(path: Path) -> bool:
    """Tell whether a backup needs a passphrase."""
    with path.open("rb") as file:
        return is_sealed(file.read(64))


@contextmanager
def _open_tar(path: Path, passphrase: str) -> Iterator[tarfile.TarFile]:
    with ExitStack() as stack:
        source: BinaryIO = stack.enter_context(path.open("rb"))
        if is_encrypted(path):
            if not passphrase:
                raise BackupError(f"{path} is encrypted: give its passphrase")
            reader = stack.enter_context(SealedReader(source, passphrase))
            source = cast("BinaryIO", io.BufferedReader(reader, COPY_BYTES))
        zipped = stack.enter_context(gzip.GzipFile(fileobj=source, mode="rb"))
        yield stack.enter_context(tarfile.open(fileobj=zipped, mode="r|", bufsize=COPY_BYTES))
        # A tar ends before its file does; the checksum over everything stands at the file's end.
        while zipped.read(COPY_BYTES):
            pass


def _copy(source: Any, target: Path) -> str:
    digest = hashlib.sha256()
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:  # noqa: PTH123 - the mode must hold from the first byte
        while piece := source.read(COPY_BYTES):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


class _HashingReader:
    """A file that remembers the hash of what was read from it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._hash.update(piece)
        return piece

    def digest(self) -> str:
        return self._hash.hexdigest()

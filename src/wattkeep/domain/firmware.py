"""A release of the boards' firmware: its files, its manifest, and what a board can take."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.domain.rollout import is_version

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "manifest.json"
# Half of the ROM partition, and what a board reads of a manifest at once.
MOST_FILE_BYTES = 160 * 1024
MOST_MANIFEST_BYTES = 1024
_NAME = re.compile(r"[A-Za-z0-9_.]{1,64}")


class ReleaseError(Exception):
    """A release cannot be published or changed; the message says why."""


@dataclass(frozen=True, slots=True)
class Release:
    """The files of one version, and the manifest that lists them."""

    version: str
    files: Mapping[str, bytes]

    @property
    def manifest(self) -> bytes:
        """The list of its files with sizes and SHA-256, the same bytes every time."""
        files = [
            [path, len(content), hashlib.sha256(content).hexdigest()]
            for path, content in sorted(self.files.items())
        ]
        return json.dumps({"version": self.version, "files": files}, separators=(",", ":")).encode()

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))


def check_release(release: Release) -> None:
    """Raise ReleaseError unless a board can take it."""
    if not is_version(release.version):
        raise ReleaseError(f"{release.version!r} is not a version. Write one such as 1.2.0.")
    if not release.files:
        raise ReleaseError("there are no files in it.")
    if len(release.manifest) > MOST_MANIFEST_BYTES:
        raise ReleaseError(f"{len(release.files)} files are too many for one manifest.")
    for path, content in release.files.items():
        if not _NAME.fullmatch(path) or path == MANIFEST:
            raise ReleaseError(f"{path!r} cannot be the name of a file in it.")
        if len(content) > MOST_FILE_BYTES:
            raise ReleaseError(f"{path} has {len(content):,} bytes; {MOST_FILE_BYTES:,} fit.")

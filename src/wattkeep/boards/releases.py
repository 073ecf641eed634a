"""Releases of the firmware: publishing, how many devices get one, taking it back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from wattkeep.boards.configuration import count_change
from wattkeep.domain.firmware import MANIFEST, ReleaseError, check_release
from wattkeep.domain.rollout import MISSING_AFTER, is_covered
from wattkeep.monitoring.models import (
    BoardReport,
    FirmwareFile,
    FirmwareRelease,
    FirmwareTrial,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from wattkeep.boards.reports import FileRequest
    from wattkeep.domain.firmware import Release

# More at once does not fit into a board beside everything else.
PIECE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Tally:
    """How many devices a release was offered to, and what became of it there."""

    offered: int = 0
    fetching: int = 0
    confirmed: int = 0
    failed: int = 0
    missing: int = 0


def publish(release: Release, share: int) -> FirmwareRelease:
    """Store a release and offer it to `share` % of the devices.

    Raises:
        ReleaseError: no board could take it, or there is one of that version.
    """
    check_release(release)
    manifest = release.manifest
    with transaction.atomic():
        row, is_new = FirmwareRelease.objects.get_or_create(
            version=release.version,
            defaults={
                "manifest": manifest,
                "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
                "size": release.size,
            },
        )
        if not is_new:
            raise ReleaseError(
                f"there is a release {release.version} already. A version is never changed: "
                "give the new one a number of its own."
            )
        FirmwareFile.objects.bulk_create(
            FirmwareFile(
                release=row,
                path=path,
                sha256=hashlib.sha256(content).hexdigest(),
                content=content,
            )
            for path, content in release.files.items()
        )
        change_share(row, share)
    return row


def change_share(release: FirmwareRelease, share: int) -> None:
    """Roll a release out to `share` % of the devices, also if it was halted or withdrawn.

    What went wrong until now does not count against it any more.
    """
    was = release.share if is_open(release) else 0
    release.share = share
    release.withdrawn_at = release.halted_at = None
    release.halt_reason = ""
    release.counted_from = timezone.now()
    with transaction.atomic():
        release.save()
        boards = BoardReport.objects.values_list("device_id", flat=True)
        count_change(
            device_id
            for device_id in boards
            if is_covered(device_id, release.version, share)
            and not is_covered(device_id, release.version, was)
        )


def withdraw(release: FirmwareRelease) -> None:
    """Offer a release to nobody any more. Boards that run it go on with it."""
    release.withdrawn_at = timezone.now()
    release.save(update_fields=["withdrawn_at"])


def is_open(release: FirmwareRelease) -> bool:
    """Tell whether a release is offered to anybody."""
    return release.withdrawn_at is None and release.halted_at is None and release.share > 0


def state_of(release: FirmwareRelease) -> str:
    """Return a release's state in a word."""
    if release.withdrawn_at is not None:
        return "withdrawn"
    if release.halted_at is not None:
        return "halted"
    return "open" if release.share else "held back"


def count_covered(release: FirmwareRelease) -> tuple[int, int]:
    """Return to how many boards a release goes, and how many there are."""
    boards = list(BoardReport.objects.values_list("device_id", flat=True))
    covered = sum(is_covered(one, release.version, release.share) for one in boards)
    return covered, len(boards)


def tallies(releases: Iterable[FirmwareRelease], now: datetime) -> dict[int, Tally]:
    """Return release id → what became of it on the devices, in one query."""
    state = FirmwareTrial.State
    rows = (
        FirmwareTrial.objects.filter(release__in=list(releases))
        .order_by()
        .values_list("release_id")
        .annotate(
            offered=Count("id"),
            fetching=Count("id", filter=Q(state=state.FETCHING)),
            confirmed=Count("id", filter=Q(state=state.CONFIRMED)),
            failed=Count("id", filter=Q(state=state.FAILED)),
            missing=Count("id", filter=Q(state=state.FETCHING, fetched_at__lt=now - MISSING_AFTER)),
        )
    )
    return {release_id: Tally(*counts) for release_id, *counts in rows}


def piece_of(device_id: int, wanted: FileRequest, now: datetime) -> tuple[bytes, int] | None:
    """Return up to 1,024 bytes of a release's file and the size of the whole.

    None unless this release is being offered to this device.
    """
    trial = (
        FirmwareTrial.objects.filter(device_id=device_id, release__version=wanted.version)
        .exclude(state=FirmwareTrial.State.FAILED)
        .select_related("release")
        .first()
    )
    if trial is None or not is_open(trial.release):
        return None
    if wanted.path == MANIFEST:
        content = bytes(trial.release.manifest)
        if not wanted.offset and trial.state != FirmwareTrial.State.CONFIRMED:
            FirmwareTrial.objects.filter(pk=trial.pk).update(
                state=FirmwareTrial.State.FETCHING, fetched_at=now
            )
    else:
        file = FirmwareFile.objects.filter(release=trial.release_id, path=wanted.path).first()
        if file is None:
            return None
        content = bytes(file.content)
    return content[wanted.offset : wanted.offset + PIECE_BYTES], len(content)

"""Which release a board is offered now, what it says became of one, and when to stop."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db.models import Q

from wattkeep.domain.rollout import MISSING_AFTER, is_covered, is_failing, version_key
from wattkeep.monitoring.models import FirmwareRelease, FirmwareTrial

if TYPE_CHECKING:
    from datetime import datetime

    from wattkeep.boards.reports import Report

logger = logging.getLogger(__name__)

CONFIRMED = "confirmed"
ROLLED_BACK = "rolled back"


def offer_for(device_id: int, firmware: str, now: datetime) -> FirmwareRelease | None:
    """Return the newest release this device is to get in place of `firmware`, or None.

    One that failed here is not offered here again, and nobody is led back to an older version.
    """
    failed = FirmwareTrial.objects.filter(
        device_id=device_id, state=FirmwareTrial.State.FAILED
    ).values("release_id")
    releases = (
        FirmwareRelease.objects.filter(withdrawn_at=None, halted_at=None, share__gt=0)
        .exclude(pk__in=failed)
        .defer("manifest")
    )
    newer = [
        release
        for release in releases
        if version_key(release.version) > version_key(firmware)
        and is_covered(device_id, release.version, release.share)
    ]
    newest = max(newer, key=lambda release: version_key(release.version), default=None)
    if newest is None or _halt_if_failing(newest, now):
        return None
    FirmwareTrial.objects.get_or_create(
        release=newest, device_id=device_id, defaults={"offered_at": now}
    )
    return newest


def settle_trial(device_id: int, report: Report, now: datetime) -> None:
    """Note what a board says about the release it was trying."""
    trials = FirmwareTrial.objects.filter(device_id=device_id).select_related("release")
    if report.update.startswith(ROLLED_BACK):
        # It runs the version from before, so it speaks of the last one that it fetched.
        fetched = trials.exclude(Q(fetched_at=None) | Q(release__version=report.firmware))
        trial = fetched.order_by("-fetched_at").first()
        if trial is None or trial.state == FirmwareTrial.State.FAILED:
            return
        reason = report.update.removeprefix(ROLLED_BACK).lstrip(": ") or "no reason given"
        _end(trial, FirmwareTrial.State.FAILED, now, reason)
        logger.warning("device %s rolled %s back: %s", device_id, trial.release.version, reason)
        _halt_if_failing(trial.release, now)
    else:
        # A trial is passed when a reading was acknowledged. Whoever asks for news is past that,
        # even if the answer to its own "confirmed" was lost.
        running = trials.filter(release__version=report.firmware)
        trial = running.exclude(state=FirmwareTrial.State.CONFIRMED).first()
        if trial is not None:
            _end(trial, FirmwareTrial.State.CONFIRMED, now, "")


def _end(trial: FirmwareTrial, state: FirmwareTrial.State, now: datetime, reason: str) -> None:
    trial.state, trial.ended_at, trial.reason = state, now, reason[:100]
    trial.save(update_fields=["state", "ended_at", "reason"])


def _halt_if_failing(release: FirmwareRelease, now: datetime) -> bool:
    """Stop a release that fails on too many boards; tell whether it is stopped."""
    since = Q(release=release, ended_at__gte=release.counted_from)
    ended = FirmwareTrial.objects.filter(since).values_list("state", flat=True)
    confirmed = ended.filter(state=FirmwareTrial.State.CONFIRMED).count()
    failed = ended.filter(state=FirmwareTrial.State.FAILED).count()
    missing = FirmwareTrial.objects.filter(
        release=release,
        state=FirmwareTrial.State.FETCHING,
        fetched_at__gte=release.counted_from,
        fetched_at__lt=now - MISSING_AFTER,
    ).count()
    if not is_failing(confirmed=confirmed, failed=failed, missing=missing):
        return False
    reason = (
        f"{failed} rolled back and {missing} not heard again, "
        f"of {confirmed + failed + missing} boards"
    )
    halted = FirmwareRelease.objects.filter(pk=release.pk, halted_at=None)
    if halted.update(halted_at=now, halt_reason=reason):
        logger.error("firmware %s is halted: %s", release.version, reason)
    return True

"""A board asks for news: what it says is kept, what it should know is answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db import transaction

from wattkeep.boards.commands import hand_over, settle
from wattkeep.boards.configuration import configuration_for
from wattkeep.boards.rollout import offer_for, settle_trial
from wattkeep.monitoring.models import BoardReport, Device

if TYPE_CHECKING:
    from datetime import datetime

    from wattkeep.boards.reports import Report

MOST_NONCES = 64


class ReplayedError(Exception):
    """A report that came before came again."""


def answer_report(device_id: int, report: Report, now: datetime) -> dict[str, Any]:
    """Keep what a board reports and return what it is to know, within 1,024 bytes as JSON.

    Raises:
        ReplayedError: its nonce came before, so somebody recorded it; nothing was changed.
    """
    with transaction.atomic():
        kept = _keep(device_id, report, now)
        settle(device_id, report.done, now)
        settle_trial(device_id, report, now)
        # The number first: what changes from here on makes it grow, and the board asks again.
        device = Device.objects.get(pk=device_id)
        kept.told_version = device.config_version
        kept.save(update_fields=["told_version"])
        release = offer_for(device_id, report.firmware, now)
        return {
            "nonce": report.nonce,
            "config_version": device.config_version,
            "config": configuration_for(device),
            "commands": hand_over(device_id, now),
            "update": {
                "version": release.version,
                "size": release.size,
                "manifest_sha256": release.manifest_sha256,
            }
            if release
            else None,
        }


def _keep(device_id: int, report: Report, now: datetime) -> BoardReport:
    """Store a report as the device's newest and return it."""
    kept, _ = BoardReport.objects.select_for_update().get_or_create(
        device_id=device_id, defaults={"reported_at": now}
    )
    nonces = kept.nonces.split()
    if report.nonce in nonces:
        raise ReplayedError("This nonce was used before.")
    kept.reported_at = now
    for name in ("boot", "firmware", "slot", "config_version"):
        setattr(kept, name, getattr(report, name))
    for name, value in asdict(report.health).items():
        setattr(kept, name, value)
    if report.log:
        kept.log, kept.log_at = report.log, now
    kept.nonces = " ".join([*nonces, report.nonce][-MOST_NONCES:])
    kept.save()
    return kept
